import { filterCovers, filtersOverlap, topicFilterProblem, topicMatches } from '@plexus/protocol';
import type { RealmRights } from './federated-realm.ts';

/** Filters per right. */
export const MAX_RIGHT_FILTERS = 64;
/** As long as a token may be. What a node takes of its clients is another matter. */
const FILTER_LIMITS = { maxTopicBytes: 4096, maxTopicLevels: 4096 };
const SHARE_PREFIX = '$share/';

/** What is wrong with a filter as a right, or null. Topics that begin with `$` never leave a cluster. */
export function rightProblem(filter: string): string | null {
  if (filter.startsWith('$')) return 'begins with $: such topics stay in their cluster';
  return topicFilterProblem(filter, FILTER_LIMITS);
}

/** Whether a value is a list of filters for one right. */
export function isRight(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_RIGHT_FILTERS) return false;
  return value.every((filter) => typeof filter === 'string' && rightProblem(filter) === null);
}

export function mayPublish({ publish }: RealmRights, topic: string): boolean {
  for (const right of publish) {
    // By far the most common right, and the one that needs no split of the topic.
    if (right === '#' ? !topic.startsWith('$') : topicMatches(right, topic)) return true;
  }
  return false;
}

export function maySubscribe({ subscribe }: RealmRights, filter: string): boolean {
  const wanted = withoutShare(filter);
  return subscribe.some((right) => filterCovers(right, wanted));
}

export function couldPublish({ publish }: RealmRights, filter: string): boolean {
  const wanted = withoutShare(filter);
  return publish.some((right) => filtersOverlap(right, wanted));
}

/** A shared subscription counts as its filter. */
function withoutShare(filter: string): string {
  if (!filter.startsWith(SHARE_PREFIX)) return filter;
  return filter.slice(filter.indexOf('/', SHARE_PREFIX.length) + 1);
}
