import { PlexusError } from '@plexus/protocol';

/** Bounds on a path. */
export const PATH_LIMITS = { maxLength: 1000, maxSteps: 32 } as const;

/** The steps from the root of a JSON value to a place in it: names of members, indexes of elements. */
export type PayloadPath = readonly (string | number)[];

/** What `valueAt` gives where nothing is; no JSON value is undefined. */
export const NOTHING = undefined;

// `.name`, `['name']` in which a backslash stands before ' and \, or `[index]`.
const STEP = /\.([^.[\]'"\s\\]+)|\['((?:[^'\\]|\\['\\])+)'\]|\[(0|[1-9]\d{0,9})\]/y;

/** @throws {PlexusError} bad_request */
export function parsePath(text: unknown): PayloadPath {
  if (typeof text !== 'string' || !text.startsWith('$')) throw refuse('a path begins with $', text);
  if (text.length > PATH_LIMITS.maxLength) throw refuse(`a path has at most ${PATH_LIMITS.maxLength} characters`, null);
  const steps: (string | number)[] = [];
  let at = 1;
  while (at < text.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(text);
    if (found === null) throw refuse("a path is $, then .name, ['name'] or [index]", text);
    const [, name, quoted, index] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(name ?? quoted!.replace(/\\(['\\])/g, '$1'));
    at = STEP.lastIndex;
  }
  if (steps.length > PATH_LIMITS.maxSteps) throw refuse(`a path has at most ${PATH_LIMITS.maxSteps} steps`, text);
  return steps;
}

/** @returns what is at `path` in a JSON value, or `NOTHING` */
export function valueAt(data: unknown, path: PayloadPath): unknown {
  let value = data;
  for (let i = 0; i < path.length; i++) {
    if (typeof value !== 'object' || value === null) return NOTHING;
    const step = path[i]!;
    if (typeof step === 'number') {
      if (!Array.isArray(value) || step >= value.length) return NOTHING;
      value = value[step];
    } else {
      if (Array.isArray(value) || !Object.hasOwn(value, step)) return NOTHING;
      value = (value as Record<string, unknown>)[step];
    }
  }
  return value;
}

const refuse = (reason: string, given: unknown): PlexusError =>
  new PlexusError('bad_request', {
    reason: typeof given === 'string' ? `${reason}, not ${given.slice(0, 100)}` : reason,
  });
