import { availableParallelism } from 'node:os';
import { nameProblem } from '../lib/names.ts';
import { DEFAULT_REALM, REALM_PATTERN } from './users.ts';

/** An event store of the configuration file. */
export interface StoreConfig {
  /** Unique in the node. */
  readonly name: string;
  readonly realm: string;
  /** `single`: it lives on this node alone. */
  readonly mode: 'single';
  /** Reader threads. */
  readonly readers: number;
  /** Of one try of a request. */
  readonly timeoutMs: number;
  /** Bound of the queue in front of the writer; null: `storeQueueBytes`. */
  readonly queueBytes: number | null;
}

/** What is wrong with one key. */
export interface StoreFault {
  key: string;
  given: unknown;
  allowed: string;
}

const MODES = ['single'] as const;
const DEFAULT_TIMEOUT_MS = 5000;
const MAX_DELAY_MS = 2 ** 31 - 1;
const MIN_QUEUE_BYTES = 1024 * 1024;
const MAX_READERS = 16;

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max);
const processors = availableParallelism();
/** One processor is left to the event loop. */
export const defaultReaders = (processors: number): number => clamp(processors - 1, 1, 4);
/** A writer waits for the disk, and reading goes on meanwhile. */
export const STORE_THREADS = { default: clamp(processors + 1, 2, 16), min: 1, max: 64 } as const;

const DEFAULTS = {
  realm: DEFAULT_REALM,
  mode: 'single',
  readers: defaultReaders(processors),
  timeoutMs: DEFAULT_TIMEOUT_MS,
  queueBytes: null,
} as const;
const KEYS = ['name', ...Object.keys(DEFAULTS)];

/** Of a node that says nothing about stores. */
export const DEFAULT_STORES: readonly StoreConfig[] = Object.freeze([Object.freeze({ name: 'default', ...DEFAULTS })]);

/** @returns the stores, or the first fault. Duplicates are faults. */
export function parseStores(value: unknown): readonly StoreConfig[] | StoreFault {
  if (!Array.isArray(value)) return { key: 'stores', given: value, allowed: `a list of {${KEYS.join(', ')}}` };
  const stores: StoreConfig[] = [];
  const names = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const at = `stores[${index}]`;
    const store = parseStore(entry, at);
    if ('allowed' in store) return store;
    if (names.has(store.name))
      return { key: `${at}.name`, given: store.name, allowed: 'a name that no other store has' };
    names.add(store.name);
    stores.push(Object.freeze(store));
  }
  return Object.freeze(stores);
}

function parseStore(entry: unknown, at: string): StoreConfig | StoreFault {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { key: at, given: entry, allowed: `a table of ${KEYS.join(', ')}` };
  }
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return { key: `${at}.${unknown}`, given: 'unknown', allowed: KEYS.join(', ') };
  const given = { ...DEFAULTS, name: undefined, ...entry } as Record<keyof StoreConfig, unknown>;
  const { name, realm, mode, readers, timeoutMs, queueBytes } = given;
  const problem = nameProblem(name);
  if (problem !== null) return { key: `${at}.name`, given: name, allowed: `a name; this one ${problem}` };
  if (typeof realm !== 'string' || !REALM_PATTERN.test(realm)) {
    return { key: `${at}.realm`, given: realm, allowed: '1 to 200 letters, digits, dots, dashes and underscores' };
  }
  if (mode !== 'single') return { key: `${at}.mode`, given: mode, allowed: `one of ${MODES.join(', ')}` };
  return (
    numberFault(`${at}.readers`, readers, 1, MAX_READERS) ??
    numberFault(`${at}.timeoutMs`, timeoutMs, 1, MAX_DELAY_MS) ??
    (queueBytes === null
      ? null
      : numberFault(`${at}.queueBytes`, queueBytes, MIN_QUEUE_BYTES, Number.MAX_SAFE_INTEGER)) ??
    ({ name, realm, mode, readers, timeoutMs, queueBytes } as StoreConfig)
  );
}

function numberFault(key: string, given: unknown, min: number, max: number): StoreFault | null {
  if (Number.isSafeInteger(given) && (given as number) >= min && (given as number) <= max) return null;
  return { key, given, allowed: `a whole number from ${min} to ${max}` };
}
