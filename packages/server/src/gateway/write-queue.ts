import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../lib/byte-sink.ts';
import { isUuid, type UuidV7 } from '../lib/uuid.ts';
import type { AppendRequest, AppendResult } from '../store/append.ts';
import { writeAppend } from '../store/append-codec.ts';
import type { WriteName } from '../store/operations.ts';
import { checkWrite } from './check-write.ts';
import { InFlight, type InFlightOptions } from './in-flight.ts';
import { SpareBuffers } from './spare-buffers.ts';
import { PendingWrite } from './write-batch.ts';

/** What a waiting write costs besides its bytes. */
const ITEM_BYTES = 256;
/** So much is sent before the turn of the event loop ends: the writer works while callers go on. A message costs as much as an item. */
const FULL_BATCH_ITEMS = 64;
const FULL_BATCH_BYTES = 512 * 1024;
const MIN_RETRY_AFTER_MS = 100;
const MAX_RETRY_AFTER_MS = 5000;

export interface WriteQueueOptions extends Omit<InFlightOptions, 'onDone'> {
  readonly ids: UuidV7;
  /** Bytes of everything that waits or is under way. */
  readonly queueBytes: number;
}

/**
 * The queue in front of the writer of a store, bounded in bytes. Writes of one turn of the event loop go together, some dozens to a
 * message. Appends are encoded when they come, once, with their ids: so they are safe to send again.
 */
export class WriteQueue {
  readonly inFlight: InFlight;
  readonly #options: WriteQueueOptions;
  readonly #sink = new ByteSink();
  readonly #spare = new SpareBuffers();
  /** Those that are in `#sink`, and the others between them. */
  #items: PendingWrite[] = [];
  /** A value that is being encoded may have a `toJSON` that asks for more writes. */
  #isEncoding = false;
  #isFlushing = false;
  #bytes = 0;
  #pending = 0;
  /** Why no writer is to be expected; null: there is one, or will be. */
  #problem: string | null = null;
  readonly #idle: (() => void)[] = [];

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.inFlight = new InFlight({ ...options, onDone: (items) => this.#done(items) });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes that wait or are under way. */
  get pending(): number {
    return this.#pending;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    const sink = this.#sink;
    const start = sink.length;
    // Before the work of encoding it.
    const refusal = this.#refusal(0);
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#isEncoding) return Promise.reject(withinAnother());
    this.#isEncoding = true;
    try {
      writeAppend(sink, request, this.#options.ids);
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.#isEncoding = false;
    }
    const end = sink.length;
    const tooMuch = this.#refusal(end - start);
    if (tooMuch !== null) {
      sink.truncate(start);
      return Promise.reject(tooMuch);
    }
    return new Promise((resolve, reject) => {
      const weight = end - start + ITEM_BYTES;
      this.#add(new PendingWrite(resolve, reject, null, null, request.writes.length, start, end, weight));
    });
  }

  /** @param bytes an append as `writeAppend` makes it, with so many writes; checked */
  appendEncoded(bytes: Uint8Array, writes: number): Promise<AppendResult> {
    const refusal = this.#refusal(bytes.length);
    if (refusal !== null) return Promise.reject(refusal);
    if (this.#isEncoding) return Promise.reject(withinAnother());
    return new Promise((resolve, reject) => {
      const start = this.#sink.length;
      this.#sink.bytes(bytes);
      const weight = bytes.length + ITEM_BYTES;
      this.#add(new PendingWrite(resolve, reject, null, null, writes, start, this.#sink.length, weight));
    });
  }

  write(operation: WriteName, request: unknown): Promise<unknown> {
    if (this.#isEncoding) return Promise.reject(withinAnother());
    let text: string;
    let copy: unknown;
    this.#isEncoding = true;
    try {
      // What the caller does with its object after this is of no account.
      text = jsonOf(operation === 'deleteStream' ? this.#identified(request) : request);
      copy = JSON.parse(text);
      checkWrite(operation, copy);
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.#isEncoding = false;
    }
    const bytes = Buffer.byteLength(text);
    const refusal = this.#refusal(bytes);
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const at = this.#sink.length;
      this.#add(new PendingWrite(resolve, reject, operation, copy, 0, at, at, bytes + ITEM_BYTES));
    });
  }

  /** No writer is up, or will be soon: everything fails at once until `available`. */
  unavailable(problem: string): void {
    this.#problem = problem;
    this.#flush();
    this.inFlight.fail(this.#unavailable(problem));
  }

  available(): void {
    this.#problem = null;
  }

  /** Takes back a buffer that went to the writer. */
  recycle(buffer: Uint8Array): void {
    this.#spare.give(buffer);
  }

  /** Resolves when nothing waits or is under way. */
  whenIdle(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Fails what waits or is under way. */
  stop(error: Error): void {
    this.#flush();
    this.inFlight.stop(error);
  }

  /** By this id the writer knows a delete that comes again, as appends are known by those of their events. One from another node has it. */
  #identified(request: unknown): unknown {
    if (typeof request !== 'object' || request === null) return request;
    const { requestId } = request as { requestId?: unknown };
    const isGiven = typeof requestId === 'string' && isUuid(requestId);
    return isGiven ? request : { ...request, requestId: this.#options.ids.next() };
  }

  get #isIdle(): boolean {
    return this.#items.length === 0 && this.inFlight.isEmpty;
  }

  #refusal(bytes: number): PlexusError | null {
    const { store, queueBytes } = this.#options;
    if (this.#problem !== null) return this.#unavailable(this.#problem);
    // What alone is larger than the bound passes when nothing else is there.
    if (this.#bytes === 0 || this.#bytes + bytes + ITEM_BYTES <= queueBytes) return null;
    // As long as what is in front has been waiting.
    const waitedMs = Math.ceil(this.inFlight.oldestMs);
    const retryAfterMs = Math.min(Math.max(waitedMs, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS);
    return new PlexusError('overloaded', { store, retryAfterMs });
  }

  #unavailable(reason: string): PlexusError {
    return new PlexusError('store_unavailable', { store: this.#options.store, reason });
  }

  #add(item: PendingWrite): void {
    this.#items.push(item);
    this.#bytes += item.weight;
    this.#pending++;
    if (this.#items.length >= FULL_BATCH_ITEMS || this.#sink.length >= FULL_BATCH_BYTES) this.#flush();
    else if (!this.#isFlushing) {
      this.#isFlushing = true;
      this.#options.clock.setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    const sink = this.#sink;
    const used = sink.buffer.subarray(0, sink.length);
    const bytes = Buffer.allocUnsafeSlow(sink.length);
    used.copy(bytes);
    if (this.inFlight.add(bytes, used, items)) sink.buffer = this.#spare.take();
    sink.length = 0;
  }

  #done(items: readonly PendingWrite[]): void {
    for (const { weight } of items) this.#bytes -= weight;
    this.#pending -= items.length;
    if (!this.#isIdle) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function withinAnother(): PlexusError {
  return new PlexusError('bad_request', { reason: 'a write was asked for while another was encoded' });
}

/** @throws {PlexusError} bad_request */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    throw new PlexusError('bad_request', { reason: (error as Error).message });
  }
}
