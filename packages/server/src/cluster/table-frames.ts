import { isUtf8 } from 'node:buffer';
import type { ByteSink } from '../lib/byte-sink.ts';
import { integerSize, WireError, type WireReader, writeInteger, writeText } from '../peer/wire-bytes.ts';
import type { TableDigest } from './table-digest.ts';

/** The bodies of the frames of tables, docs/wire.md: integers and texts as everywhere; each begins with the id of the table. */

/** A topic filter of the greatest length, its realm, and what is between them. */
export const MAX_KEY_BYTES = 70_000;
export const MAX_VALUE_BYTES = 65_536;

const MAX_INTEGER_BYTES = 8;
/** UTF-8 needs at most three bytes for a UTF-16 code unit. */
const UTF8_FACTOR = 3;
const DIGEST_BYTES = 8;
const GONE = 0;
const THERE = 1;

/** A body of nothing but integers. */
export function integersBody(...values: number[]): Uint8Array {
  const body = new Uint8Array(values.reduce((size, value) => size + integerSize(value), 0));
  let at = 0;
  for (const value of values) at = writeInteger(body, at, value);
  return body;
}

/** Of SnapshotEnd and Digest. */
export function digestBody(table: number, sequence: number, digest: TableDigest): Uint8Array {
  const head = integersBody(table, sequence, digest.count);
  const body = Buffer.alloc(head.length + DIGEST_BYTES);
  body.set(head);
  body.writeUInt32BE(digest.high, head.length);
  body.writeUInt32BE(digest.low, head.length + 4);
  return body;
}

/** Begins a body in a sink that holds nothing else. */
export function beginBody(sink: ByteSink, ...values: number[]): void {
  sink.truncate(0);
  for (const value of values) putInteger(sink, value);
}

/** What was begun; valid until the next. */
export function bodyOf(sink: ByteSink): Uint8Array {
  return sink.buffer.subarray(0, sink.length);
}

/** One of an Entries frame. */
export function putEntry(sink: ByteSink, key: string, value: string): void {
  putText(sink, key);
  putText(sink, value);
}

/** One of a Delta frame. @param value undefined: it is gone */
export function putChange(sink: ByteSink, key: string, value: string | undefined): void {
  sink.u8(value === undefined ? GONE : THERE);
  putText(sink, key);
  if (value !== undefined) putText(sink, value);
}

function putInteger(sink: ByteSink, value: number): void {
  const at = sink.reserve(MAX_INTEGER_BYTES);
  sink.truncate(writeInteger(sink.buffer, at, value));
}

function putText(sink: ByteSink, text: string): void {
  const at = sink.reserve(MAX_INTEGER_BYTES + text.length * UTF8_FACTOR);
  sink.truncate(writeText(sink.buffer, at, text));
}

/** @throws {WireError} */
export function readKey(reader: WireReader): string {
  return readText(reader, MAX_KEY_BYTES);
}

/** @throws {WireError} */
export function readValue(reader: WireReader): string {
  return readText(reader, MAX_VALUE_BYTES);
}

/** Whether the change that follows is an entry; else it is a key that is gone. @throws {WireError} */
export function readIsThere(reader: WireReader): boolean {
  const kind = reader.u8();
  if (kind > THERE) throw new WireError(`no kind of change: ${kind}`);
  return kind === THERE;
}

function readText(reader: WireReader, maxBytes: number): string {
  const length = reader.integer();
  if (length > maxBytes) throw new WireError(`a text of ${length} bytes`);
  if (length > reader.left) throw new WireError('ends too early');
  const start = reader.at;
  reader.at = start + length;
  const text = reader.buffer.toString('utf8', start, reader.at);
  // It would never be what the owner has, and the digests would differ for ever.
  if (text.includes('\ufffd') && !isUtf8(reader.buffer.subarray(start, reader.at))) {
    throw new WireError('a text that is no UTF-8');
  }
  return text;
}
