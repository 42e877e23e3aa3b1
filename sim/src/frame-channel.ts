import type { PeerChannel, PeerChannelHandler } from './ports.ts';

/** Length of a frame: four bytes, big-endian; it counts the type and what follows. */
const LENGTH_BYTES = 4;

/** Changes the frames that come in over a channel. @returns frames, whole, to hand on instead of this one; none: it is held or gone */
export type FrameFilter = (frame: Uint8Array) => readonly Uint8Array[];

export const frameType = (frame: Uint8Array): number => frame[LENGTH_BYTES]!;

/** A channel whose incoming frames go through a filter. What goes out is left alone. */
export class FrameChannel implements PeerChannel, PeerChannelHandler {
  readonly #channel: PeerChannel;
  readonly #filter: FrameFilter;
  #handler: PeerChannelHandler | null = null;
  #carry = new Uint8Array(0);

  constructor(channel: PeerChannel, filter: FrameFilter) {
    this.#channel = channel;
    this.#filter = filter;
  }

  get peerId(): string {
    return this.#channel.peerId;
  }
  get direction(): 'outbound' | 'inbound' {
    return this.#channel.direction;
  }
  get transport(): PeerChannel['transport'] {
    return this.#channel.transport;
  }
  get remoteAddress(): string {
    return this.#channel.remoteAddress;
  }
  get handler(): PeerChannelHandler | null {
    return this.#handler;
  }
  set handler(handler: PeerChannelHandler | null) {
    this.#handler = handler;
    this.#channel.handler = handler === null ? null : this;
  }
  write(bytes: Uint8Array): boolean {
    return this.#channel.write(bytes);
  }
  get waitingBytes(): number {
    return this.#channel.waitingBytes;
  }
  pause(): void {
    this.#channel.pause();
  }
  resume(): void {
    this.#channel.resume();
  }
  end(graceMs: number): void {
    this.#channel.end(graceMs);
  }
  destroy(): void {
    this.#channel.destroy();
  }

  onData(chunk: Uint8Array): void {
    const bytes = Uint8Array.from([...this.#carry, ...chunk]);
    const view = new DataView(bytes.buffer);
    const out: Uint8Array[] = [];
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + view.getUint32(at);
      if (end > bytes.length) break;
      out.push(...this.#filter(bytes.slice(at, end)));
      at = end;
    }
    this.#carry = bytes.slice(at);
    const whole = Uint8Array.from(Buffer.concat(out));
    if (whole.length > 0) this.#handler?.onData(whole);
  }

  onDrain(): void {
    this.#handler?.onDrain();
  }

  onClosed(error: Error | null): void {
    this.#handler?.onClosed(error);
  }
}
