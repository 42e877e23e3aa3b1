import { createHmac } from 'node:crypto';
import { isCount } from './claim-shape.ts';

/**
 * The secret of a realm changes with each epoch, all of one length from the time at which the realm was made. In the overlap, the first
 * part of an epoch, the secret of the epoch before is used as well. A token has the secrets of the epoch in which it was issued and
 * of those beside it that somebody uses or will use, and ends one overlap after its last epoch: at any time all valid tokens of a realm
 * have a secret in use in common.
 */
export interface EpochSchedule {
  /** When epoch 0 began, ms since 1970. */
  readonly zeroMs: number;
  readonly lengthMs: number;
  /** At most half of the length. */
  readonly overlapMs: number;
}

export const DEFAULT_EPOCH_MS = 7 * 24 * 60 * 60 * 1000;
export const DEFAULT_OVERLAP_MS = 24 * 60 * 60 * 1000;
const MIN_EPOCH_MS = 60 * 1000;
const MAX_EPOCH_MS = 366 * 24 * 60 * 60 * 1000;
const MIN_OVERLAP_MS = 1000;

export const SECRET_BYTES = 32;
const SECRET_DOMAIN = 'plexus realm epoch 1';

/** What the lengths would have to be, or null: these are right. */
export function scheduleProblem({ lengthMs, overlapMs }: Pick<EpochSchedule, 'lengthMs' | 'overlapMs'>): string | null {
  if (!isCount(lengthMs) || lengthMs < MIN_EPOCH_MS || lengthMs > MAX_EPOCH_MS) {
    return 'an epoch takes one minute to 366 days';
  }
  if (!isCount(overlapMs) || overlapMs < MIN_OVERLAP_MS || overlapMs > lengthMs / 2) {
    return 'the overlap takes one second to half of the epoch';
  }
  return null;
}

/** A clock that is behind that of the authority is in epoch 0 already. */
export function epochAt({ zeroMs, lengthMs }: EpochSchedule, atMs: number): number {
  return Math.max(0, Math.floor((atMs - zeroMs) / lengthMs));
}

/** When an epoch begins, ms since 1970. */
export function startOfEpoch({ zeroMs, lengthMs }: EpochSchedule, epoch: number): number {
  return zeroMs + epoch * lengthMs;
}

/** Epochs whose secrets are used at a time: the current one first. */
export function epochsInUse(schedule: EpochSchedule, atMs: number): number[] {
  const epoch = epochAt(schedule, atMs);
  const isEarly = epoch > 0 && atMs < startOfEpoch(schedule, epoch) + schedule.overlapMs;
  return isEarly ? [epoch, epoch - 1] : [epoch];
}

/** When `epochsInUse` will be others. */
export function nextEpochChange(schedule: EpochSchedule, atMs: number): number {
  const epoch = epochAt(schedule, atMs);
  const overlapEnd = startOfEpoch(schedule, epoch) + schedule.overlapMs;
  return epoch > 0 && atMs < overlapEnd ? overlapEnd : startOfEpoch(schedule, epoch + 1);
}

/** Epochs whose secrets a token has, ascending: also the next one if others will use it before long. */
export function epochsOfToken(schedule: EpochSchedule, issuedAtMs: number): number[] {
  const epochs = epochsInUse(schedule, issuedAtMs).reverse();
  const epoch = epochAt(schedule, issuedAtMs);
  if (issuedAtMs >= startOfEpoch(schedule, epoch + 1) - schedule.overlapMs) epochs.push(epoch + 1);
  return epochs;
}

/** When a token ends at the latest: then nobody uses a secret that it has any more. */
export function lastEndOfToken(schedule: EpochSchedule, issuedAtMs: number): number {
  const last = epochsOfToken(schedule, issuedAtMs).at(-1)!;
  return startOfEpoch(schedule, last + 1) + schedule.overlapMs;
}

/** @param seed of the realm's authority, which nobody else has */
export function epochSecret(seed: Uint8Array, epoch: number): Uint8Array {
  return createHmac('sha256', seed).update(`${SECRET_DOMAIN}\0${epoch}`).digest();
}
