import type { PublishView } from '@plexus/protocol';

/** Whole packets where they lie in a read buffer. */
export interface PacketRange {
  readonly buffer: Uint8Array;
  readonly start: number;
  end: number;
}

/** PUBLISH packets set aside until the node has room, in order; consecutive ones are one range. */
export class ParkedPackets {
  bytes = 0;
  /** Those at QoS 0: nobody sends them again. */
  unacknowledgeable = 0;
  #ranges: PacketRange[] = [];

  add({ buffer, start, end, qos }: PublishView): void {
    this.bytes += end - start;
    if (qos === 0) this.unacknowledgeable++;
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.buffer === buffer && last.end === start) last.end = end;
    else this.#ranges.push({ buffer, start, end });
  }

  /** Takes the oldest range; null when there is none. */
  shift(): PacketRange | null {
    const range = this.#ranges.shift();
    if (range === undefined) return null;
    this.bytes -= range.end - range.start;
    return range;
  }

  /** Adds all of `others`, which are newer. */
  append(others: ParkedPackets): void {
    this.#ranges.push(...others.#ranges);
    this.bytes += others.bytes;
    this.unacknowledgeable += others.unacknowledgeable;
  }
}
