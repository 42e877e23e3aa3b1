/**
 * Versions of what is said on a link. A node speaks its own and the one before it, so that a cluster can be brought to a newer one node
 * by node. What differs, docs/wire.md §7 says.
 */
export const VERSION = 2;
export const OLDEST_VERSION = 1;

/** From this version on a heartbeat carries a time, and is answered. */
export const HEARTBEAT_ANSWER_VERSION = 2;

/** Bits for what may be added without a new version; both ends use those that both name. None so far. */
export const FEATURES = 0;

/**
 * @param newest that we speak: `VERSION`
 * @returns the newest version that both speak, or null
 */
export function commonVersion(newest: number, theirOldest: number, theirNewest: number): number | null {
  const common = Math.min(newest, theirNewest);
  return common >= OLDEST_VERSION && common >= theirOldest ? common : null;
}
