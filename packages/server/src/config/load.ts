import { PlexusError } from '@plexus/protocol';
import { parseDocument } from 'yaml';
import { crossCheck } from './cross-check.ts';
import { envOf, flagOf, type Option } from './option.ts';
import { type Config, OPTIONS, type OptionKey } from './table.ts';
import { describe, parseText, parseValue } from './values.ts';

/** Where a configuration comes from. Nothing here touches the process. */
export interface ConfigSources {
  /** Command-line options by key in camelCase; undefined is not given. Texts, booleans or lists of texts. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads the `config` file as UTF-8; throws if it cannot. */
  readonly readFile: (path: string) => string;
}

const KEYS = Object.keys(OPTIONS) as OptionKey[];
/** In the place of what nobody may see. */
const HIDDEN = 'something';
const option = (key: OptionKey): Option<unknown> => OPTIONS[key] as unknown as Option<unknown>;

function invalid(source: string, key: string, given: unknown, allowed: string, cause?: unknown): PlexusError {
  const details = { source, key, given: describe(given), allowed };
  return new PlexusError('config_invalid', details, cause === undefined ? undefined : { cause });
}

/** The nearest option name, for a person who made a slip. */
function suggestion(key: string): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '');
  const near = KEYS.find((candidate) => plain(candidate) === plain(key));
  return near === undefined ? 'a name from docs/configuration.md' : near;
}

function readConfigFile(path: string, readFile: (path: string) => string): Map<OptionKey, unknown> {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(flagOf('config'), 'config', path, `a file that can be read (${reason})`, error);
  }
  const document = parseDocument(text);
  const fault = document.errors[0];
  if (fault !== undefined) throw invalid(path, 'the file', 'no YAML', fault.message.split('\n')[0]!, fault);
  const content: unknown = document.toJS() ?? {};
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw invalid(path, 'the file', content, 'a table of options');
  }
  const values = new Map<OptionKey, unknown>();
  for (const [key, raw] of Object.entries(content)) {
    if (!Object.hasOwn(OPTIONS, key)) throw invalid(path, key, 'unknown', suggestion(key));
    const known = key as OptionKey;
    if (option(known).only === 'command') throw invalid(path, key, raw, `a flag or ${envOf(key)} instead`);
    if (option(known).only === 'environment') throw invalid(path, key, HIDDEN, `${envOf(key)} in the environment only`);
    values.set(known, take(path, known, raw, parseValue));
  }
  return values;
}

function take(source: string, key: OptionKey, raw: unknown, parse: typeof parseValue): unknown {
  const result = parse(key, option(key), raw);
  if (!('fault' in result)) return result.value;
  const { key: at, given, allowed } = result.fault;
  throw invalid(source, at, option(key).secret === true ? HIDDEN : given, allowed);
}

function fromFlags(flags: ConfigSources['flags']): Map<OptionKey, unknown> {
  const values = new Map<OptionKey, unknown>();
  for (const [key, raw] of Object.entries(flags)) {
    if (raw === undefined) continue;
    if (!Object.hasOwn(OPTIONS, key)) throw invalid('command line', flagOf(key), 'unknown', suggestion(key));
    const known = key as OptionKey;
    if (option(known).only === 'file') throw invalid(flagOf(key), key, raw, 'set in the config file only');
    if (option(known).only === 'environment') {
      throw invalid(flagOf(key), key, HIDDEN, `${envOf(key)} in the environment only`);
    }
    values.set(known, take(flagOf(key), known, raw, parseText));
  }
  return values;
}

function fromEnv(env: ConfigSources['env']): Map<OptionKey, unknown> {
  const values = new Map<OptionKey, unknown>();
  for (const key of KEYS) {
    const raw = env[envOf(key)];
    if (raw === undefined) continue;
    if (option(key).only === 'file') throw invalid(envOf(key), key, raw, 'set in the config file only');
    values.set(key, take(envOf(key), key, raw, parseText));
  }
  return values;
}

/**
 * Resolves every option: flag, then environment, then file, then default.
 * @throws PlexusError `config_invalid`, naming the source, the key, what was given and what is allowed.
 */
export function loadConfig(sources: ConfigSources): Config {
  const flags = fromFlags(sources.flags);
  const env = fromEnv(sources.env);
  const path = (flags.get('config') ?? env.get('config') ?? null) as string | null;
  const file = path === null ? new Map<OptionKey, unknown>() : readConfigFile(path, sources.readFile);

  const resolved: Record<string, unknown> = {};
  const computed: OptionKey[] = [];
  for (const key of KEYS) {
    const given = [flags, env, file].find((source) => source.has(key));
    const fallback = option(key).default;
    if (given !== undefined) resolved[key] = given.get(key);
    else if (typeof fallback === 'function') computed.push(key);
    else resolved[key] = fallback;
  }
  for (const key of computed) {
    resolved[key] = (option(key).default as (others: Readonly<Record<string, unknown>>) => unknown)(resolved);
  }
  const config = Object.freeze(resolved) as Config;
  const fault = crossCheck(config);
  if (fault !== null) throw invalid('options together', fault.key, fault.given, fault.allowed);
  return config;
}
