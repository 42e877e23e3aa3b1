import { isDeepStrictEqual } from 'node:util';
import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { checkName } from '../names.ts';
import type { ParkedRecord, SubscriptionProgress, SubscriptionRecord } from '../operations.ts';
import { jsonText } from '../record.ts';
import type { StartFrom, SubscriptionState } from '../subscription.ts';
import { rowChecksum } from './checksum.ts';
import type { Operation } from './operation.ts';

const MAX_SUBSCRIPTIONS = 10_000;
/** The very same subscription created again within this time is a retry, whose first answer was lost. */
const CREATE_RETRY_US = 30_000_000;

type Row = readonly [
  name: string,
  definition: string,
  state: SubscriptionState,
  checkpoint: number,
  created: number,
  sum: number,
];
type Count = readonly [number];

interface Stored {
  readonly name: string;
  readonly definition: string;
  readonly state: SubscriptionState;
  readonly checkpoint: number;
  readonly created: number;
}

/** Keeps the records of persistent subscriptions. */
export class SubscriptionWrites {
  readonly #file: string;
  /** Shown in errors. */
  readonly #store: string;
  readonly #select: Statement<Row>;
  readonly #neighbours: Statement<Row>;
  readonly #count: Statement<Count>;
  readonly #countParked: Statement<Count>;
  readonly #replace: Statement;
  readonly #delete: Statement;
  readonly #park: Statement;
  readonly #unpark: Statement;
  readonly #unparkAll: Statement;

  constructor(db: Database, store: string) {
    this.#file = db.file;
    this.#store = store;
    const select = 'SELECT name, definition, state, checkpoint, created, checksum FROM subscriptions WHERE name';
    this.#select = db.prepareRows(`${select} = ?`);
    this.#neighbours = db.prepareRows(
      `SELECT * FROM (${select} < ?1 ORDER BY name DESC LIMIT 1) UNION ALL
       SELECT * FROM (${select} > ?1 ORDER BY name LIMIT 1)`,
    );
    this.#count = db.prepareRows('SELECT count(*) FROM subscriptions');
    this.#countParked = db.prepareRows('SELECT count(*) FROM parked WHERE subscription = ?');
    this.#replace = db.prepare(
      `INSERT OR REPLACE INTO subscriptions (name, definition, state, checkpoint, created, checksum)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = db.prepare('DELETE FROM subscriptions WHERE name = ?');
    this.#park = db.prepare(
      `INSERT OR REPLACE INTO parked (subscription, position, reason, attempts, time, checksum)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#unpark = db.prepare('DELETE FROM parked WHERE subscription = ? AND position = ?');
    this.#unparkAll = db.prepare('DELETE FROM parked WHERE subscription = ?');
  }

  readonly create: Operation<'createSubscription'> = ({ definition }, { timeUs, lastPosition }) => {
    const { name, from } = definition;
    checkName('subscription', name);
    const text = jsonText('definition', definition);
    const there = this.#find(name);
    if (there !== null) {
      if (!isRetry(there, text, timeUs)) throw new PlexusError('subscription_exists', { name });
      return () => this.#recordOf(there);
    }
    if (this.#count.get()![0] >= MAX_SUBSCRIPTIONS) throw new PlexusError('quota_exceeded', { limit: 'subscriptions' });
    const checkpoint = checkpointBefore(from, lastPosition);
    return () => this.#save({ name, definition: text, state: 'running', checkpoint, created: timeUs });
  };

  readonly delete: Operation<'deleteSubscription'> = ({ name }) => {
    this.#get(name);
    return () => {
      const { changes } = this.#unparkAll.run(name);
      this.#delete.run(name);
      return { parked: changes };
    };
  };

  readonly reset: Operation<'resetSubscription'> = ({ name, checkpoint }) => {
    const stored = this.#get(name);
    if (!Number.isSafeInteger(checkpoint) || checkpoint < -1) {
      throw new PlexusError('bad_request', { reason: 'checkpoint must be a position, or -1' });
    }
    return () => {
      this.#unparkAll.run(name);
      return this.#save({ ...stored, checkpoint });
    };
  };

  readonly saveProgress: Operation<'saveProgress'> = ({ items }) => {
    // What would fail fails here, before anything is written.
    for (const { name } of items) this.#find(name);
    return () => {
      let saved = 0;
      for (const item of items) saved += this.#advance(item);
      return { saved };
    };
  };

  /** @returns 1, or 0 if there is no such subscription */
  #advance({ name, checkpoint, state, park, unpark }: SubscriptionProgress): 0 | 1 {
    const stored = this.#find(name);
    if (stored === null) return 0;
    const next = {
      ...stored,
      checkpoint: Math.max(stored.checkpoint, checkpoint ?? stored.checkpoint),
      state: state ?? stored.state,
    };
    if (next.checkpoint !== stored.checkpoint || next.state !== stored.state) this.#write(next);
    for (const record of park) this.#parkOne(name, record);
    for (const position of unpark) this.#unpark.run(name, position);
    return 1;
  }

  #parkOne(name: string, { position, reason, attempts, parkedUs }: ParkedRecord): void {
    const checksum = rowChecksum('parked', name, position, reason, attempts, parkedUs);
    this.#park.run(name, position, reason, attempts, parkedUs, checksum);
  }

  /** @throws {PlexusError} store_damaged */
  #find(name: string): Stored | null {
    const row = this.#select.get(name);
    if (row !== undefined) return this.#verified(row);
    // A changed bit in a key hides its row, which is then next to where the search ends.
    for (const neighbour of this.#neighbours.all(name)) this.#verified(neighbour);
    return null;
  }

  #verified([name, definition, state, checkpoint, created, checksum]: Row): Stored {
    const stored = { name, definition, state, checkpoint, created };
    if (checksumOf(stored) !== checksum) {
      throw damaged(this.#file, `the row of subscription ${name} differs from its checksum`);
    }
    return stored;
  }

  #get(name: string): Stored {
    const stored = this.#find(name);
    if (stored === null) throw new PlexusError('subscription_not_found', { store: this.#store, name });
    return stored;
  }

  #write(stored: Stored): void {
    const { name, definition, state, checkpoint, created } = stored;
    this.#replace.run(name, definition, state, checkpoint, created, checksumOf(stored));
  }

  #save(stored: Stored): SubscriptionRecord {
    this.#write(stored);
    return this.#recordOf(stored);
  }

  #recordOf({ name, definition, state, checkpoint, created }: Stored): SubscriptionRecord {
    const parked = this.#countParked.get(name)![0];
    return { definition: JSON.parse(definition), state, checkpoint, createdUs: created, parked };
  }
}

function checksumOf({ name, definition, state, checkpoint, created }: Stored): number {
  return rowChecksum('subscriptions', name, definition, state, checkpoint, created);
}

function isRetry({ definition, created }: Stored, asked: string, nowUs: number): boolean {
  return nowUs - created <= CREATE_RETRY_US && isDeepStrictEqual(JSON.parse(definition), JSON.parse(asked));
}

function checkpointBefore(from: StartFrom, lastPosition: number): number {
  if (from === 'start') return -1;
  return from === 'now' ? lastPosition : from - 1;
}
