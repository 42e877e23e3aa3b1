import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { type Transport, TransportFault, type TransportHandler } from '../transport.ts';
import { FrameGatherer } from './frame-gatherer.ts';

/** RFC 6455 §7.4.1. */
const CloseCode = { Normal: 1000, UnsupportedData: 1003, MessageTooBig: 1009 } as const;
/** FIN and the opcode of a binary frame, RFC 6455 §5.2. */
const FINAL_BINARY = 0x82;
const MAX_HEADER_BYTES = 10;
/** A message is kept until it is whole; before the first one, that is memory for a stranger. */
const MAX_FIRST_MESSAGE_BYTES = 256 * 1024;

/**
 * A transport on a WebSocket whose handshake is complete. `ws` reads the frames and closes; data frames are written here, because
 * then the slices of a write leave as they lie, in one frame and one system call.
 */
export class WebSocketTransport implements Transport {
  readonly remoteAddress: string;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #frames: FrameGatherer;
  /** Of the frame under way; there is never more than one. */
  readonly #header = Buffer.allocUnsafe(MAX_HEADER_BYTES);
  #handler: TransportHandler | null = null;
  #error: Error | null = null;
  #written: (error?: Error | null) => void = ignore;
  #paused = false;
  /** What came out of one read after the handler had paused; null when there is nothing. */
  #held: Uint8Array[] | null = null;
  /** Bytes that came before the first whole message; -1 once that is there. */
  #unheardBytes = 0;

  constructor(webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.#frames = new FrameGatherer((bytes) => this.#deliver(bytes));
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
    this.#written = (error) => {
      if (error == null) this.#handler?.onWritten();
    };
    const [webSocket, socket] = [this.#webSocket, this.#socket];
    webSocket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    webSocket.on('error', (error) =>
      this.#gone(new TransportFault('websocket_violation', error.message, { cause: error })),
    );
    // Around the listener of `ws`, which turns one read into any number of messages.
    socket.prependListener('data', (chunk: Buffer) => this.#readBegins(chunk));
    socket.on('data', () => this.#frames.flush());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#frames.flush();
      this.#gone(this.#error);
    });
  }

  write(slices: readonly Uint8Array[], count: number): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const socket = this.#socket;
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += slices[i]!.length;
    socket.cork();
    socket.write(this.#head(bytes));
    for (let i = 0; i < count - 1; i++) socket.write(slices[i]!);
    socket.write(slices[count - 1]!, this.#written);
    socket.uncork();
  }

  pause(): void {
    this.#paused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#paused = false;
    // Never from within: whoever resumes has not finished yet.
    if (this.#held !== null) process.nextTick(() => this.#deliverHeld());
    else this.#webSocket.resume();
  }

  end(graceMs: number): void {
    this.#webSocket.close(CloseCode.Normal);
    // A peer that closes nothing of its own would hold the socket for ever.
    this.#socket.setTimeout(graceMs, () => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Unmasked, as every frame of a server, RFC 6455 §5.1. */
  #head(bytes: number): Buffer {
    const header = this.#header;
    header[0] = FINAL_BINARY;
    if (bytes < 126) {
      header[1] = bytes;
      return header.subarray(0, 2);
    }
    if (bytes < 65_536) {
      header[1] = 126;
      header.writeUInt16BE(bytes, 2);
      return header.subarray(0, 4);
    }
    header[1] = 127;
    header.writeUInt32BE(Math.floor(bytes / 2 ** 32), 2);
    header.writeUInt32BE(bytes % 2 ** 32, 6);
    return header;
  }

  #readBegins(chunk: Buffer): void {
    this.#frames.begin(chunk);
    if (this.#unheardBytes < 0 || this.#handler === null) return;
    this.#unheardBytes += chunk.length;
    if (this.#unheardBytes > MAX_FIRST_MESSAGE_BYTES) {
      this.#violated(CloseCode.MessageTooBig, 'the first message is too large');
    }
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#unheardBytes = -1;
    if (isBinary) this.#frames.add(data);
    else this.#violated(CloseCode.UnsupportedData, 'a text frame [MQTT-6.0.0-1]');
  }

  #deliver(bytes: Uint8Array): void {
    if (!this.#paused) this.#handler?.onData(bytes);
    else if (this.#held === null) this.#held = [bytes];
    else this.#held.push(bytes);
  }

  #deliverHeld(): void {
    while (!this.#paused && this.#held !== null) {
      const bytes = this.#held.shift()!;
      if (this.#held.length === 0) this.#held = null;
      this.#handler?.onData(bytes);
    }
    if (!this.#paused) this.#webSocket.resume();
  }

  #violated(code: number, what: string): void {
    this.#webSocket.close(code);
    this.#gone(new TransportFault('websocket_violation', what));
  }

  /** The handler's part is over, whatever `ws` still does to close. */
  #gone(error: Error | null): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#held = null;
    handler?.onClosed(error);
  }
}

function ignore(): void {}
