import type { NetworkPath } from './network-path.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Most bytes that travel as one, as the read buffer of a real system. */
const SEGMENT_BYTES = 64 * 1024;
/** Bytes on the way and unread at the other end: the window of TCP. */
const WINDOW_BYTES = 256 * 1024;
/** Bytes that wait to be sent, past which the sender is told to wait. */
const SEND_BUFFER_BYTES = 128 * 1024;

/** What a wire leads to, and what it tells its sender. */
export interface WireEnds {
  /** In order; `null` after the last: the sender has ended. */
  onArrived(bytes: Uint8Array | null): void;
  /** There is room again after `send` returned false. */
  onRoom(): void;
  /** All that was sent, and the end, has arrived. */
  onFinished(): void;
}

/**
 * One direction of a channel: bytes arrive in order, late, and not at all while the path is blocked. What is on its way when the path is
 * blocked comes after it is open again, as TCP would have it; unless the wire is cut for good meanwhile.
 */
export class Wire {
  readonly #time: VirtualTime;
  readonly #path: NetworkPath;
  /** For what goes back: that bytes were read. */
  readonly #wayBack: NetworkPath;
  readonly #ends: WireEnds;
  #waiting: (Uint8Array | null)[] = [];
  #waitingBytes = 0;
  /** On the way, or arrived and not read. */
  #outstanding = 0;
  /** Arrived at a blocked path: lost, and to be sent again. */
  #lost: (Uint8Array | null)[] = [];
  #retrying = false;
  /** Read by the other end, which could not say so. */
  #owed = 0;
  #lastArrival = 0;
  #full = false;
  #stopped = false;
  #cut = false;
  readonly #open = (): void => this.#onOpen();
  readonly #repay = (): void => this.#onRepay();

  constructor(time: VirtualTime, path: NetworkPath, wayBack: NetworkPath, ends: WireEnds) {
    this.#time = time;
    this.#path = path;
    this.#wayBack = wayBack;
    this.#ends = ends;
  }

  /** @returns false: no more room, `onRoom` follows. The bytes are taken all the same. */
  send(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) this.#waiting.push(bytes.subarray(at, at + SEGMENT_BYTES));
    this.#waitingBytes += bytes.length;
    this.#pump();
    if (this.#waitingBytes > SEND_BUFFER_BYTES) this.#full = true;
    return !this.#full;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** When the last of what has set out is there. */
  get lastArrival(): number {
    return this.#lastArrival;
  }

  /** Nothing is sent after it. */
  finish(): void {
    this.#waiting.push(null);
    this.#pump();
  }

  /** The other end has read that many bytes. */
  read(byteCount: number): void {
    this.#owed += byteCount;
    if (this.#wayBack.blocked) this.#wayBack.whenOpen(this.#repay);
    else this.#onRepay();
  }

  /** The sender is gone: what has set out may arrive, but is not sent again. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    if (this.#lost.length > 0) this.cut();
  }

  /** Nothing arrives any more. */
  cut(): void {
    this.#cut = true;
    this.#waiting = [];
    this.#lost = [];
  }

  #onRepay(): void {
    this.#outstanding -= this.#owed;
    this.#owed = 0;
    this.#pump();
  }

  #pump(): void {
    if (this.#cut) return;
    if (this.#path.blocked) this.#path.whenOpen(this.#open);
    if (this.#path.blocked || this.#lost.length > 0) return;
    while (this.#waiting.length > 0 && this.#outstanding < WINDOW_BYTES) this.#depart(this.#waiting.shift()!);
    if (this.#full && this.#waitingBytes <= SEND_BUFFER_BYTES / 2) {
      this.#full = false;
      this.#ends.onRoom();
    }
  }

  #depart(segment: Uint8Array | null): void {
    const byteCount = segment?.length ?? 0;
    this.#waitingBytes -= byteCount;
    this.#outstanding += byteCount;
    this.#lastArrival = Math.max(this.#lastArrival, this.#path.arrival(byteCount));
    this.#time.at(this.#lastArrival, () => this.#arrive(segment));
  }

  #arrive(segment: Uint8Array | null): void {
    if (this.#cut) return;
    if (this.#path.blocked && this.#stopped) {
      this.cut();
      return;
    }
    // What comes after something lost waits for it.
    if (this.#path.blocked || this.#lost.length > 0) {
      this.#lost.push(segment);
      if (this.#path.blocked) this.#path.whenOpen(this.#open);
      return;
    }
    // Memory of its own: neither end sees what the other does with its copy later.
    this.#ends.onArrived(segment === null ? null : Uint8Array.from(segment));
    if (segment === null) this.#ends.onFinished();
  }

  #onOpen(): void {
    if (this.#cut || this.#retrying) return;
    this.#retrying = true;
    this.#time.after(this.#path.retransmitMs(), () => {
      this.#retrying = false;
      if (this.#path.blocked) {
        this.#path.whenOpen(this.#open);
        return;
      }
      for (const segment of this.#lost.splice(0)) this.#arrive(segment);
      this.#pump();
    });
  }
}
