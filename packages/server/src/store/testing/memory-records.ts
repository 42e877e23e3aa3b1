import { isDeepStrictEqual } from 'node:util';
import { PlexusError } from '@plexus/protocol';
import type { ParkedRecord, SubscriptionProgress, SubscriptionRecord } from '../operations.ts';
import type { Snapshot, SnapshotInfo } from '../reads.ts';
import type { StartFrom, SubscriptionDefinition } from '../subscription.ts';
import type { MemoryLog } from './memory-log.ts';

const MAX_SUBSCRIPTIONS = 10_000;
/** The same subscription created again within this time is a retry whose first answer was lost. */
const CREATE_RETRY_US = 30_000_000;

interface Subscription {
  record: Omit<SubscriptionRecord, 'parked'>;
  readonly parked: Map<number, ParkedRecord>;
}

/** What the store keeps of persistent subscriptions. */
export class MemorySubscriptions {
  readonly #store: string;
  readonly #byName = new Map<string, Subscription>();

  constructor(store: string) {
    this.#store = store;
  }

  create(definition: SubscriptionDefinition, lastPosition: number, nowUs: number): SubscriptionRecord {
    const { name } = definition;
    const there = this.#byName.get(name);
    if (there !== undefined) {
      const isRetry =
        isDeepStrictEqual(there.record.definition, definition) && nowUs - there.record.createdUs <= CREATE_RETRY_US;
      if (!isRetry) throw new PlexusError('subscription_exists', { name });
      return recordOf(there);
    }
    if (this.#byName.size >= MAX_SUBSCRIPTIONS) throw new PlexusError('quota_exceeded', { limit: 'subscriptions' });
    const checkpoint = checkpointBefore(definition.from, lastPosition);
    const record = { definition: structuredClone(definition), state: 'running', checkpoint, createdUs: nowUs } as const;
    const subscription: Subscription = { record, parked: new Map() };
    this.#byName.set(name, subscription);
    return recordOf(subscription);
  }

  delete(name: string): { parked: number } {
    const { parked } = this.#get(name);
    this.#byName.delete(name);
    return { parked: parked.size };
  }

  reset(name: string, checkpoint: number): SubscriptionRecord {
    const subscription = this.#get(name);
    subscription.record = { ...subscription.record, checkpoint };
    subscription.parked.clear();
    return recordOf(subscription);
  }

  save(items: readonly SubscriptionProgress[]): { saved: number } {
    let saved = 0;
    for (const { name, checkpoint, state, park, unpark } of items) {
      const subscription = this.#byName.get(name);
      if (subscription === undefined) continue;
      const { record, parked } = subscription;
      subscription.record = {
        ...record,
        checkpoint: Math.max(record.checkpoint, checkpoint ?? record.checkpoint),
        state: state ?? record.state,
      };
      for (const one of park) parked.set(one.position, { ...one });
      for (const position of unpark) parked.delete(position);
      saved++;
    }
    return { saved };
  }

  list(): SubscriptionRecord[] {
    return [...this.#byName.keys()].sort().map((name) => recordOf(this.#get(name)));
  }

  listParked(name: string, after: number, limit: number): { items: ParkedRecord[]; next: number | null } {
    const all = [...this.#get(name).parked.values()].sort((a, b) => a.position - b.position);
    const ahead = all.filter(({ position }) => position > after);
    const items = ahead.slice(0, limit);
    return { items, next: items.length < ahead.length ? (items.at(-1)?.position ?? null) : null };
  }

  #get(name: string): Subscription {
    const subscription = this.#byName.get(name);
    if (subscription === undefined) throw new PlexusError('subscription_not_found', { store: this.#store, name });
    return subscription;
  }
}

const recordOf = ({ record, parked }: Subscription): SubscriptionRecord => ({ ...record, parked: parked.size });

function checkpointBefore(from: StartFrom, lastPosition: number): number {
  if (from === 'start') return -1;
  return from === 'now' ? lastPosition : from - 1;
}

/** Snapshots of streams. */
export class MemorySnapshots {
  readonly #log: MemoryLog;
  readonly #all: Snapshot[] = [];

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  save(snapshot: Snapshot): SnapshotInfo {
    const { stream, version } = snapshot;
    const { events, first, deleted } = this.#log.stream(stream);
    if (deleted === 'tombstone') throw new PlexusError('stream_tombstoned', { stream });
    if (deleted === 'soft') throw new PlexusError('stream_deleted', { stream });
    if (!Number.isSafeInteger(version) || version < first || version >= events.length) {
      throw new PlexusError('bad_request', { reason: `stream ${stream} has no version ${version}` });
    }
    this.delete(stream, version);
    this.#all.push({ ...snapshot, data: copyOf(snapshot.data), metadata: copyOf(snapshot.metadata) });
    return infoOf(snapshot);
  }

  delete(stream: string, version: number | null): { deleted: number } {
    const before = this.#all.length;
    const kept = this.#all.filter((one) => one.stream !== stream || (version !== null && one.version !== version));
    this.#all.splice(0, before, ...kept);
    return { deleted: before - kept.length };
  }

  load(stream: string, version: number | null): Snapshot {
    const latest = this.#of(stream).find((one) => version === null || one.version <= version);
    if (latest === undefined) throw new PlexusError('snapshot_not_found', { stream });
    return { ...latest };
  }

  list(stream: string, before: number | null, limit: number): { items: SnapshotInfo[]; next: number | null } {
    const ahead = this.#of(stream).filter(({ version }) => before === null || version < before);
    const items = ahead.slice(0, limit).map(infoOf);
    return { items, next: items.length < ahead.length ? (items.at(-1)?.version ?? null) : null };
  }

  /** Newest first. */
  #of(stream: string): Snapshot[] {
    return this.#all.filter((one) => one.stream === stream).sort((a, b) => b.version - a.version);
  }
}

const infoOf = ({ stream, version, savedUs }: Snapshot): SnapshotInfo => ({ stream, version, savedUs });

/** What JSON makes of a value. */
const copyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
