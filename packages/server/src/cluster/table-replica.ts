import type { Turn, TurnTask } from '../lib/turn.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { WireReader } from '../peer/wire-bytes.ts';
import type { TableWatcher } from './ports.ts';
import { TableDigest } from './table-digest.ts';
import type { TablePort } from './table-feed.ts';
import { integersBody, readIsThere, readKey, readValue } from './table-frames.ts';

const MAX_ENTRIES = 2_000_000;
/** Entries that a resync did not confirm, removed per turn. */
const SWEEP_ENTRIES = 2000;

export interface ReplicaSetup {
  readonly table: number;
  /** Whose table it is. */
  readonly nodeId: string;
  readonly watcher: TableWatcher;
  readonly port: TablePort;
  readonly turn: Turn;
  /** Default 2,000,000; with more the owner is not believed. */
  readonly maxEntries?: number | undefined;
}

/**
 * `waiting`: for a snapshot; `taking`: one is under way; `level`: it has what the owner had told when it sent its last frame; `purged`:
 * whoever hears of one entry may end the link, and must hear of no other.
 */
type ReplicaState = 'waiting' | 'taking' | 'level' | 'purged';

/**
 * The copy of one table of another node. Whatever comes is taken at once, in order with everything else: a snapshot only adds, until its
 * end tells that what it did not name is gone. A delta that is missing shows by its number, anything else that went wrong by the
 * digest; then the owner is asked for a new snapshot, and the copy is used as it is until that has come.
 */
export class TableReplica implements TurnTask {
  readonly #setup: ReplicaSetup;
  readonly #maxEntries: number;
  readonly #digest = new TableDigest();
  #state: ReplicaState = 'waiting';
  #entries = new Map<string, string>();
  /** From before the snapshot under way, which has not named them yet: not in the digest. */
  #unconfirmed: Map<string, string> | null = null;
  /** The snapshot is over, and those that it has not named are being removed. */
  #sweeping = false;
  #scheduled = false;
  #sequence = 0;
  /** Digests that may come while it waits before it asks again: one may have crossed the question. */
  #patience = 0;
  #resyncs = 0;

  constructor(setup: ReplicaSetup) {
    this.#setup = setup;
    this.#maxEntries = setup.maxEntries ?? MAX_ENTRIES;
  }

  get size(): number {
    return this.#entries.size + (this.#unconfirmed?.size ?? 0);
  }

  /** How often it had to ask for everything. */
  get resyncs(): number {
    return this.#resyncs;
  }

  get isLevel(): boolean {
    return this.#state === 'level' && this.#unconfirmed === null;
  }

  /**
   * @param reader behind the id of the table
   * @returns what is wrong, or null
   * @throws {WireError} the frame is none
   */
  onFrame(type: number, reader: WireReader): string | null {
    switch (type) {
      case FrameType.SnapshotBegin:
        this.#begin(reader.integer());
        return null;
      case FrameType.Entries:
        return this.#takeEntries(reader);
      case FrameType.SnapshotEnd:
        this.#end(reader.integer(), this.#readIsSame(reader));
        return null;
      case FrameType.Delta:
        return this.#takeDelta(reader);
      default:
        this.#compare(reader.integer(), this.#readIsSame(reader));
        return null;
    }
  }

  /** The link goes on over another channel: a question, or a snapshot, may be lost. The owner sends a digest or a snapshot. */
  resumed(): void {
    this.#patience = 0;
  }

  /** Forgets everything, in constant time; the watcher is told by whoever calls. */
  purge(): void {
    this.#state = 'purged';
    this.#entries = new Map();
    this.#unconfirmed = null;
    this.#sweeping = false;
  }

  endOfTurn(): void {
    this.#scheduled = false;
    const { watcher, nodeId } = this.#setup;
    const unconfirmed = this.#unconfirmed;
    if (!this.#sweeping || unconfirmed === null) return;
    let left = SWEEP_ENTRIES;
    for (const key of unconfirmed.keys()) {
      if (left-- === 0) {
        this.#schedule();
        return;
      }
      unconfirmed.delete(key);
      watcher.onGone(nodeId, key);
      if (!this.#sweeping) return;
    }
    this.#unconfirmed = null;
    this.#sweeping = false;
  }

  #begin(sequence: number): void {
    if (this.#unconfirmed === null) this.#unconfirmed = this.#entries.size === 0 ? null : this.#entries;
    else for (const [key, value] of this.#entries) this.#unconfirmed.set(key, value);
    this.#entries = new Map();
    this.#digest.clear();
    this.#sweeping = false;
    this.#sequence = sequence;
    this.#state = 'taking';
  }

  #takeEntries(reader: WireReader): string | null {
    while (reader.left > 0 && this.#state !== 'purged') {
      const key = readKey(reader);
      const problem = this.#put(key, readValue(reader));
      if (problem !== null) return problem;
    }
    return null;
  }

  #end(sequence: number, isSame: boolean): void {
    // One that was asked for again while it was on its way.
    if (this.#state !== 'taking') return;
    if (sequence !== this.#sequence || !isSame) {
      this.#ask();
      return;
    }
    this.#state = 'level';
    if (this.#unconfirmed === null) return;
    this.#sweeping = true;
    this.#schedule();
  }

  #takeDelta(reader: WireReader): string | null {
    const previous = reader.integer();
    const sequence = reader.integer();
    // What came with it is true all the same.
    if (this.#state !== 'waiting' && previous !== this.#sequence) this.#ask();
    this.#sequence = sequence;
    while (reader.left > 0 && this.#state !== 'purged') {
      const isThere = readIsThere(reader);
      const key = readKey(reader);
      const problem = isThere ? this.#put(key, readValue(reader)) : this.#remove(key);
      if (problem !== null) return problem;
    }
    return null;
  }

  /** The owner sends digests outside of snapshots only: one that comes within one says that its end was lost. */
  #compare(sequence: number, isSame: boolean): void {
    if (this.#state === 'level' && sequence === this.#sequence && isSame) return;
    if (this.#state === 'waiting' && this.#patience-- > 0) return;
    this.#ask();
  }

  #readIsSame(reader: WireReader): boolean {
    const count = reader.integer();
    const digest = reader.bytes(8);
    return this.#digest.equals(count, digest.readUInt32BE(0), digest.readUInt32BE(4));
  }

  #ask(): void {
    this.#state = 'waiting';
    this.#patience = 1;
    this.#resyncs++;
    this.#setup.port.send(FrameType.Resync, integersBody(this.#setup.table));
  }

  #put(key: string, value: string): string | null {
    const known = this.#entries.get(key);
    if (known === value) return null;
    let before = known;
    if (known !== undefined) this.#digest.remove(key, known);
    else {
      before = this.#unconfirmed?.get(key);
      if (before !== undefined) this.#unconfirmed!.delete(key);
      else if (this.size >= this.#maxEntries) return `more than ${this.#maxEntries} entries`;
    }
    this.#digest.add(key, value);
    this.#entries.set(key, value);
    if (before !== value) this.#setup.watcher.onEntry(this.#setup.nodeId, key, value);
    return null;
  }

  #remove(key: string): null {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#digest.remove(key, known);
      this.#entries.delete(key);
    } else if (!this.#unconfirmed?.delete(key)) return null;
    this.#setup.watcher.onGone(this.#setup.nodeId, key);
    return null;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#setup.turn.atEnd(this);
  }
}
