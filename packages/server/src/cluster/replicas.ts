import type { Clock } from '../lib/clock.ts';
import type { Turn } from '../lib/turn.ts';
import type { Link } from '../peer/link-ports.ts';
import { ClusterGroups } from './groups.ts';
import { OwnInterest } from './own-interest.ts';
import { LocalTable, TableId } from './own-table.ts';
import type { TableWatcher } from './ports.ts';
import { PeerInterest } from './remote-interest.ts';
import { Tables } from './tables.ts';

/** What every node of the cluster knows of every other: its interest, and its members of groups. */
export class Replicas {
  readonly interest = new PeerInterest();
  readonly ownInterest: OwnInterest;
  readonly groups: ClusterGroups;
  readonly #nodeId: string;
  readonly #watchers: TableWatcher[] = [this.interest];
  readonly #tables: Tables;

  constructor(nodeId: string, turn: Turn, clock: Clock) {
    this.#nodeId = nodeId;
    const own = { interest: new LocalTable(TableId.Interest, turn), groups: new LocalTable(TableId.Groups, turn) };
    this.ownInterest = new OwnInterest(own.interest);
    this.groups = new ClusterGroups(nodeId, own.groups);
    const watchers = { interest: each(this.#watchers), groups: this.groups };
    this.#tables = new Tables({ own, watchers, turn, clock });
  }

  /** Once, before the first link. */
  watchInterest(watcher: TableWatcher): void {
    this.#watchers.push(watcher);
  }

  /** How often a copy of a table had to be made anew, since the start. */
  get resyncs(): number {
    return this.#tables.resyncs;
  }

  linkUp(link: Link): void {
    this.#tables.linkUp(link.peer.peerId, { send: (type, body) => link.control(type, body) });
  }

  linkResumed(link: Link): void {
    this.#tables.linkResumed(link.peer.peerId);
  }

  /** Everything of the node is gone when it returns. */
  linkGone(nodeId: string): void {
    this.#tables.linkGone(nodeId);
  }

  /** @returns what is wrong with the frame, or null */
  onFrame(link: Link, type: number, buffer: Uint8Array, start: number, end: number): string | null {
    return this.#tables.onFrame(link.peer.peerId, type, buffer, start, end);
  }

  /** Whether a node has told all it has. */
  isLevel(nodeId: string): boolean {
    return this.#tables.isLevel(nodeId);
  }

  /** Of a node, this one or another: filters it wants messages of, and members of groups it has. */
  counts(nodeId: string): { filters: number; groupMembers: number } {
    const filters = nodeId === this.#nodeId ? this.ownInterest.filters : this.interest.filters(nodeId);
    return { filters, groupMembers: this.groups.membersOf(nodeId) };
  }

  stop(): void {
    this.#tables.stop();
  }
}

/** Tells all of them, in order. */
function each(watchers: readonly TableWatcher[]): TableWatcher {
  return {
    onEntry: (nodeId, key, value) => {
      for (const watcher of watchers) watcher.onEntry(nodeId, key, value);
    },
    onGone: (nodeId, key) => {
      for (const watcher of watchers) watcher.onGone(nodeId, key);
    },
    onPurged: (nodeId) => {
      for (const watcher of watchers) watcher.onPurged(nodeId);
    },
  };
}
