import type { PacketKind } from './wire.ts';

/** A broker that answers packets one by one shall not get a write for each back. */
const LEAST_AT_ONCE = 64;
const LONGEST_WAIT_MS = 1;
const CAPACITY = 4_096;
const ANSWER_BYTES = 4;

/**
 * What a connection answers to the packets it gets. Answers that carry a packet id leave 64 at once or more, or after a
 * millisecond; those to a keep-alive request at once.
 */
export class Answers {
  readonly #write: (bytes: Buffer) => void;
  /** Made when there is something to answer: most connections of an idle run never have. */
  #pending: Buffer | null = null;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** Answers the packet of this kind at `offset`, if it wants an answer. */
  add(kind: PacketKind, buffer: Buffer, offset: number): void {
    const { answer, packetIdOffset } = kind;
    if (answer === null) return;
    if (packetIdOffset < 0) {
      this.#write(answer);
      return;
    }
    this.#timer ??= setInterval(() => this.flush(), LONGEST_WAIT_MS);
    this.#pending ??= Buffer.alloc(CAPACITY * ANSWER_BYTES);
    if (this.#bytes === this.#pending.length) this.flush();
    const pending = this.#pending;
    const at = this.#bytes;
    pending[at] = answer[0]!;
    pending[at + 1] = answer[1]!;
    pending[at + 2] = buffer[offset + packetIdOffset]!;
    pending[at + 3] = buffer[offset + packetIdOffset + 1]!;
    this.#bytes = at + ANSWER_BYTES;
  }

  /** Call at the end of each read. */
  settle(): void {
    if (this.#bytes >= LEAST_AT_ONCE * ANSWER_BYTES) this.flush();
  }

  flush(): void {
    if (this.#pending === null || this.#bytes === 0) return;
    this.#write(Buffer.from(this.#pending.subarray(0, this.#bytes)));
    this.#bytes = 0;
  }
}
