import { ERRORS, type ErrorCode, type ErrorDetails, PlexusError } from '@plexus/protocol';
import type { NackAction } from '../store/subscription.ts';
import type { Fields } from './store-wire.ts';

/**
 * The messages between nodes about stores. What callers wrote (data, selectors) travels as JSON text within them, because CBOR
 * maps lose members such as `__proto__`; events travel as frames, see store/frame.ts.
 */
export type StoreOperation = 'append' | 'write' | 'read' | 'manage' | 'attach' | 'catchUp' | 'status';

const OPERATIONS: ReadonlySet<unknown> = new Set<StoreOperation>([
  'append',
  'write',
  'read',
  'manage',
  'attach',
  'catchUp',
  'status',
]);

export interface StoreRequest {
  readonly op: StoreOperation;
  readonly realm: string;
  readonly store: string;
  /** UUID of the store that is meant: another of the same name does not answer. */
  readonly uuid: string;
  /** Of the write, the read or what is managed; else ''. */
  readonly name: string;
  /** What is asked for; of an append: null. */
  readonly value: unknown;
  /** Of an append: as `writeAppend` makes it; else null. */
  readonly bytes: Uint8Array | null;
}

export function encodeRequest({ op, realm, store, uuid, name, value, bytes }: StoreRequest): Fields {
  return { op, realm, store, uuid, name, json: jsonOf(value), ...(bytes === null ? {} : { bytes }) };
}

/** @throws {PlexusError} bad_request */
export function decodeRequest({ op, realm, store, uuid, name, json, bytes = null }: Fields): StoreRequest {
  const isWhole =
    OPERATIONS.has(op) &&
    [realm, store, uuid, name, json].every((text) => typeof text === 'string') &&
    (bytes === null || bytes instanceof Uint8Array);
  if (!isWhole) throw new PlexusError('bad_request', { reason: 'no request to a store' });
  return {
    op: op as StoreOperation,
    realm: realm as string,
    store: store as string,
    uuid: uuid as string,
    name: name as string,
    value: parse(json as string),
    bytes: bytes as Uint8Array | null,
  };
}

/** An answer with a result; its member `bytes`, if there is one, is not made text. */
export function encodeResult(result: unknown): Fields {
  const { bytes, ...rest } = (result ?? {}) as { bytes?: unknown };
  if (bytes instanceof Uint8Array) return { ok: true, json: jsonOf(rest), bytes };
  return { ok: true, json: jsonOf(result) };
}

export function encodeError(error: PlexusError): Fields {
  return { ok: false, json: jsonOf({ code: error.code, details: error.details }) };
}

/** @throws {PlexusError} the one that the other node answered */
export function decodeResult({ ok, json, bytes }: Fields): unknown {
  if (ok !== true) throw decodeError(json);
  const value = parse(json);
  return bytes instanceof Uint8Array ? { ...(value as object), bytes } : value;
}

export function decodeError(json: unknown): PlexusError {
  const { code, details } = parse(json) as { code: string; details: ErrorDetails };
  return Object.hasOwn(ERRORS, code) ? new PlexusError(code as ErrorCode, details) : new PlexusError('internal');
}

/** Of a consumer, to the store: what became of events, and how many more. */
export interface ConsumerMore {
  readonly ack: readonly number[];
  readonly nack: readonly (readonly [position: number, action: NackAction, reason: string])[];
  readonly request: number;
  readonly close: boolean;
}

/** @throws {PlexusError} bad_request: it is no JSON */
export function parse(json: unknown): unknown {
  try {
    return JSON.parse(json as string);
  } catch {
    throw new PlexusError('bad_request', { reason: 'no JSON' });
  }
}

/** @throws {PlexusError} bad_request */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    throw new PlexusError('bad_request', { reason: (error as Error).message });
  }
}
