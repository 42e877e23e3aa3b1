import { PlexusError } from '@plexus/protocol';
import type { PayloadCondition } from '../selector.ts';
import { parsePath } from './payload-path.ts';

/** Bounds on a payload condition. */
export const PAYLOAD_LIMITS = {
  /** Comparisons and combinations, all of them. */
  maxConditions: 100,
  maxDepth: 10,
  /** Of the values it compares with, as JSON. */
  maxValueBytes: 16 * 1024,
  /** Of `in`. */
  maxValues: 1000,
} as const;

const COMBINED = ['and', 'or', 'not'] as const;
const COMPARED = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'exists'] as const;

/** @throws {PlexusError} bad_request */
export function checkPayload(where: unknown): asserts where is PayloadCondition {
  const left = { conditions: PAYLOAD_LIMITS.maxConditions, bytes: PAYLOAD_LIMITS.maxValueBytes };
  checkCondition(where, 1, left);
}

/** What a condition may still spend. */
interface Left {
  conditions: number;
  bytes: number;
}

function checkCondition(given: unknown, depth: number, left: Left): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refuse('a condition is {path, op, value}, {and}, {or} or {not}');
  }
  if (--left.conditions < 0) throw refuse(`a selector may have ${PAYLOAD_LIMITS.maxConditions} conditions`);
  if (depth > PAYLOAD_LIMITS.maxDepth) throw refuse(`conditions may be ${PAYLOAD_LIMITS.maxDepth} deep`);
  const condition = given as Record<string, unknown>;
  const combined = COMBINED.find((word) => Object.hasOwn(condition, word));
  if (combined === undefined) checkComparison(condition, left);
  else {
    if (Object.keys(condition).length !== 1) throw refuse(`nothing stands beside ${combined} in a condition`);
    for (const inner of innerConditions(combined, condition[combined])) checkCondition(inner, depth + 1, left);
  }
}

function innerConditions(combined: (typeof COMBINED)[number], given: unknown): readonly unknown[] {
  if (combined === 'not') return [given];
  if (!Array.isArray(given) || given.length === 0) throw refuse(`${combined} is a list of conditions`);
  return given;
}

function checkComparison(condition: Record<string, unknown>, left: Left): void {
  const unknown = Object.keys(condition).find((key) => key !== 'path' && key !== 'op' && key !== 'value');
  if (unknown !== undefined) throw refuse(`${unknown} is no member of a condition`);
  const { path, op, value } = condition;
  parsePath(path);
  if (!COMPARED.includes(op as 'eq')) throw refuse(`op is one of ${COMPARED.join(', ')}`);
  switch (op) {
    case 'exists':
      if (typeof value !== 'boolean') throw refuse('the value of exists is true or false');
      return;
    case 'in':
      if (!Array.isArray(value) || value.length > PAYLOAD_LIMITS.maxValues) {
        throw refuse(`the value of in is a list of at most ${PAYLOAD_LIMITS.maxValues}`);
      }
      break;
    case 'eq':
    case 'ne':
      break;
    default:
      if (typeof value !== 'string' && typeof value !== 'number')
        throw refuse(`the value of ${op} is a number or a text`);
  }
  left.bytes -= jsonBytes(value);
  if (left.bytes < 0) throw refuse(`the values of a selector may have ${PAYLOAD_LIMITS.maxValueBytes} bytes`);
}

/** @returns the size of a JSON value as text. @throws {PlexusError} bad_request where it is none */
function jsonBytes(value: unknown): number {
  if (!isJson(value, PAYLOAD_LIMITS.maxDepth))
    throw refuse(`a value must be JSON, ${PAYLOAD_LIMITS.maxDepth} deep at most`);
  return Buffer.byteLength(JSON.stringify(value));
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean') return true;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === 0) return false;
  if (Array.isArray(value)) return value.every((each) => isJson(each, depth - 1));
  const shape: unknown = Object.getPrototypeOf(value);
  if (shape !== Object.prototype && shape !== null) return false;
  return Object.values(value).every((each) => isJson(each, depth - 1));
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
