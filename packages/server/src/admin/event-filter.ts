import { PlexusError } from '@plexus/protocol';
import { isUuid } from '../lib/uuid.ts';
import type { StoredEvent } from '../store/event.ts';
import { checkQuery, matchesQuery, type Query } from '../store/query.ts';
import type { EventFilter } from '../store/reads.ts';
import type { Selector } from '../store/selector.ts';
import { Pattern } from '../store/selectors/pattern.ts';
import { parseTimeUs } from './time-us.ts';

type List = string | readonly string[];

/** What a query string says of the events to read. */
export interface FilterQuery {
  readonly types?: List;
  readonly typePrefix?: string;
  readonly tags?: List;
  readonly match?: 'any' | 'all';
  readonly streams?: string;
  readonly query?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly since?: string;
  readonly until?: string;
}

/** Names in one parameter or all of them together. */
const MAX_NAMES = 100;

/** @throws {PlexusError} bad_request */
export function eventFilter(query: FilterQuery): EventFilter {
  const { types, typePrefix, tags, match, streams, correlationId, causationId, since, until } = query;
  if (match !== undefined && tags === undefined) throw refuse('match says how tags are meant, and there are none');
  return {
    ...(types !== undefined && { types: names('types', types) }),
    ...(typePrefix !== undefined && { typePrefix }),
    ...(streams !== undefined && { streamPattern: streams }),
    ...(tags !== undefined && { tags: { match: match ?? 'all', tags: names('tags', tags) } }),
    ...(query.query !== undefined && { query: parseQuery(query.query) }),
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
    ...(since !== undefined && { sinceUs: parseTimeUs('since', since) }),
    ...(until !== undefined && { untilUs: parseTimeUs('until', until) }),
  };
}

function names(what: string, given: List): string[] {
  const all = (typeof given === 'string' ? [given] : given).flatMap((text) => jsonList(text) ?? text.split(','));
  if (all.length > MAX_NAMES) throw refuse(`${what} may be ${MAX_NAMES} at most`);
  if (all.some((name) => name === '')) throw refuse(`${what} holds an empty name`);
  return all;
}

/** For names that hold a comma. null: the text is meant as it is. */
function jsonList(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
  } catch {
    return null;
  }
}

/** @throws {PlexusError} bad_request */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`${what} is not JSON: ${(error as Error).message}`);
  }
}

function parseQuery(text: string): Query {
  const query = parseJson('query', text);
  checkQuery(query);
  return query;
}

/**
 * A selector that every event matches which `filter` lets through; it may match others too. With it, live events that
 * nobody wants are left out before anything looks at them closely.
 */
export function coarseSelector(stream: string | null, filter: EventFilter): Selector {
  const { types, tags, query, streamPattern } = filter;
  if (stream !== null) return { kind: 'stream', stream };
  if (types !== undefined) return { kind: 'type', types };
  if (tags !== undefined) return { kind: 'tags', ...tags };
  if (query !== undefined) return { kind: 'query', query };
  if (streamPattern !== undefined) return { kind: 'pattern', pattern: streamPattern };
  return { kind: 'all' };
}

/** The filter as a predicate: live events must pass the same one that readers apply to history. */
export function filterPredicate(filter: EventFilter): (event: StoredEvent) => boolean {
  const { types, typePrefix, streamPattern, tags, query, correlationId, causationId, sinceUs, untilUs } = filter;
  const checks: ((event: StoredEvent) => boolean)[] = [];
  if (types !== undefined) checks.push((event) => types.includes(event.type));
  if (typePrefix !== undefined) checks.push((event) => event.type.startsWith(typePrefix));
  if (streamPattern !== undefined) {
    const pattern = new Pattern(streamPattern);
    checks.push((event) => pattern.matches(event.stream));
  }
  if (tags !== undefined) {
    const wanted = tags.tags;
    checks.push((event) =>
      tags.match === 'any'
        ? wanted.some((tag) => event.tags.includes(tag))
        : wanted.every((tag) => event.tags.includes(tag)),
    );
  }
  if (query !== undefined) checks.push((event) => matchesQuery(query, event.type, event.tags));
  if (correlationId !== undefined) checks.push((event) => event.correlationId === correlationId);
  if (causationId !== undefined) {
    const cause = asId(causationId);
    checks.push((event) => event.causationId !== null && asId(event.causationId) === cause);
  }
  if (sinceUs !== undefined) checks.push((event) => event.timeUs >= sinceUs);
  if (untilUs !== undefined) checks.push((event) => event.timeUs <= untilUs);
  return (event) => checks.every((check) => check(event));
}

/** The id of an event in one spelling; other texts as they are. */
const asId = (text: string): string => (isUuid(text) ? text.toLowerCase() : text);

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
