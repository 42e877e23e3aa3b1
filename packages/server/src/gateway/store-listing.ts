import type { Clock } from '../lib/clock.ts';
import type { StoreInfo } from '../store/reads.ts';
import type { StoreStatus } from '../store/store.ts';
import type { KnownStore, StoreHolder } from './store-directory.ts';
import type { WorkerMember } from './worker-registry.ts';

/** A node that does not answer must not hold up the listing of the others. */
const MAX_WAIT_MS = 2000;

/** A store of the cluster, at one node that has it. */
export interface StoreListing {
  readonly realm: string;
  readonly name: string;
  /** UUID. */
  readonly id: string;
  /** null: no node has it now. */
  readonly nodeId: string | null;
  readonly mode: 'single';
  readonly healthy: boolean;
  readonly problem: string | null;
  /** Whether it is not served, because another store of the same name is. */
  readonly conflict: boolean;
  /** null: its node does not say. */
  readonly lastPosition: number | null;
  readonly events: number | null;
  readonly streams: number | null;
  readonly bytes: number | null;
  readonly writerQueueBytes: number | null;
  readonly workers: readonly {
    readonly id: string;
    readonly role: 'writer' | 'reader';
    /** Requests that it has not answered, a second ago or less. */
    readonly load: number;
    readonly restarts: number;
  }[];
}

export interface ListingParts {
  readonly known: Iterable<KnownStore>;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly workers: (realm: string, name: string) => readonly WorkerMember[];
  readonly ask: (store: KnownStore, nodeId: string) => Promise<{ status: StoreStatus; info: StoreInfo }>;
}

/** Asks every node that has a store how it is. */
export async function listStores(parts: ListingParts): Promise<StoreListing[]> {
  const stores = [...parts.known].sort((a, b) => compare(a.realm, b.realm) || compare(a.name, b.name));
  const rows = stores.map((store) =>
    store.holders.length === 0
      ? [row(store, null, 'no node has it open')]
      : store.holders.map((holder) => listHolder(parts, store, holder)),
  );
  return Promise.all(rows.flat());
}

async function listHolder(parts: ListingParts, store: KnownStore, holder: StoreHolder): Promise<StoreListing> {
  const { nodeId, uuid } = holder;
  const workers = parts
    .workers(store.realm, store.name)
    .filter((member) => member.nodeId === nodeId)
    .map(({ id, metadata: { role, load, restarts } }) => ({
      id,
      role: role as 'writer' | 'reader',
      load: Number(load ?? 0),
      restarts: Number(restarts ?? 0),
    }));
  const isConflict = uuid !== store.uuid;
  if (isConflict) {
    const problem = `another store of this name, on node ${store.holders[0]!.nodeId}, was opened first`;
    return { ...row(store, holder, problem), workers, conflict: true };
  }
  const answer = await within(parts.clock, parts.ask(store, nodeId));
  if (answer === null) return { ...row(store, holder, 'its node does not answer'), workers };
  const { status, info } = answer;
  return {
    ...row(store, holder, status.problem),
    healthy: status.healthy,
    lastPosition: status.lastPosition,
    events: info.events,
    streams: info.streams,
    bytes: info.bytes,
    writerQueueBytes: status.writerQueueBytes,
    workers,
  };
}

function row({ realm, name, uuid }: KnownStore, holder: StoreHolder | null, problem: string | null): StoreListing {
  return {
    realm,
    name,
    id: holder?.uuid ?? uuid,
    nodeId: holder?.nodeId ?? null,
    mode: 'single',
    healthy: false,
    problem,
    conflict: false,
    lastPosition: null,
    events: null,
    streams: null,
    bytes: null,
    writerQueueBytes: null,
    workers: [],
  };
}

/** @returns null if it fails, or takes too long */
function within<T>(clock: Clock, asked: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(null), MAX_WAIT_MS);
    const settle = (answer: T | null): void => {
      timer.cancel();
      resolve(answer);
    };
    asked.then(settle, () => settle(null));
  });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
