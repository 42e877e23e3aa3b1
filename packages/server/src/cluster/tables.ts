import type { Clock, Timer } from '../lib/clock.ts';
import type { Turn } from '../lib/turn.ts';
import { FrameType } from '../peer/frame-types.ts';
import { WireError, WireReader } from '../peer/wire-bytes.ts';
import { type LocalTable, TableId } from './own-table.ts';
import type { TableWatcher } from './ports.ts';
import type { TableFeed, TablePort } from './table-feed.ts';
import { integersBody } from './table-frames.ts';
import { TableReplica } from './table-replica.ts';

const DIGEST_INTERVAL_MS = 10_000;

export interface TablesSetup {
  readonly own: { readonly interest: LocalTable; readonly groups: LocalTable };
  readonly watchers: { readonly interest: TableWatcher; readonly groups: TableWatcher };
  readonly turn: Turn;
  readonly clock: Pick<Clock, 'setInterval'>;
  /** How often the owner says what the copies should be. Default 10 s. */
  readonly digestIntervalMs?: number;
  /** Of one table of one node. Default 2,000,000. */
  readonly maxEntries?: number | undefined;
}

/** One table between this node and another: ours on its way there, theirs here. */
class TableLink {
  readonly own: LocalTable;
  readonly feed: TableFeed;
  readonly replica: TableReplica;
  readonly watcher: TableWatcher;

  constructor(own: LocalTable, feed: TableFeed, replica: TableReplica, watcher: TableWatcher) {
    this.own = own;
    this.feed = feed;
    this.replica = replica;
    this.watcher = watcher;
  }
}

interface Peer {
  readonly port: TablePort;
  readonly tables: ReadonlyMap<number, TableLink>;
}

/** The tables of this node on their way to all others, and the copies of theirs. */
export class Tables {
  readonly #setup: TablesSetup;
  readonly #peers = new Map<string, Peer>();
  #timer: Timer | null = null;
  #resyncs = 0;

  constructor(setup: TablesSetup) {
    this.#setup = setup;
  }

  /** How often a copy here had to ask for everything, since the start. */
  get resyncs(): number {
    let count = this.#resyncs;
    for (const { tables } of this.#peers.values()) for (const { replica } of tables.values()) count += replica.resyncs;
    return count;
  }

  /** A link to a start of a node is up: to be called before any frame of it. */
  linkUp(nodeId: string, port: TablePort): void {
    this.linkGone(nodeId);
    const { own, watchers } = this.#setup;
    const tables = new Map<number, TableLink>([
      [TableId.Interest, this.#link(nodeId, own.interest, watchers.interest, port)],
      [TableId.Groups, this.#link(nodeId, own.groups, watchers.groups, port)],
    ]);
    this.#peers.set(nodeId, { port, tables });
    this.#timer ??= this.#setup.clock.setInterval(
      () => this.#askDigests(),
      this.#setup.digestIntervalMs ?? DIGEST_INTERVAL_MS,
    );
  }

  /** The link goes on over another channel: control frames of the last one may be lost. */
  linkResumed(nodeId: string): void {
    for (const { feed, replica } of this.#peers.get(nodeId)?.tables.values() ?? []) {
      replica.resumed();
      feed.resumed();
    }
  }

  /** The node is down, left or was started anew: forgets what it had. */
  linkGone(nodeId: string): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    this.#peers.delete(nodeId);
    for (const { own, feed, replica, watcher } of peer.tables.values()) {
      this.#resyncs += replica.resyncs;
      own.close(feed);
      replica.purge();
      watcher.onPurged(nodeId);
    }
    if (this.#peers.size === 0) this.stop();
  }

  /**
   * Takes a frame of a node; those of other types, of tables that are not known and of nodes without a link are ignored.
   * @returns what is wrong with it, or null: the link is to be closed with `bad_frame`
   */
  onFrame(nodeId: string, type: number, buffer: Uint8Array, start: number, end: number): string | null {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined || !isTableFrame(type)) return null;
    try {
      const reader = new WireReader(buffer, start, end);
      return this.#take(peer, type, reader.integer(), reader);
    } catch (error) {
      if (error instanceof WireError) return `frame ${type}: ${error.message}`;
      throw error;
    }
  }

  /** Whether all that `nodeId` had told of its tables when it sent its last frame is here. */
  isLevel(nodeId: string): boolean {
    const peer = this.#peers.get(nodeId);
    return peer !== undefined && [...peer.tables.values()].every(({ replica }) => replica.isLevel);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #link(nodeId: string, own: LocalTable, watcher: TableWatcher, port: TablePort): TableLink {
    const { turn, maxEntries } = this.#setup;
    const replica = new TableReplica({ table: own.id, nodeId, watcher, port, turn, maxEntries });
    return new TableLink(own, own.open(port), replica, watcher);
  }

  #take({ port, tables }: Peer, type: number, id: number, reader: WireReader): string | null {
    if (type === FrameType.Pace) {
      // Of a table that is not known, too: the sender waits for it.
      port.send(FrameType.PaceAnswer, integersBody(id, reader.integer()));
      return null;
    }
    const table = tables.get(id);
    if (table === undefined) return null;
    if (type === FrameType.PaceAnswer) return table.feed.onPaceAnswer(reader.integer());
    if (type === FrameType.Resync) {
      table.feed.restart();
      return null;
    }
    return table.replica.onFrame(type, reader);
  }

  #askDigests(): void {
    for (const { tables } of this.#peers.values()) for (const { feed } of tables.values()) feed.askDigest();
  }
}

export function isTableFrame(type: number): boolean {
  return (
    (type >= FrameType.SnapshotBegin && type <= FrameType.Resync) ||
    type === FrameType.Pace ||
    type === FrameType.PaceAnswer
  );
}
