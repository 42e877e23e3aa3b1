import type { Transport, TransportHandler } from '../broker/transport.ts';

/** Bytes that a transport takes per step when it is asked to take everything. */
const EVERYTHING = Number.POSITIVE_INFINITY;

/**
 * A transport without a network. What the broker writes stays in the broker's own memory, unread, until `step` takes it:
 * so a chunk that is used again too early is seen as wrong bytes at the other end.
 */
export class MemoryTransport implements Transport {
  readonly remoteAddress: string;
  /** Bytes taken per step; 0 is a client that has stopped reading. */
  pace = EVERYTHING;
  /** Writes fail from now on, as on a connection that was reset. */
  failWrites = false;
  paused = false;
  /** The broker has closed its side. */
  ended = false;
  closed = false;
  /** Writes that the broker has made. */
  writes = 0;
  readonly #receive: (bytes: Uint8Array) => void;
  #handler: TransportHandler | null = null;
  #writing: Uint8Array[] | null = null;
  #unread: Uint8Array[] = [];
  #hungUp: Error | null | false = false;

  /** @param receive gets what the broker sent, in memory of its own */
  constructor(remoteAddress: string, receive: (bytes: Uint8Array) => void) {
    this.remoteAddress = remoteAddress;
    this.#receive = receive;
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
  }

  /** Bytes of the write that the broker waits for. */
  get pendingBytes(): number {
    return (this.#writing ?? []).reduce((sum, slice) => sum + slice.length, 0);
  }

  /** Bytes that came from the client and that the broker has not read. */
  get unreadBytes(): number {
    return this.#unread.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  // ---- what the broker calls

  write(slices: readonly Uint8Array[], count: number): void {
    if (this.#writing !== null) throw new Error('a second write while one is under way');
    this.writes++;
    this.#writing = slices.slice(0, count);
    if (this.#writing.some((slice) => slice.length === 0)) throw new Error('an empty slice');
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
    this.#hungUp = null;
  }

  // ---- what the client does

  /** Sends to the broker; read at the next step. */
  send(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#unread.push(Uint8Array.from(bytes));
  }

  /** Hangs up without a word. */
  hangUp(error: Error | null = null): void {
    this.#hungUp = error;
  }

  /** Lets one thing happen in each direction. @returns whether anything did */
  step(): boolean {
    if (this.closed || this.#handler === null) return false;
    if (this.failWrites && this.#writing !== null) this.#hungUp = new Error('write failed');
    if (this.#hungUp !== false) return this.#close(this.#hungUp);
    const read = this.#read();
    const took = this.#take();
    if (this.ended && this.#writing === null) return this.#close(null);
    return read || took;
  }

  #read(): boolean {
    if (this.paused || this.ended) return false;
    const chunk = this.#unread.shift();
    if (chunk === undefined) return false;
    this.#handler?.onData(chunk);
    return true;
  }

  #take(): boolean {
    if (this.#writing === null || this.pace === 0) return false;
    let room = this.pace;
    while (this.#writing.length > 0 && room > 0) {
      const slice = this.#writing[0]!;
      const count = Math.min(slice.length, room);
      this.#receive(Uint8Array.from(slice.subarray(0, count)));
      room -= count;
      if (count === slice.length) this.#writing.shift();
      else this.#writing[0] = slice.subarray(count);
    }
    if (this.#writing.length === 0) {
      this.#writing = null;
      this.#handler?.onWritten();
    }
    return true;
  }

  #close(error: Error | null): boolean {
    this.closed = true;
    this.#writing = null;
    this.#handler?.onClosed(error);
    return true;
  }
}
