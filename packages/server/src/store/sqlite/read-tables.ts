import type { Database } from '../../lib/sqlite/database.ts';
import { type BelieveAbsence, Names } from './read-names.ts';
import { EventRows } from './read-rows.ts';
import { EntrySources } from './read-sources.ts';
import { Streams } from './read-streams.ts';
import { TailLookup } from './read-tail.ts';

/** What reads look things up in. */
export class StoreTables {
  readonly rows: EventRows;
  readonly types: Names;
  readonly tags: Names;
  readonly streams: Streams;
  readonly sources: EntrySources;
  readonly tail: TailLookup;
  readonly believe: BelieveAbsence;

  constructor(db: Database, believe: BelieveAbsence) {
    this.believe = believe;
    this.rows = new EventRows(db);
    this.types = new Names(db, 'types', believe);
    this.tags = new Names(db, 'tags', believe);
    this.streams = new Streams(db, this.rows, believe);
    this.sources = new EntrySources(db);
    this.tail = new TailLookup(db);
  }
}
