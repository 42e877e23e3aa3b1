import type { Option, OptionKind } from './option.ts';
import { parseRealms } from './realms.ts';
import { parseStores } from './stores.ts';
import { parseUsers } from './users.ts';

export interface Fault {
  key: string;
  given: unknown;
  allowed: string;
}

export type Parsed = { value: unknown } | { fault: Fault };

const MAX_SHOWN = 100;

/** Kinds that are lists of tables. */
const TABLES: Partial<Record<OptionKind, (raw: unknown) => object | Fault>> = {
  users: parseUsers,
  stores: parseStores,
  realms: parseRealms,
};

/** A given value as an error shows it: quoted, on one line, not endless. */
export function describe(given: unknown): string {
  if (given === undefined) return 'missing';
  const text = typeof given === 'bigint' ? String(given) : (JSON.stringify(given) ?? String(given));
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** What a person may give for an option. */
export function allowed(option: Option<unknown>): string {
  switch (option.kind) {
    case 'string':
      return 'a text';
    case 'int':
      return `a whole number from ${option.min} to ${option.max}${option.unit === undefined ? '' : ` (${option.unit})`}`;
    case 'bool':
      return 'true or false';
    case 'list':
      return 'a list of texts';
    case 'enum':
      return `one of ${option.values!.join(', ')}`;
    case 'users':
      return 'a list of {name, passwordHash, realm}';
    case 'stores':
      return 'a list of {name, realm, mode, readers, timeoutMs, queueBytes}';
    case 'realms':
      return 'a list of {name, federated, authorityKey, tokenFile, revocationsFile}';
  }
}

/** A value as YAML gives it, typed. */
export function parseValue(key: string, option: Option<unknown>, raw: unknown): Parsed {
  const parse = TABLES[option.kind];
  if (parse !== undefined) {
    const parsed = parse(raw);
    return 'allowed' in parsed ? { fault: parsed } : { value: parsed };
  }
  if (!hasKind(option, raw)) return { fault: { key, given: raw, allowed: allowed(option) } };
  const narrower = option.check?.(raw) ?? null;
  if (narrower !== null) return { fault: { key, given: raw, allowed: narrower } };
  return { value: Array.isArray(raw) ? Object.freeze([...raw]) : raw };
}

function hasKind(option: Option<unknown>, raw: unknown): boolean {
  switch (option.kind) {
    case 'string':
      return typeof raw === 'string';
    case 'int':
      return Number.isSafeInteger(raw) && (raw as number) >= option.min! && (raw as number) <= option.max!;
    case 'bool':
      return typeof raw === 'boolean';
    case 'list':
      return Array.isArray(raw) && raw.every((item) => typeof item === 'string' && item !== '');
    case 'enum':
      return typeof raw === 'string' && option.values!.includes(raw);
    case 'users':
    case 'stores':
    case 'realms':
      return false;
  }
}

/** A value as a flag or an environment variable gives it. Lists are comma-separated, and a flag may come again. */
export function parseText(key: string, option: Option<unknown>, raw: unknown): Parsed {
  return parseValue(key, option, fromText(option, raw)) satisfies Parsed;
}

function fromText(option: Option<unknown>, raw: unknown): unknown {
  if (option.kind === 'list') {
    const texts = Array.isArray(raw) ? raw : [raw];
    return texts.flatMap((text) =>
      typeof text === 'string'
        ? text
            .split(',')
            .map((item) => item.trim())
            .filter((item) => item !== '')
        : [text],
    );
  }
  if (typeof raw !== 'string') return raw;
  // Digits only: Number() would take '', ' 5', '0x10' and '1e3'.
  if (option.kind === 'int') return /^\d{1,16}$/.test(raw) ? Number(raw) : raw;
  if (option.kind === 'bool') return { true: true, '1': true, false: false, '0': false }[raw] ?? raw;
  return raw;
}
