import type { PeerChannel, PeerChannelHandler } from '../ports.ts';

/** One end of a channel that remembers what came. */
export class Recorder implements PeerChannelHandler {
  readonly chunks: Uint8Array[] = [];
  /** Channels that it was given. */
  attached = 0;
  drains = 0;
  closed = false;
  error: Error | null = null;
  #channel: PeerChannel | null = null;

  get channel(): PeerChannel {
    return this.#channel!;
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  attach(channel: PeerChannel): void {
    this.attached++;
    this.#channel = channel;
    channel.handler = this;
  }

  say(text: string): void {
    this.channel.write(Buffer.from(text));
  }

  onData(chunk: Uint8Array): void {
    this.chunks.push(chunk);
  }
  onDrain(): void {
    this.drains++;
  }
  onClosed(error: Error | null): void {
    if (this.closed) throw new Error('closed twice');
    this.closed = true;
    this.error = error;
  }
}
