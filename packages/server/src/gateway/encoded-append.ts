import { PlexusError } from '@plexus/protocol';
import { UUID_BYTES } from '../lib/uuid.ts';
import { APPEND_HEADER_BYTES, Expected } from '../store/append-codec.ts';
import { LIMITS } from '../store/event.ts';
import { checkName } from '../store/names.ts';
import { checkQuery } from '../store/query.ts';
import { Has, RECORD_FIXED_BYTES, RECORD_ID_OFFSET, RECORD_LAYOUT } from '../store/record.ts';

const WRITE_HEADER_BYTES = 12;
const STREAM_BYTES_AT = RECORD_ID_OFFSET + UUID_BYTES;

/**
 * Looks through an append that another node has encoded, so far that the writer cannot fail at it in a way that it does not expect.
 * That data and metadata are JSON is left to that node, as it is to this one for its own appends.
 * @returns how many writes there are
 * @throws {PlexusError} bad_request, payload_too_large
 */
export function checkEncodedAppend(bytes: Buffer): number {
  need(bytes.length >= APPEND_HEADER_BYTES && bytes.readUInt32LE(0) === bytes.length);
  if (bytes.length > 2 * LIMITS.maxAppendBytes)
    throw new PlexusError('payload_too_large', { maxBytes: LIMITS.maxAppendBytes });
  const writes = bytes.readUInt32LE(4);
  const queryBytes = bytes.readUInt32LE(8);
  need(writes >= 1 && writes <= LIMITS.maxAppendEvents && APPEND_HEADER_BYTES + queryBytes <= bytes.length);
  if (queryBytes > 0) checkCondition(bytes, queryBytes);
  const streams = new Set<string>();
  let at = APPEND_HEADER_BYTES + queryBytes;
  for (let write = 0; write < writes; write++) at = checkStream(bytes, at, streams);
  need(at === bytes.length);
  return writes;
}

function checkCondition(bytes: Buffer, queryBytes: number): void {
  const after = bytes.readDoubleLE(12);
  need(Number.isSafeInteger(after) && after >= -1);
  let query: unknown;
  try {
    query = JSON.parse(bytes.toString('utf8', APPEND_HEADER_BYTES, APPEND_HEADER_BYTES + queryBytes));
  } catch {
    need(false);
  }
  checkQuery(query);
}

/** @returns where the next write begins */
function checkStream(bytes: Buffer, start: number, streams: Set<string>): number {
  need(start + WRITE_HEADER_BYTES <= bytes.length);
  const expected = bytes.readDoubleLE(start);
  need(Number.isSafeInteger(expected) && expected >= Expected.Exists);
  const events = bytes.readUInt32LE(start + 8);
  need(events >= 1 && events <= LIMITS.maxAppendEvents);
  let at = start + WRITE_HEADER_BYTES;
  let stream: string | null = null;
  for (let i = 0; i < events; i++) {
    need(at + 4 <= bytes.length);
    const length = bytes.readUInt32LE(at);
    at += 4;
    need(length >= RECORD_FIXED_BYTES && length <= LIMITS.maxEventBytes && at + length <= bytes.length);
    const own = checkRecord(bytes, at, at + length);
    need(stream === null || stream === own);
    stream = own;
    at += length;
  }
  checkName('stream', stream);
  need(!streams.has(stream));
  streams.add(stream);
  return at;
}

/** @returns the name of its stream */
function checkRecord(bytes: Buffer, start: number, end: number): string {
  need(bytes[start] === RECORD_LAYOUT);
  const streamEnd = start + RECORD_FIXED_BYTES + bytes[start + STREAM_BYTES_AT]!;
  const typeEnd = streamEnd + bytes[start + STREAM_BYTES_AT + 1]!;
  need(typeEnd <= end);
  checkName('type', bytes.toString('utf8', streamEnd, typeEnd));
  const has = bytes[start + 1]!;
  let at = typeEnd;
  const skipText = (): void => {
    need(at < end);
    at += 1 + bytes[at]!;
    need(at <= end);
  };
  for (const part of [Has.ContentType, Has.CorrelationId, Has.CausationId]) if ((has & part) !== 0) skipText();
  if ((has & Has.Tags) !== 0) {
    need(at < end && bytes[at]! <= LIMITS.maxTags);
    for (let left = bytes[at++]!; left > 0; left--) skipText();
  }
  if ((has & Has.Metadata) !== 0) need(at + 4 <= end && at + 4 + bytes.readUInt32LE(at) <= end);
  return bytes.toString('utf8', start + RECORD_FIXED_BYTES, streamEnd);
}

function need(holds: boolean): asserts holds {
  if (!holds) throw new PlexusError('bad_request', { reason: 'no append as nodes encode it' });
}
