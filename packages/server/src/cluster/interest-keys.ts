import { topicFilterProblem } from '@plexus/protocol';
import type { FilterCount } from './ports.ts';

/**
 * The entries of the interest table. Key: `{realm} NUL {filter}`, the filter with `$share/{group}/` where it is shared. Value: of a
 * shared filter `{online} {away}`, the sessions that have it; of any other nothing.
 */

const SHARE_PREFIX = '$share/';
/** What another node takes in may be more than this one does: only what no node may have is refused. */
const ANY_LIMITS = { maxTopicBytes: 65_535, maxTopicLevels: 65_535 };
const COUNTS = /^(\d{1,15}) (\d{1,15})$/;

export interface InterestKey {
  readonly realm: string;
  /** What a topic has to match. */
  readonly filter: string;
  /** `$share/{group}/{filter}`; null: not shared */
  readonly share: string | null;
}

export const isShared = (filter: string): boolean => filter.startsWith(SHARE_PREFIX);

export const interestKey = (realm: string, filter: string): string => `${realm}\0${filter}`;

/** @returns null: no key of the interest table */
export function parseInterestKey(key: string): InterestKey | null {
  const realmEnd = key.indexOf('\0');
  if (realmEnd === -1) return null;
  const realm = key.slice(0, realmEnd);
  const whole = key.slice(realmEnd + 1);
  if (topicFilterProblem(whole, ANY_LIMITS) !== null) return null;
  if (!isShared(whole)) return { realm, filter: whole, share: null };
  return { realm, filter: whole.slice(whole.indexOf('/', SHARE_PREFIX.length) + 1), share: whole };
}

export const shareValue = ({ online, away }: FilterCount): string => `${online} ${away}`;

/** @returns none of either for a value that is none */
export function parseShareValue(value: string): FilterCount {
  const [, online, away] = COUNTS.exec(value) ?? [];
  return { online: Number(online ?? 0), away: Number(away ?? 0) };
}
