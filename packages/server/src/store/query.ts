import { PlexusError } from '@plexus/protocol';

/** An OR of items: an event matches if one of them does. An empty query matches nothing; `[{}]` everything. */
export type Query = readonly QueryItem[];

/** Any of these types AND all of these tags. Absent or empty: whatever type, whatever tags. */
export interface QueryItem {
  readonly types?: readonly string[];
  readonly tags?: readonly string[];
}

/** Bounds on a query. */
export const QUERY_LIMITS = { maxItems: 100, maxTypesPerItem: 100, maxTagsPerItem: 32 } as const;

/** Whether an event of `type` with `tags` matches: the plain statement that every index must agree with. */
export function matchesQuery(query: Query, type: string, tags: readonly string[]): boolean {
  return query.some((item) => {
    const { types = [], tags: wanted = [] } = item;
    return (types.length === 0 || types.includes(type)) && wanted.every((tag) => tags.includes(tag));
  });
}

/** @throws {PlexusError} bad_request */
export function checkQuery(query: unknown): asserts query is Query {
  if (!Array.isArray(query)) throw refuse('a query is a list of {types, tags}');
  if (query.length > QUERY_LIMITS.maxItems) throw refuse(`a query may have ${QUERY_LIMITS.maxItems} items`);
  for (const item of query as unknown[]) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) throw refuse('an item is {types, tags}');
    const unknown = Object.keys(item).find((key) => key !== 'types' && key !== 'tags');
    if (unknown !== undefined) throw refuse(`${unknown} is no member of an item`);
    const { types, tags } = item as { types?: unknown; tags?: unknown };
    checkTexts('types', types, QUERY_LIMITS.maxTypesPerItem);
    checkTexts('tags', tags, QUERY_LIMITS.maxTagsPerItem);
  }
}

function checkTexts(what: string, value: unknown, most: number): void {
  if (value === undefined) return;
  const isList = Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '');
  if (!isList || value.length > most) throw refuse(`${what} is a list of at most ${most} texts`);
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
