import type { Database } from '../../lib/sqlite/database.ts';
import { type BelieveAbsence, Names } from './read-names.ts';
import { EventRows } from './read-rows.ts';
import { EntrySources } from './read-sources.ts';
import { Streams } from './read-streams.ts';
import { TailRows } from './read-tail.ts';

/** What reads look things up in. */
export class StoreTables {
  readonly rows: EventRows;
  readonly types: Names;
  readonly tags: Names;
  readonly streams: Streams;
  readonly sources: EntrySources;
  readonly tail: TailRows;
  readonly believe: BelieveAbsence;

  constructor(db: Database, believe: BelieveAbsence) {
    this.believe = believe;
    this.rows = new EventRows(db);
    this.tail = new TailRows(this.rows);
    this.types = new Names(db, 'types', this.tail, believe);
    this.tags = new Names(db, 'tags', this.tail, believe);
    this.streams = new Streams(db, this.tail, believe);
    this.sources = new EntrySources(db);
  }
}
