import { isDeepStrictEqual } from 'node:util';
import type { PlexusError } from '@plexus/protocol';
import type { Engine } from '../store/engine.ts';
import type { SubscriptionRecord, WriteName, WriteOperations } from '../store/operations.ts';

/** How far clocks may have moved between the first try and what the store noted. */
const CLOCK_SLACK_MS = 1000;

/**
 * A write that was given to a second writer, because the first died with it, failed there. Was it the first that did it? Appends
 * and deletes of streams need no such question, because of their ids; snapshots, progress and resets come to the same when they are done twice.
 * @returns the result of the first try; undefined: the error stands
 */
export async function resultOfFirstTry(
  engine: Pick<Engine, 'read'>,
  operation: WriteName,
  request: unknown,
  error: PlexusError,
  sinceWallMs: number,
): Promise<unknown> {
  switch (operation) {
    case 'createSubscription':
      return created(engine, request as WriteOperations['createSubscription']['request'], error, sinceWallMs);
    case 'deleteSubscription':
      // How many events were parked went with it.
      return error.code === 'subscription_not_found' ? { parked: 0 } : undefined;
    default:
      return undefined;
  }
}

async function created(
  engine: Pick<Engine, 'read'>,
  { definition }: WriteOperations['createSubscription']['request'],
  error: PlexusError,
  sinceWallMs: number,
): Promise<SubscriptionRecord | undefined> {
  if (error.code !== 'subscription_exists') return undefined;
  const records = await engine.read('listSubscriptions', {});
  const record = records.find((candidate) => candidate.definition.name === definition.name);
  const isOurs =
    record !== undefined &&
    record.createdUs >= (sinceWallMs - CLOCK_SLACK_MS) * 1000 &&
    isDeepStrictEqual(record.definition, definition);
  return isOurs ? record : undefined;
}
