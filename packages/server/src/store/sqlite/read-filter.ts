import type { Query, QueryItem } from '../query.ts';
import type { EventFilter } from '../reads.ts';
import { Pattern } from '../selectors/pattern.ts';
import { causeId } from './cause-id.ts';
import type { EntrySource } from './read-lists.ts';
import type { NameRow, Names } from './read-names.ts';
import type { EntrySources } from './read-sources.ts';
import type { Streams } from './read-streams.ts';
import type { StoredRow } from './stored-row.ts';

/** What an index can say of a condition: sources of entries, combined. */
export type Index =
  | { readonly kind: 'entries'; readonly source: EntrySource }
  | { readonly kind: 'any' | 'all'; readonly of: readonly Index[] };

/** One condition on events. */
export interface Condition {
  readonly holds: (row: StoredRow) => boolean;
  /** All events for which it holds, and no others, up to the last indexed one; null: no index says so. */
  readonly index: Index | null;
  /** Whether it holds for no event at all. */
  readonly isNever: boolean;
}

/** What conditions are made from. */
export interface Lookups {
  readonly types: Names;
  readonly tags: Names;
  readonly streams: Streams;
  readonly sources: EntrySources;
  readonly believe: () => void;
}

/** More names or streams than this behind one prefix are not looked up one by one. */
const MOST_BY_PREFIX = 64;
/** What is remembered of the names of streams and types, per read. */
const MOST_REMEMBERED = 10_000;

/** @returns conditions that together are the filter, but for its times */
export function conditionsOf(filter: EventFilter, lookups: Lookups): Condition[] {
  const { types, typePrefix, streamPattern, tags, query, correlationId, causationId } = filter;
  const all: Condition[] = [];
  if (types !== undefined) all.push(anyType(types, lookups));
  if (typePrefix !== undefined) all.push(typePrefixed(typePrefix, lookups));
  if (streamPattern !== undefined) all.push(streamMatching(new Pattern(streamPattern), lookups));
  if (tags?.match === 'any') all.push(anyTag(tags.tags, lookups));
  if (tags?.match === 'all') for (const tag of new Set(tags.tags)) all.push(anyTag([tag], lookups));
  if (query !== undefined) all.push(matching(query, lookups));
  if (correlationId !== undefined) all.push(text('correlation', correlationId, lookups));
  if (causationId !== undefined) all.push(text('causation', causeId(causationId), lookups));
  return all;
}

function find(names: Names, wanted: readonly string[]): NameRow[] {
  return [...new Set(wanted)].map((name) => names.find(name)).filter((row) => row !== null);
}

function entries(index: 'type' | 'tag', rows: readonly NameRow[], { sources }: Lookups): Index {
  const of = rows.map(({ id, count }): Index => ({ kind: 'entries', source: sources.numbered(index, id, count) }));
  return { kind: 'any', of };
}

function anyType(wanted: readonly string[], lookups: Lookups): Condition {
  return typeOf(find(lookups.types, wanted), lookups);
}

function typeOf(rows: readonly NameRow[], lookups: Lookups): Condition {
  const ids = rows.map(({ id }) => id);
  const set = new Set(ids);
  return {
    holds: (row) => set.has(row.type),
    index: entries('type', rows, lookups),
    isNever: rows.length === 0,
  };
}

function typePrefixed(prefix: string, lookups: Lookups): Condition {
  const rows = lookups.types.withPrefix(prefix, MOST_BY_PREFIX);
  if (rows !== null) return typeOf(rows, lookups);
  const holds = remembered(
    (row) => row.type,
    (row) => row.event.type.startsWith(prefix),
  );
  return { holds, index: null, isNever: false };
}

function streamMatching(pattern: Pattern, { streams, sources }: Lookups): Condition {
  const among = streams.withPrefix(pattern.prefix, MOST_BY_PREFIX);
  if (among !== null) {
    const found = among.filter(({ name }) => pattern.matches(name));
    const ids = new Set(found.map(({ id }) => id));
    const of = found.map(({ id, indexedVersion }): Index => {
      return { kind: 'entries', source: sources.stream(id, indexedVersion) };
    });
    return { holds: (row) => ids.has(row.stream), index: { kind: 'any', of }, isNever: ids.size === 0 };
  }
  const holds = remembered(
    (row) => row.stream,
    (row) => pattern.matches(row.event.stream),
  );
  return { holds, index: null, isNever: false };
}

/** Asks once per row id. */
function remembered(idOf: (row: StoredRow) => number, ask: (row: StoredRow) => boolean): (row: StoredRow) => boolean {
  const known = new Map<number, boolean>();
  return (row) => {
    const id = idOf(row);
    let holds = known.get(id);
    if (holds === undefined) {
      holds = ask(row);
      if (known.size >= MOST_REMEMBERED) known.clear();
      known.set(id, holds);
    }
    return holds;
  };
}

function anyTag(wanted: readonly string[], lookups: Lookups): Condition {
  const rows = find(lookups.tags, wanted);
  const ids = new Set(rows.map(({ id }) => id));
  return {
    holds: (row) => row.tagIds.some((id) => ids.has(id)),
    index: entries('tag', rows, lookups),
    isNever: rows.length === 0,
  };
}

function text(column: 'correlation' | 'causation', value: string, { sources, believe }: Lookups): Condition {
  // The entries of this index are not numbered.
  believe();
  return {
    holds: (row) => row[column] === value,
    index: { kind: 'entries', source: sources.text(column, value) },
    isNever: false,
  };
}

/** An item of a query by row ids. */
interface Item {
  /** null: whatever type. */
  readonly types: ReadonlySet<number> | null;
  readonly tags: readonly number[];
  /** null: everything matches. */
  readonly index: Index | null;
}

function matching(query: Query, lookups: Lookups): Condition {
  const items = query.map((item) => itemOf(item, lookups)).filter((item) => item !== null);
  const of = items.map(({ index }) => index);
  return {
    holds: (row) => items.some((item) => matchesItem(item, row)),
    index: of.every((index) => index !== null) ? { kind: 'any', of } : null,
    isNever: items.length === 0,
  };
}

/** @returns null: no event matches it */
function itemOf({ types = [], tags = [] }: QueryItem, lookups: Lookups): Item | null {
  const typeRows = find(lookups.types, types);
  const tagRows = [...new Set(tags)].map((tag) => lookups.tags.find(tag));
  if (types.length > 0 && typeRows.length === 0) return null;
  const known = tagRows.filter((row) => row !== null);
  if (known.length < tagRows.length) return null;
  const of = known.map((row) => entries('tag', [row], lookups));
  if (types.length > 0) of.push(entries('type', typeRows, lookups));
  return {
    types: types.length === 0 ? null : new Set(typeRows.map(({ id }) => id)),
    tags: known.map(({ id }) => id),
    index: of.length === 0 ? null : { kind: 'all', of },
  };
}

function matchesItem({ types, tags }: Item, row: StoredRow): boolean {
  if (types !== null && !types.has(row.type)) return false;
  if (tags.length === 0) return true;
  const ids = row.tagIds;
  return tags.every((tag) => ids.includes(tag));
}
