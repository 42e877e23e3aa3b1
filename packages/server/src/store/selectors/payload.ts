import type { PayloadCondition } from '../selector.ts';
import { NOTHING, type PayloadPath, parsePath, valueAt } from './payload-path.ts';

/** Whether a condition holds for the data of an event, which is a JSON value. */
export type DataTest = (data: unknown) => boolean;

/** @param condition as `checkSelector` let it pass */
export function compilePayload(condition: PayloadCondition): DataTest {
  if ('and' in condition) {
    const tests = condition.and.map(compilePayload);
    return (data) => tests.every((test) => test(data));
  }
  if ('or' in condition) {
    const tests = condition.or.map(compilePayload);
    return (data) => tests.some((test) => test(data));
  }
  if ('not' in condition) {
    const test = compilePayload(condition.not);
    return (data) => !test(data);
  }
  return compileComparison(condition);
}

type Comparison = Extract<PayloadCondition, { readonly path: string }>;

function compileComparison(condition: Comparison): DataTest {
  const path: PayloadPath = parsePath(condition.path);
  const { op, value } = condition;
  switch (op) {
    case 'exists':
      return (data) => (valueAt(data, path) !== NOTHING) === value;
    case 'eq':
      return (data) => sameJson(valueAt(data, path), value);
    case 'ne':
      return (data) => !sameJson(valueAt(data, path), value);
    case 'in':
      return (data) => {
        const found = valueAt(data, path);
        return found !== NOTHING && value.some((each) => sameJson(found, each));
      };
    default:
      return (data) => inOrder(op, valueAt(data, path), value);
  }
}

function inOrder(op: 'gt' | 'gte' | 'lt' | 'lte', found: unknown, value: number | string): boolean {
  // Neither numbers nor texts, or one of each, are never less or greater. Texts compare by code unit.
  if (typeof found !== typeof value) return false;
  const left = found as number | string;
  if (op === 'gt') return left > value;
  if (op === 'gte') return left >= value;
  return op === 'lt' ? left < value : left <= value;
}

/** Whether two JSON values are the same; members of objects in any order. NOTHING is the same as no JSON value. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, i) => sameJson(value, b[i]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]));
}
