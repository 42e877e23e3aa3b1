/** One option of a node. `T` is the type of its value in `Config`. */
export interface Option<T> {
  readonly kind: OptionKind;
  /** Resolved after every option that is given; may look at the others. */
  readonly default: T | ((others: Readonly<Record<string, unknown>>) => T);
  /** How the documentation shows the default, where it is not a plain value. */
  readonly defaultText?: string;
  /** Of the number, for people; the name says it too. */
  readonly unit?: 'bytes' | 'ms' | 's' | 'per s';
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly string[];
  /** Where it can be set. Default: everywhere. */
  readonly only?: 'file' | 'command' | 'environment';
  /** What was given is not shown in errors. */
  readonly secret?: true;
  /** Narrower than the kind: null if the value will do, else what is allowed. */
  readonly check?: (value: T) => string | null;
  /** One sentence. */
  readonly help: string;
}

export type OptionKind = 'string' | 'int' | 'bool' | 'list' | 'enum' | 'users' | 'stores' | 'realms';

type Rest<T> = Omit<Option<T>, 'kind' | 'values'>;

// Builders, so that the table below them is typed without naming a type twice.
export const string = <T extends string | null>(rest: Rest<T>): Option<T extends string ? string : string | null> =>
  ({ kind: 'string', ...rest }) as unknown as Option<T extends string ? string : string | null>;
export const int = <T extends number | null>(rest: Rest<T>): Option<T extends number ? number : number | null> =>
  ({ kind: 'int', ...rest }) as unknown as Option<T extends number ? number : number | null>;
export const bool = (rest: Rest<boolean>): Option<boolean> => ({ kind: 'bool', ...rest });
export const list = (rest: Rest<readonly string[]>): Option<readonly string[]> => ({ kind: 'list', ...rest });
export const oneOf = <const V extends readonly string[]>(values: V, rest: Rest<V[number]>): Option<V[number]> => ({
  kind: 'enum',
  values,
  ...rest,
});

/** `maxClients` → `--max-clients`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `maxClients` → `PLEXUS_MAX_CLIENTS`. */
export function envOf(key: string): string {
  return `PLEXUS_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
