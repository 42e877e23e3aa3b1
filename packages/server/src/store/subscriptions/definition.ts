import { PlexusError } from '@plexus/protocol';
import { checkName } from '../names.ts';
import { checkSelector } from '../selectors/check-selector.ts';
import {
  type NewSubscription,
  type StartFrom,
  SUBSCRIPTION_DEFAULTS,
  type SubscriptionDefinition,
} from '../subscription.ts';

const DAY_MS = 86_400_000;

/** Smallest and largest of each number of a definition. */
export const DEFINITION_LIMITS = {
  poolSize: [1, 1000],
  window: [1, 10_000],
  ackTimeoutMs: [10, DAY_MS],
  maxRetries: [0, 1000],
  queueSize: [1, 100_000],
} as const;

const STRATEGIES: readonly unknown[] = ['by_stream', 'round_robin', 'single'];
export const FULL_POLICIES: readonly unknown[] = ['block', 'drop_oldest', 'drop_newest', 'error'];

/** @returns the whole definition. @throws {PlexusError} bad_request */
export function defineSubscription(given: NewSubscription): SubscriptionDefinition {
  const known = new Set(['name', 'selector', ...Object.keys(SUBSCRIPTION_DEFAULTS)]);
  const unknown = Object.keys(given).find((key) => !known.has(key));
  if (unknown !== undefined) throw refuse(`${unknown} is no member of a subscription`);
  const { name, selector } = given;
  checkName('name', name);
  checkSelector(selector);
  const definition: SubscriptionDefinition = {
    name,
    selector,
    from: given.from ?? SUBSCRIPTION_DEFAULTS.from,
    strategy: given.strategy ?? SUBSCRIPTION_DEFAULTS.strategy,
    poolSize: given.poolSize ?? SUBSCRIPTION_DEFAULTS.poolSize,
    window: given.window ?? SUBSCRIPTION_DEFAULTS.window,
    ackTimeoutMs: given.ackTimeoutMs ?? SUBSCRIPTION_DEFAULTS.ackTimeoutMs,
    maxRetries: given.maxRetries ?? SUBSCRIPTION_DEFAULTS.maxRetries,
    queueSize: given.queueSize ?? SUBSCRIPTION_DEFAULTS.queueSize,
    whenFull: given.whenFull ?? SUBSCRIPTION_DEFAULTS.whenFull,
  };
  checkStart(definition.from);
  if (!STRATEGIES.includes(definition.strategy)) throw refuse(`strategy is one of ${STRATEGIES.join(', ')}`);
  checkWhenFull(definition.whenFull);
  for (const key of Object.keys(DEFINITION_LIMITS) as (keyof typeof DEFINITION_LIMITS)[]) {
    const [least, most] = DEFINITION_LIMITS[key];
    checkWhole(key, definition[key], least, most);
  }
  return definition;
}

/** @throws {PlexusError} bad_request */
export function checkStart(from: unknown): asserts from is StartFrom {
  if (from === 'start' || from === 'now') return;
  if (!Number.isSafeInteger(from) || (from as number) < 0) throw refuse('from is start, now, or a position');
}

/** @throws {PlexusError} bad_request */
export function checkWhenFull(policy: unknown): void {
  if (!FULL_POLICIES.includes(policy)) throw refuse(`whenFull is one of ${FULL_POLICIES.join(', ')}`);
}

/** @throws {PlexusError} bad_request */
export function checkWhole(what: string, value: unknown, least: number, most: number): asserts value is number {
  const isWhole = typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;
  if (!isWhole) throw refuse(`${what} is a whole number from ${least} to ${most}`);
}

/** @returns the position to read from first */
export function firstPosition(from: StartFrom, lastPosition: number): number {
  if (from === 'start') return 0;
  return from === 'now' ? lastPosition + 1 : from;
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
