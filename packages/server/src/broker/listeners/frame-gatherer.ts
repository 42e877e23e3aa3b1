/**
 * Puts the payloads of the WebSocket frames of one read together, in the read buffer itself: many clients send every packet in a
 * frame of its own, and the broker handles a hundred packets in one range far quicker than in a hundred. The bytes between the
 * payloads are frame headers that nobody needs any more.
 */
export class FrameGatherer {
  readonly #deliver: (bytes: Uint8Array) => void;
  /** The read under way. */
  #chunk: Buffer | null = null;
  /** What is gathered, as a range of the chunk; empty when both are the same. */
  #start = 0;
  #end = 0;

  constructor(deliver: (bytes: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** A read begins; frames of it follow. */
  begin(chunk: Buffer): void {
    this.flush();
    this.#chunk = chunk;
  }

  /** The payload of a frame, in the chunk of this read, or anywhere if it began in an earlier one. */
  add(payload: Buffer): void {
    if (payload.length === 0) return;
    const chunk = this.#chunk;
    const at = chunk === null || payload.buffer !== chunk.buffer ? -1 : payload.byteOffset - chunk.byteOffset;
    // Small allocations of Node share buffers: the same buffer is not enough.
    if (chunk === null || at < this.#end || at + payload.length > chunk.length) {
      this.#hand();
      this.#deliver(payload);
      return;
    }
    if (this.#start === this.#end) {
      this.#start = at;
      this.#end = at + payload.length;
      return;
    }
    if (at > this.#end) chunk.copyWithin(this.#end, at, at + payload.length);
    this.#end += payload.length;
  }

  /** The read is over. */
  flush(): void {
    this.#hand();
    this.#chunk = null;
    this.#start = 0;
    this.#end = 0;
  }

  #hand(): void {
    const start = this.#start;
    this.#start = this.#end;
    if (start < this.#end) this.#deliver(this.#chunk!.subarray(start, this.#end));
  }
}
