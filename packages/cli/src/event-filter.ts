import { Option } from 'commander';
import { UsageError } from './io.ts';

/** The flags that say which events are meant, of `read` and of `subscribe`. */
export interface FilterFlags {
  type?: string[];
  typePrefix?: string;
  tag?: string[];
  match?: 'any' | 'all';
  streams?: string;
  query?: string;
  since?: string;
}

export const filterOptions = (): Option[] => [
  new Option('--type <type...>', 'only events of this type; may come more than once'),
  new Option('--type-prefix <prefix>', 'only events whose type begins so'),
  new Option('--tag <tag...>', 'only events with this tag; may come more than once'),
  new Option('--match <how>', 'whether an event has to have any of the tags, or all of them').choices(['any', 'all']),
  new Option('--streams <pattern>', 'only streams of such a name; * stands for any characters'),
  new Option('--query <json>', 'only events that match: a list of {types, tags}'),
  new Option('--since <time>', 'only events from this time on: ISO 8601, or microseconds since 1970'),
];

/** The flags as members of a query. @param stream absent: the whole store */
export function filterParams(flags: FilterFlags, stream: string | undefined): URLSearchParams {
  if (stream !== undefined && flags.streams !== undefined) throw new UsageError('give either a stream or --streams');
  const params = new URLSearchParams();
  // As JSON lists, because a name may have a comma in it.
  if (flags.type !== undefined) params.set('types', JSON.stringify(flags.type));
  if (flags.tag !== undefined) params.set('tags', JSON.stringify(flags.tag));
  for (const key of ['typePrefix', 'match', 'streams', 'query', 'since'] as const) {
    const value = flags[key];
    if (value !== undefined) params.set(key, value);
  }
  return params;
}

/** @throws {UsageError} */
export function parseWhole(what: string, least: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (value < least) throw new UsageError(`${what} is a whole number from ${least}, not ${text}`);
    return value;
  };
}
