import { PlexusError } from '@plexus/protocol';
import { expectedCode } from '../store/append-codec.ts';
import { checkName } from '../store/names.ts';
import type { WriteName } from '../store/operations.ts';

type Members = Readonly<Record<string, unknown>>;

/** What the writer takes for granted, by operation. */
const CHECKS: { readonly [K in WriteName]: (request: Members) => void } = {
  deleteStream: ({ stream, expectedVersion, tombstone }) => {
    checkName('stream', stream);
    if (expectedVersion !== undefined) expectedCode(expectedVersion as number);
    need(typeof tombstone === 'boolean', 'tombstone must be true or false');
  },
  saveSnapshot: ({ stream, version }) => {
    checkName('stream', stream);
    need(isPosition(version), 'version must be a version');
  },
  deleteSnapshots: ({ stream, version }) => {
    checkName('stream', stream);
    need(version === null || isPosition(version), 'version must be a version, or null');
  },
  createSubscription: ({ definition }) => {
    const { name, selector, from } = members('definition', definition);
    checkName('subscription', name);
    members('selector', selector);
    need(from === 'start' || from === 'now' || isPosition(from), 'from must be a position, "start" or "now"');
  },
  deleteSubscription: ({ name }) => checkName('subscription', name),
  resetSubscription: ({ name, checkpoint }) => {
    checkName('subscription', name);
    need(isCheckpoint(checkpoint), 'checkpoint must be a position, or -1');
  },
  saveProgress: ({ items }) => {
    for (const item of list('items', items)) checkProgress(members('an item', item));
  },
};

/**
 * Checks a write that is no append so far that the writer cannot fail at it in a way that it does not expect: it would end, and
 * its successors with it.
 * @throws {PlexusError} bad_request
 */
export function checkWrite(operation: WriteName, request: unknown): void {
  need(Object.hasOwn(CHECKS, operation), `there is no operation ${operation}`);
  CHECKS[operation](members('the request', request));
}

function checkProgress({ name, checkpoint, state, park, unpark }: Members): void {
  checkName('subscription', name);
  need(checkpoint === null || isCheckpoint(checkpoint), 'checkpoint must be a position, -1 or null');
  const isState = state === null || state === 'running' || state === 'paused' || state === 'stopped';
  need(isState, 'state must be "running", "paused", "stopped" or null');
  for (const parked of list('park', park)) {
    const { position, reason, attempts, parkedUs } = members('a parked event', parked);
    need(isPosition(position), 'position must be a position');
    need(typeof reason === 'string', 'reason must be a text');
    need(isPosition(attempts), 'attempts must be a whole number');
    need(isPosition(parkedUs), 'parkedUs must be whole microseconds');
  }
  for (const position of list('unpark', unpark)) need(isPosition(position), 'unpark must list positions');
}

const isPosition = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isCheckpoint = (value: unknown): boolean => isPosition(value) || value === -1;

function members(what: string, value: unknown): Members {
  need(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} must be an object`);
  return value as Members;
}

function list(what: string, value: unknown): readonly unknown[] {
  need(Array.isArray(value), `${what} must be a list`);
  return value as readonly unknown[];
}

function need(holds: boolean, reason: string): void {
  if (!holds) throw new PlexusError('bad_request', { reason });
}
