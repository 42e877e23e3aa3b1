import { PacketError } from './packet-error.ts';
import { Reason } from './reason-codes.ts';
import { MAX_FIELD_BYTES, readUtf8, utf8Length } from './utf8.ts';

/** Bounds on topic names and topic filters, beside those of the specification. */
export interface TopicLimits {
  /** Bytes in UTF-8; the whole filter, with `$share/{group}/`. */
  maxTopicBytes: number;
  /** Levels between slashes; `a/b` has two. Of a shared filter, those after the group. */
  maxTopicLevels: number;
}

export const DEFAULT_TOPIC_LIMITS: Readonly<TopicLimits> = { maxTopicBytes: 1024, maxTopicLevels: 100 };

const SHARE_PREFIX = '$share/';

/**
 * Decodes and checks the topic name in `bytes[start, end)`.
 * @throws {PacketError} MalformedPacket for bad UTF-8 and U+0000; TopicNameInvalid for an empty name [MQTT-4.7.3-1],
 * wildcards [MQTT-3.3.2-2] and names over the limits.
 */
export function readTopicName(bytes: Uint8Array, start: number, end: number, limits: TopicLimits): string {
  const name = readUtf8(bytes, start, end);
  const problem = shapeProblem(name, end - start, limits) ?? wildcardProblem(name);
  if (problem !== null) throw new PacketError(Reason.TopicNameInvalid, `topic name ${problem}`);
  return name;
}

/** What is wrong with `name` as a topic name to publish to, or null. */
export function topicNameProblem(name: string, limits: TopicLimits): string | null {
  return characterProblem(name) ?? shapeProblem(name, utf8Length(name), limits) ?? wildcardProblem(name);
}

/** What is wrong with `filter`, shared (`$share/{group}/{filter}`) or not, or null. */
export function topicFilterProblem(filter: string, limits: TopicLimits): string | null {
  const bytes = utf8Length(filter);
  if (!filter.startsWith(SHARE_PREFIX)) {
    return characterProblem(filter) ?? shapeProblem(filter, bytes, limits) ?? filterWildcardProblem(filter);
  }
  const groupEnd = filter.indexOf('/', SHARE_PREFIX.length);
  if (groupEnd === -1) return 'shares no filter: $share/{group}/{filter} [MQTT-4.8.2-2]';
  const group = filter.slice(SHARE_PREFIX.length, groupEnd);
  if (group === '' || /[+#]/.test(group)) return 'has a bad share name [MQTT-4.8.2-1] [MQTT-4.8.2-2]';
  const rest = filter.slice(groupEnd + 1);
  return characterProblem(filter) ?? shapeProblem(rest, bytes, limits) ?? filterWildcardProblem(rest);
}

/**
 * Whether a message on `topic` is for a subscription to `filter` (without `$share/{group}/`): the plain statement of
 * MQTT 5.0 §4.7, which the trie must agree with. Both are taken to be valid.
 */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const given = topic.split('/');
  // A wildcard in the first level does not reach topics that begin with $ [MQTT-4.7.2-1].
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    // # stands for the level above it too: a/# takes a (§4.7.1.2).
    if (level === '#') return true;
    if (index >= given.length) return false;
    if (level !== '+' && level !== given[index]) return false;
  }
  return wanted.length === given.length;
}

function characterProblem(text: string): string | null {
  if (text.includes('\0')) return 'holds U+0000 [MQTT-4.7.3-2]';
  return text.isWellFormed() ? null : 'holds a lone surrogate [MQTT-1.5.4-1]';
}

function shapeProblem(text: string, bytes: number, limits: TopicLimits): string | null {
  if (text === '') return 'is empty [MQTT-4.7.3-1]';
  const maxBytes = Math.min(limits.maxTopicBytes, MAX_FIELD_BYTES);
  if (bytes > maxBytes) return `has ${bytes} bytes, over the limit of ${maxBytes}`;
  let levels = 1;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) levels++;
  return levels > limits.maxTopicLevels ? `has ${levels} levels, over the limit of ${limits.maxTopicLevels}` : null;
}

function wildcardProblem(name: string): string | null {
  return name.includes('+') || name.includes('#') ? 'holds a wildcard [MQTT-3.3.2-2]' : null;
}

function filterWildcardProblem(filter: string): string | null {
  const hash = filter.indexOf('#');
  if (hash !== -1 && (hash !== filter.length - 1 || (hash > 0 && filter[hash - 1] !== '/'))) {
    return 'has # other than as its whole last level [MQTT-4.7.1-1]';
  }
  for (let at = filter.indexOf('+'); at !== -1; at = filter.indexOf('+', at + 1)) {
    const whole = (at === 0 || filter[at - 1] === '/') && (at === filter.length - 1 || filter[at + 1] === '/');
    if (!whole) return 'has + other than as a whole level [MQTT-4.7.1-2]';
  }
  return null;
}
