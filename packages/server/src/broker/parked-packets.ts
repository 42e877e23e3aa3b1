import type { PublishView, ServerDecoder } from '@plexus/protocol';

/** Whole packets where they lie in a read buffer. */
interface PacketRange {
  readonly buffer: Uint8Array;
  readonly start: number;
  end: number;
  /** Of them at QoS 0. */
  qos0: number;
}

/** PUBLISH packets set aside until the node has room, in order; consecutive ones are one range. */
export class ParkedPackets {
  bytes = 0;
  #ranges: PacketRange[] = [];

  get empty(): boolean {
    return this.#ranges.length === 0;
  }

  add({ buffer, start, end, qos }: PublishView): void {
    const qos0 = qos === 0 ? 1 : 0;
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.buffer === buffer && last.end === start) {
      last.end = end;
      last.qos0 += qos0;
      this.bytes += end - start;
    } else this.#push({ buffer, start, end, qos0 });
  }

  /**
   * Has the packets decoded again, oldest first. The handler may add some of them once more, because the gate has closed
   * again: those stand before what was not decoded yet, and that is the end of it for now.
   * @param afterRange called when a range is through; false ends it all
   */
  replay(decoder: ServerDecoder, afterRange: () => boolean): void {
    const ranges = this.#take();
    for (let next = 0; next < ranges.length; next++) {
      const { buffer, start, end } = ranges[next]!;
      decoder.replay(buffer, start, end);
      if (!afterRange()) return;
      if (this.empty) continue;
      for (const range of ranges.slice(next + 1)) this.#push(range);
      return;
    }
  }

  /** @returns how many at QoS 0 are lost by it; the others were not acknowledged, and will be sent again */
  forget(): number {
    return this.#take().reduce((lost, range) => lost + range.qos0, 0);
  }

  #push(range: PacketRange): void {
    this.#ranges.push(range);
    this.bytes += range.end - range.start;
  }

  #take(): PacketRange[] {
    const ranges = this.#ranges;
    this.#ranges = [];
    this.bytes = 0;
    return ranges;
  }
}
