import { PlexusError } from '@plexus/protocol';
import { LIMITS } from '../event.ts';
import { checkName } from '../names.ts';
import { checkQuery } from '../query.ts';
import type { Selector } from '../selector.ts';
import { checkPayload } from './check-payload.ts';

/** Bounds on a selector, besides those of queries and payload conditions. */
export const SELECTOR_LIMITS = { maxTypes: 100, maxTags: 100 } as const;

type Given = Readonly<Record<string, unknown>>;

/** By kind: its members besides `kind`, and the check of them. */
const KINDS: Readonly<Record<Selector['kind'], { members: readonly string[]; check(given: Given): void }>> = {
  all: { members: [], check: () => {} },
  stream: { members: ['stream'], check: ({ stream }) => checkName('stream', stream) },
  type: {
    members: ['types'],
    check: ({ types }) => {
      for (const type of checkList('types', types, SELECTOR_LIMITS.maxTypes)) checkName('type', type);
    },
  },
  // A `*` is a character of a name like any other, so a pattern is bounded as a name is.
  pattern: { members: ['pattern'], check: ({ pattern }) => checkName('pattern', pattern) },
  tags: { members: ['match', 'tags'], check: checkTags },
  query: { members: ['query'], check: ({ query }) => checkQuery(query) },
  payload: { members: ['where'], check: ({ where }) => checkPayload(where) },
};

/** @throws {PlexusError} bad_request */
export function checkSelector(selector: unknown): asserts selector is Selector {
  if (typeof selector !== 'object' || selector === null) throw refuse('a selector is an object with a kind');
  const given = selector as Given;
  const { kind } = given;
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) {
    throw refuse(`the kind of a selector is one of ${Object.keys(KINDS).join(', ')}`);
  }
  const { members, check } = KINDS[kind as Selector['kind']];
  const unknown = Object.keys(given).find((key) => key !== 'kind' && !members.includes(key));
  if (unknown !== undefined) throw refuse(`${unknown} is no member of a selector of kind ${kind}`);
  check(given);
}

function checkTags({ match, tags }: Given): void {
  if (match !== 'any' && match !== 'all') throw refuse('match is any or all');
  for (const tag of checkList('tags', tags, SELECTOR_LIMITS.maxTags)) {
    const isTag = typeof tag === 'string' && tag !== '' && Buffer.byteLength(tag) <= LIMITS.maxTagBytes;
    if (!isTag) throw refuse(`a tag is a text of 1 to ${LIMITS.maxTagBytes} bytes`);
    if (!tag.isWellFormed() || tag.includes('\0')) throw refuse('a tag is Unicode text without U+0000');
  }
}

function checkList(what: string, value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    throw refuse(`${what} is a list of 1 to ${most}`);
  }
  return value;
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
