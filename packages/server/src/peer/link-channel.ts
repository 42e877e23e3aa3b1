import type { PeerChannel, PeerChannelHandler } from './channel.ts';
import { closeBody, END_GRACE_MS } from './close-frame.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import { FrameWriter, type Traffic } from './frame-writer.ts';
import type { LinkFrames } from './link-frames.ts';
import type { LinkCloseReason } from './link-ports.ts';

/** One channel in the life of a link: what it was before, and what comes after, is none of its business. */
export class LinkChannel implements PeerChannelHandler {
  readonly channel: PeerChannel;
  readonly writer: FrameWriter;
  readonly #frames: LinkFrames;
  readonly #traffic: Traffic;
  readonly #reader: FrameReader;
  #detached = false;

  constructor(channel: PeerChannel, frames: LinkFrames, traffic: Traffic, maxFrameBytes: number) {
    this.channel = channel;
    this.writer = new FrameWriter(channel, traffic);
    this.#frames = frames;
    this.#traffic = traffic;
    this.#reader = new FrameReader(frames, maxFrameBytes);
    channel.handler = this;
  }

  onData(chunk: Uint8Array): void {
    if (this.#detached) return;
    this.#traffic.bytesIn += chunk.length;
    const before = this.#frames.count;
    this.#reader.push(chunk);
    this.#traffic.framesIn += this.#frames.count - before;
    this.#frames.onHeard();
  }

  onDrain(): void {
    if (this.#detached) return;
    this.writer.drained();
    this.#frames.onRoom();
  }

  onClosed(): void {
    if (!this.#detached) this.#frames.onChannelGone();
  }

  /** Tells the peer why, sends what waits, and ends it. The link hears nothing more of it. */
  end(reason: LinkCloseReason, detail: string): void {
    if (this.#detached) return;
    this.writer.copy(FrameType.Close, closeBody(reason, detail));
    this.writer.flush();
    this.#detach();
    this.channel.end(END_GRACE_MS);
  }

  /** The link hears nothing more of it. */
  destroy(): void {
    if (this.#detached) return;
    this.#detach();
    this.channel.destroy();
  }

  #detach(): void {
    this.#detached = true;
    this.#reader.stop();
    this.writer.stop();
  }
}
