import { AbstractStream, type AbstractStreamInit, type SendResult } from '@libp2p/utils';

/** A stream as the native library offers it. */
export interface NativeStream {
  id(): string | number;
  /** @returns null (or undefined): the other end has finished */
  read(maxBytes: number): Promise<Uint8Array | null | undefined>;
  /** Resolves when the library has taken all of it. */
  write(bytes: Uint8Array): Promise<void>;
  finishWrite(): Promise<void>;
  resetWrite(): Promise<void>;
  stopRead(): Promise<void>;
}

const READ_BYTES = 64 * 1024;

/**
 * One QUIC stream. Unlike the library's own, it does not read while it is paused: QUIC's flow control then stops the other end. It
 * also reads in larger pieces, since every read is a trip to another thread.
 */
export class QuicStream extends AbstractStream {
  readonly #native: NativeStream;
  #wake: (() => void) | null = null;

  constructor({ native, ...init }: AbstractStreamInit & { native: NativeStream }) {
    super(init);
    this.#native = native;
    this.addEventListener('close', () => this.#wake?.());
    void this.#read();
  }

  override sendData(data: Parameters<AbstractStream['sendData']>[0]): SendResult {
    const bytes = data.subarray();
    this.#native.write(bytes).then(
      () => this.safeDispatchEvent('drain'),
      (error: Error) => this.abort(error),
    );
    // One write at a time: what comes meanwhile is gathered, and goes out with the next.
    return { sentBytes: bytes.length, canSendMore: false };
  }

  override sendReset(): void {
    this.#native.resetWrite().catch(ignore);
    this.#native.stopRead().catch(ignore);
  }

  override sendPause(): void {}

  override sendResume(): void {
    this.#wake?.();
  }

  override async sendCloseWrite(): Promise<void> {
    await this.#native.finishWrite();
  }

  override async sendCloseRead(): Promise<void> {}

  async #read(): Promise<void> {
    try {
      while (this.#isOpen) {
        if (this.readStatus === 'paused') {
          await this.#resumed();
          continue;
        }
        const chunk = await this.#native.read(READ_BYTES);
        if (chunk == null) {
          this.onRemoteCloseWrite();
          return;
        }
        this.onData(chunk);
      }
    } catch {
      // The library does not say what it was; an end that was meant is null.
      if (this.#isOpen) this.onRemoteReset();
    }
  }

  get #isOpen(): boolean {
    return this.status === 'open' || this.status === 'closing';
  }

  #resumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }
}

function ignore(): void {}
