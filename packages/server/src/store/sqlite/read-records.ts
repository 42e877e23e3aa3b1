import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { ParkedRecord, SubscriptionRecord } from '../operations.ts';
import type { Snapshot, SnapshotInfo } from '../reads.ts';
import type { SubscriptionDefinition, SubscriptionState } from '../subscription.ts';
import { rowChecksum } from './checksum.ts';
import type { BelieveAbsence } from './read-names.ts';
import type { Streams } from './read-streams.ts';
import type { StoreView } from './read-view.ts';

type SnapshotRow = readonly [version: number, time: number, data: string, metadata: string | null, checksum: number];
type SubscriptionRow = readonly [
  name: string,
  definition: string,
  state: SubscriptionState,
  checkpoint: number,
  created: number,
  checksum: number,
  parked: number,
];
type ParkedRow = readonly [position: number, reason: string, attempts: number, time: number, checksum: number];

/** Snapshots, and what is kept of subscriptions. All methods throw `store_damaged`. */
export class Records {
  readonly #file: string;
  /** Shown in errors. */
  readonly #store: string;
  readonly #streams: Streams;
  readonly #believe: BelieveAbsence;
  readonly #snapshot: Statement<SnapshotRow>;
  readonly #snapshots: Statement<SnapshotRow>;
  readonly #subscriptions: Statement<SubscriptionRow>;
  readonly #subscription: Statement<readonly [number]>;
  readonly #parked: Statement<ParkedRow>;

  constructor(db: Database, store: string, streams: Streams, believe: BelieveAbsence) {
    this.#file = db.file;
    this.#store = store;
    this.#streams = streams;
    this.#believe = believe;
    const columns = 'version, time, data, metadata, checksum';
    this.#snapshot = db.prepareRows(
      `SELECT ${columns} FROM snapshots WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1`,
    );
    this.#snapshots = db.prepareRows(
      `SELECT ${columns} FROM snapshots WHERE stream = ? AND version < ? ORDER BY version DESC LIMIT ?`,
    );
    this.#subscriptions = db.prepareRows(
      `SELECT name, definition, state, checkpoint, created, checksum,
         (SELECT count(*) FROM parked p WHERE p.subscription = s.name)
       FROM subscriptions s ORDER BY name`,
    );
    this.#subscription = db.prepareRows('SELECT 1 FROM subscriptions WHERE name = ?');
    this.#parked = db.prepareRows(
      `SELECT position, reason, attempts, time, checksum FROM parked
       WHERE subscription = ? AND position > ? ORDER BY position LIMIT ?`,
    );
  }

  /** @throws {PlexusError} snapshot_not_found */
  loadSnapshot(view: StoreView, stream: string, version: number | null): Snapshot {
    this.#believe();
    const id = this.#streamId(view, stream);
    const row = id === null ? undefined : this.#snapshot.get(id, version ?? Number.MAX_SAFE_INTEGER);
    if (id === null || row === undefined) throw new PlexusError('snapshot_not_found', { stream });
    const info = this.#snapshotInfo(stream, id, row);
    const [, , data, metadata] = row;
    return { ...info, data: JSON.parse(data), metadata: metadata === null ? null : JSON.parse(metadata) };
  }

  listSnapshots(
    view: StoreView,
    stream: string,
    before: number | null,
    limit: number,
  ): { items: SnapshotInfo[]; next: number | null } {
    this.#believe();
    const id = this.#streamId(view, stream);
    if (id === null) return { items: [], next: null };
    const rows = this.#snapshots.all(id, before ?? Number.MAX_SAFE_INTEGER, limit + 1);
    const items = rows.slice(0, limit).map((row) => this.#snapshotInfo(stream, id, row));
    return { items, next: rows.length > limit ? (items.at(-1)?.version ?? null) : null };
  }

  listSubscriptions(): SubscriptionRecord[] {
    this.#believe();
    return this.#subscriptions.all().map(([name, definition, state, checkpoint, createdUs, checksum, parked]) => {
      this.#check('subscriptions', checksum, name, definition, state, checkpoint, createdUs);
      return { definition: JSON.parse(definition) as SubscriptionDefinition, state, checkpoint, createdUs, parked };
    });
  }

  /** @throws {PlexusError} subscription_not_found */
  listParked(name: string, after: number, limit: number): { items: ParkedRecord[]; next: number | null } {
    this.#believe();
    if (this.#subscription.get(name) === undefined) {
      throw new PlexusError('subscription_not_found', { store: this.#store, name });
    }
    const rows = this.#parked.all(name, after, limit + 1);
    const items = rows.slice(0, limit).map(([position, reason, attempts, parkedUs, checksum]) => {
      this.#check('parked', checksum, name, position, reason, attempts, parkedUs);
      return { position, reason, attempts, parkedUs };
    });
    return { items, next: rows.length > limit ? (items.at(-1)?.position ?? null) : null };
  }

  /** null: there is no such stream, and so no snapshot of it. */
  #streamId(view: StoreView, stream: string): number | null {
    try {
      return this.#streams.find(view, stream).id;
    } catch (error) {
      if (error instanceof PlexusError && error.code === 'stream_not_found') return null;
      throw error;
    }
  }

  #snapshotInfo(stream: string, id: number, [version, savedUs, data, metadata, checksum]: SnapshotRow): SnapshotInfo {
    this.#check('snapshots', checksum, id, version, savedUs, data, metadata);
    return { stream, version, savedUs };
  }

  #check(table: string, checksum: number, ...columns: readonly (string | number | null)[]): void {
    if (rowChecksum(table, ...columns) === checksum) return;
    throw damaged(this.#file, `a row of ${table} differs from its checksum`);
  }
}
