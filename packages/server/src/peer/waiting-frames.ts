interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

interface Line {
  readonly frames: Frame[];
  bytes: number;
}

/** Each frame costs more than its body. */
const FRAME_OVERHEAD_BYTES = 64;

/** Control frames for peers to which there is no link yet; bounded, each peer for itself and all together. Beyond it the newest is dropped. */
export class WaitingFrames {
  readonly #maxBytes: number;
  readonly #maxPerPeer: number;
  readonly #lines = new Map<string, Line>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#maxPerPeer = maxBytes / 4;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#lines.has(key);
  }

  /** @param body is copied @returns whether there was room */
  add(key: string, type: number, body: Uint8Array): boolean {
    const bytes = body.length + FRAME_OVERHEAD_BYTES;
    const line = this.#lines.get(key) ?? { frames: [], bytes: 0 };
    if (line.bytes + bytes > this.#maxPerPeer || this.#bytes + bytes > this.#maxBytes) return false;
    this.#lines.set(key, line);
    line.frames.push({ type, body: Uint8Array.from(body) });
    line.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** What waits for one peer, in order; it is gone from here. */
  take(key: string): readonly Frame[] {
    const line = this.#lines.get(key);
    if (line === undefined) return [];
    this.#lines.delete(key);
    this.#bytes -= line.bytes;
    return line.frames;
  }
}
