import { PlexusError } from '@plexus/protocol';
import type { ByteSink } from '../lib/byte-sink.ts';
import { isUuid, UUID_BYTES, type UuidV7, writeUuid } from '../lib/uuid.ts';
import { BYTES_TYPE, JSON_TYPE, LIMITS, type NewEvent } from './event.ts';
import { checkName } from './names.ts';

/**
 * An event's *record*: everything of it that is known before the commit, as bytes. It is made once, where the event
 * enters the node, and stored and shown as it is. Little-endian:
 *
 *     offset  bytes
 *          0      1  layout, 1
 *          1      1  which of the optional members follow: `Has`
 *          2     16  id
 *         18      1  bytes of the stream's name
 *         19      1  bytes of the type
 *         20         stream, type; then, each if there is one:
 *                    content type, correlation id, causation id (1 byte length, text),
 *                    tags (1 byte count; each 1 byte length, text),
 *                    metadata (4 bytes length, JSON text)
 *                    data: the rest
 */
export const RECORD_LAYOUT = 1;
export const RECORD_FIXED_BYTES = 20;
export const RECORD_ID_OFFSET = 2;

export const Has = { ContentType: 1, CorrelationId: 2, CausationId: 4, Tags: 8, Metadata: 16 } as const;

const MIN_TAG_BYTES = 1;

/**
 * Writes the record of `event` to `sink`.
 * @throws {PlexusError} bad_request, payload_too_large; the sink is then as it was
 */
export function writeRecord(sink: ByteSink, stream: string, event: NewEvent, ids: UuidV7): void {
  const start = sink.length;
  try {
    writeParts(sink, stream, event, ids);
    const size = sink.length - start;
    if (size > LIMITS.maxEventBytes) throw new PlexusError('payload_too_large', { maxBytes: LIMITS.maxEventBytes });
  } catch (error) {
    sink.truncate(start);
    throw error;
  }
}

function writeParts(sink: ByteSink, stream: string, event: NewEvent, ids: UuidV7): void {
  const start = sink.reserve(RECORD_FIXED_BYTES);
  checkName('type', event.type);
  if (event.id === undefined) ids.write(sink.buffer, start + RECORD_ID_OFFSET);
  else if (typeof event.id === 'string' && isUuid(event.id)) {
    writeUuid(sink.buffer, start + RECORD_ID_OFFSET, event.id);
  } else throw refuse('id must be a UUID');
  const streamBytes = sink.utf8(stream);
  const typeBytes = sink.utf8(event.type);
  const contentType = event.contentType ?? (event.data instanceof Uint8Array ? BYTES_TYPE : JSON_TYPE);
  let has = 0;
  if (contentType !== JSON_TYPE) {
    has |= Has.ContentType;
    writeText(sink, 'contentType', contentType, LIMITS.maxTextBytes);
  }
  if (event.correlationId != null) {
    has |= Has.CorrelationId;
    writeText(sink, 'correlationId', event.correlationId, LIMITS.maxTextBytes);
  }
  if (event.causationId != null) {
    has |= Has.CausationId;
    writeText(sink, 'causationId', event.causationId, LIMITS.maxTextBytes);
  }
  if (event.tags !== undefined && event.tags.length > 0) {
    has |= Has.Tags;
    writeTags(sink, event.tags);
  }
  if (event.metadata != null) {
    has |= Has.Metadata;
    const at = sink.reserve(4);
    const bytes = sink.utf8(jsonText('metadata', event.metadata));
    sink.buffer.writeUInt32LE(bytes, at);
  }
  writeData(sink, contentType, event.data);
  const { buffer } = sink;
  buffer[start] = RECORD_LAYOUT;
  buffer[start + 1] = has;
  buffer[start + RECORD_ID_OFFSET + UUID_BYTES] = streamBytes;
  buffer[start + RECORD_ID_OFFSET + UUID_BYTES + 1] = typeBytes;
}

function writeText(sink: ByteSink, what: string, text: unknown, maxBytes: number): void {
  // U+0000 has no place in a text of MQTT [MQTT-1.5.4-2], and these texts go out as user properties.
  if (typeof text !== 'string' || !text.isWellFormed() || text.includes('\0')) {
    throw refuse(`${what} must be a text without U+0000`);
  }
  const at = sink.reserve(1);
  const bytes = sink.utf8(text);
  if (bytes < MIN_TAG_BYTES || bytes > maxBytes) throw refuse(`${what} must have 1 to ${maxBytes} bytes`);
  sink.buffer[at] = bytes;
}

function writeTags(sink: ByteSink, tags: readonly string[]): void {
  const distinct = [...new Set(tags)];
  if (distinct.length > LIMITS.maxTags)
    throw refuse(`an event may have ${LIMITS.maxTags} tags, not ${distinct.length}`);
  sink.u8(distinct.length);
  for (const tag of distinct) writeText(sink, 'a tag', tag, LIMITS.maxTagBytes);
}

function writeData(sink: ByteSink, contentType: string, data: unknown): void {
  if (contentType === JSON_TYPE) sink.utf8(jsonText('data', data ?? null));
  else if (data instanceof Uint8Array) sink.bytes(data);
  else throw refuse(`data must be bytes where contentType is ${contentType}`);
}

/** @throws {PlexusError} bad_request */
export function jsonText(what: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw refuse(`${what} cannot be written as JSON: ${(error as Error).message}`);
  }
  if (text === undefined) throw refuse(`${what} cannot be written as JSON`);
  return text;
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
