import { FRAME_HEADER_BYTES } from '../frame.ts';
import { RECORD_ID_OFFSET } from '../record.ts';

/** Tells a store's file from other SQLite files: "PlxS". */
export const APPLICATION_ID = 0x506c7853;

/** In SQL, the id of an event. */
export const EVENT_ID = `substr(frame, ${FRAME_HEADER_BYTES + RECORD_ID_OFFSET + 1}, 16)`;

/**
 * Tables of a store's file. `events` is the log: an append touches its last page and little else. The index tables follow
 * it in steps of some thousand events, up to `meta.indexed`; what lies between that and the end is the *tail*, which
 * readers look through and the writer has in memory. So a commit writes few pages however many streams it is for.
 *
 * Rows of `events` are there from their commit on, and so are the rows of `streams`, `types` and `tags` that they refer to;
 * but `streams.version` and `written`, and `count` of types and tags, are as of `meta.indexed` (version -1 and count 0:
 * nothing before the tail). `streams.first` and `deleted` are always up to date.
 *
 * Index entries of types and tags are numbered (`n`, from 0, without gaps), as those of streams are by version: an entry
 * that a damaged page has lost leaves a hole, and one that was changed does not go with its sum (`entrySum`).
 *
 * - `meta`: `id` (UUID), `indexed` (last position that the index tables have; -1: none), `streams` (how many exist, up to
 *   date), `newestIdMs` (newest time in a UUID v7 among indexed events; -1: none), `changes` (commits that have
 *   changed anything but by appends: with the last position it tells whether all that was acknowledged is there; absent: 0).
 * - `events.frame`: the event, with its checksum (frame.ts). Readers take nothing else; the other columns repeat what SQL has
 *   to see of it. `tags`: JSON list of row ids of `tags`, in the order of the record; null: none. `causation`: as `causeId`
 *   makes it. In all other tables `checksum` is `rowChecksum`.
 * - `streams.first`: version of the first event that reads of the stream give: after a delete, the one after the last.
 *   `deleted`: `Deleted` of `heads.ts`. Times in µs: of the first event, and of the last.
 * - `deletes`: the last requests to delete a stream that came with an id, refused or not, numbered as they came; `outcome`: JSON.
 * - `snapshots.data`, `metadata`, `subscriptions.definition`: JSON.
 */
export const SCHEMA: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    version INTEGER NOT NULL,
    type INTEGER NOT NULL,
    tags TEXT,
    correlation TEXT,
    causation TEXT,
    frame BLOB NOT NULL
  ) STRICT;
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    first INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    written INTEGER NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
  CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;
  CREATE TABLE stream_index (stream INTEGER, version INTEGER, position INTEGER, sum INTEGER, PRIMARY KEY (stream, version)) STRICT, WITHOUT ROWID;
  CREATE TABLE type_index (type INTEGER, position INTEGER, n INTEGER, sum INTEGER, PRIMARY KEY (type, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE tag_index (tag INTEGER, position INTEGER, n INTEGER, sum INTEGER, PRIMARY KEY (tag, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE id_index (id BLOB PRIMARY KEY, position INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE correlation_index (correlation TEXT, position INTEGER, PRIMARY KEY (correlation, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE causation_index (causation TEXT, position INTEGER, PRIMARY KEY (causation, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshots (
    stream INTEGER, version INTEGER, time INTEGER, data TEXT NOT NULL, metadata TEXT, checksum INTEGER NOT NULL,
    PRIMARY KEY (stream, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY, definition TEXT NOT NULL, state TEXT NOT NULL, checkpoint INTEGER NOT NULL,
    created INTEGER NOT NULL, checksum INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE parked (
    subscription TEXT, position INTEGER, reason TEXT NOT NULL, attempts INTEGER NOT NULL, time INTEGER NOT NULL,
    checksum INTEGER NOT NULL, PRIMARY KEY (subscription, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE deletes (
    n INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE, outcome TEXT NOT NULL, checksum INTEGER NOT NULL
  ) STRICT;
  `,
];
