import type { FakeClock } from '../../lib/fake-clock.ts';
import type { ChannelTransport, PeerChannel, PeerChannelHandler } from '../channel.ts';

export interface PairOptions {
  /** Until a write arrives. */
  readonly latencyMs: number;
  /** Bytes under way past which `write` says that there is no room. */
  readonly roomBytes: number;
  /** How many of so many bytes come as the next chunk. */
  readonly chunk: (bytes: number) => number;
  readonly transport: ChannelTransport;
}

const DEFAULTS: PairOptions = { latencyMs: 1, roomBytes: 64 * 1024, chunk: (bytes) => bytes, transport: 'memory' };

/** One end of a pair of channels in memory. What it was given arrives in order, unless the pair is cut first. */
export class PairedChannel implements PeerChannel {
  readonly peerId: string;
  readonly direction: 'outbound' | 'inbound';
  readonly transport: ChannelTransport;
  readonly remoteAddress = '/memory/1';
  handler: PeerChannelHandler | null = null;
  other: PairedChannel | null = null;
  closed = false;
  /** Nothing arrives at the other end, and nobody notices. */
  mute = false;
  /** All that was written. */
  readonly written: Uint8Array[] = [];
  readonly #clock: FakeClock;
  readonly #options: PairOptions;
  #underWayBytes = 0;
  #blocked = false;
  #ending = false;

  constructor(clock: FakeClock, options: PairOptions, peerId: string, direction: 'outbound' | 'inbound') {
    this.#clock = clock;
    this.#options = options;
    this.transport = options.transport;
    this.peerId = peerId;
    this.direction = direction;
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed || this.#ending) return false;
    this.written.push(bytes);
    this.#underWayBytes += bytes.length;
    // Copied, and the original spoilt on arrival would show who writes to what was given away.
    const copy = bytes.slice();
    this.#clock.setTimeout(() => this.#arrive(copy), this.#options.latencyMs);
    this.#blocked = this.#underWayBytes > this.#options.roomBytes;
    return !this.#blocked;
  }

  get waitingBytes(): number {
    return this.#underWayBytes;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    if (this.closed || this.#ending) return;
    this.#ending = true;
    this.#clock.setTimeout(() => this.#cut(null), this.#options.latencyMs);
  }

  destroy(): void {
    this.#cut(null);
  }

  /** Breaks it at both ends. */
  cut(): void {
    this.#cut(new Error('cut'));
  }

  #cut(error: Error | null): void {
    for (const end of [this, this.other!]) {
      if (end.closed) continue;
      end.closed = true;
      this.#clock.setTimeout(() => end.handler?.onClosed(error), end === this ? 0 : this.#options.latencyMs);
    }
  }

  #arrive(bytes: Uint8Array): void {
    if (this.closed) return;
    if (this.mute) return;
    this.#underWayBytes -= bytes.length;
    const { handler } = this.other!;
    for (let at = 0; at < bytes.length; ) {
      const end = at + Math.max(1, Math.min(bytes.length - at, this.#options.chunk(bytes.length - at)));
      // Whoever took over the other end gets what is left.
      (this.other!.handler ?? handler)?.onData(bytes.slice(at, end));
      at = end;
      if (this.closed) return;
    }
    if (!this.#blocked || this.#underWayBytes > this.#options.roomBytes / 2) return;
    this.#blocked = false;
    this.handler?.onDrain();
  }
}

/** @returns the ends of whoever dials and of whoever is dialled */
export function channelPair(
  clock: FakeClock,
  dialler: string,
  dialled: string,
  options: Partial<PairOptions> = {},
): [PairedChannel, PairedChannel] {
  const all = { ...DEFAULTS, ...options };
  const outbound = new PairedChannel(clock, all, dialled, 'outbound');
  const inbound = new PairedChannel(clock, all, dialler, 'inbound');
  outbound.other = inbound;
  inbound.other = outbound;
  return [outbound, inbound];
}
