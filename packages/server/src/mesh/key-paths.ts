import type { KeyPath } from './ports.ts';

const SHARE_PREFIX = '$share/';

/** What a topic has to match: a filter without `$share/{group}/`. */
export function plainFilter(filter: string): string {
  if (!filter.startsWith(SHARE_PREFIX)) return filter;
  const groupEnd = filter.indexOf('/', SHARE_PREFIX.length);
  return groupEnd === -1 ? filter : filter.slice(groupEnd + 1);
}

/**
 * Whether a topic or a filter crosses the border of the cluster: what begins with `$` is the business of a node (`$SYS`) or of its cluster
 * (`$store`). A shared filter counts as the filter that is shared.
 */
export function takesPart(filterOrTopic: string): boolean {
  return !plainFilter(filterOrTopic).startsWith('$');
}

/**
 * The literal levels of a filter before its first wildcard: `a/b/+/c` → `/a/b`, `a/b` → `/a/b`, `#` → ''. Whatever the filter matches has this
 * among its `pathsOfTopic`.
 */
export function pathOfFilter(filter: string): KeyPath {
  const plain = plainFilter(filter);
  for (let at = 0; at < plain.length; at++) {
    const code = plain.charCodeAt(at);
    // A wildcard has its level to itself [MQTT-4.7.1-1], so what is before it ends with a slash, or is nothing.
    if (code === 0x2b || code === 0x23) return at === 0 ? '' : `/${plain.slice(0, at - 1)}`;
  }
  return `/${plain}`;
}

/** The prefixes of a topic, the shortest first: `a/b` → '', `/a`, `/a/b`. One more than it has levels. */
export function pathsOfTopic(topic: string): KeyPath[] {
  const whole = `/${topic}`;
  const paths = [''];
  for (let end = whole.indexOf('/', 1); end !== -1; end = whole.indexOf('/', end + 1)) paths.push(whole.slice(0, end));
  paths.push(whole);
  return paths;
}
