import { isoTimeOfUs } from '../lib/iso-time.ts';
import { JSON_TYPE, type StoredEvent } from './event.ts';

/** An event as HTTP, server-sent events and the command line show it. Either `data` or `dataBase64` is there. */
export interface EventJson {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly position: number;
  readonly type: string;
  readonly contentType: string;
  /** With `application/json`. */
  readonly data?: unknown;
  /** With any other content type. */
  readonly dataBase64?: string;
  readonly metadata: unknown;
  readonly tags: readonly string[];
  /** ISO 8601 with microseconds. */
  readonly time: string;
  readonly timeUs: number;
  readonly correlationId: string | null;
  readonly causationId: string | null;
}

/** The same as `writeEventLine` of `sqlite/ndjson.ts` writes as text, with the members in the same order. */
export function eventJson(event: StoredEvent): EventJson {
  const data =
    event.contentType === JSON_TYPE
      ? { data: event.data }
      : { dataBase64: Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.length).toString('base64') };
  return {
    id: event.id,
    stream: event.stream,
    version: event.version,
    position: event.position,
    type: event.type,
    contentType: event.contentType,
    ...data,
    metadata: event.metadata,
    tags: event.tags,
    time: isoTimeOfUs(event.timeUs),
    timeUs: event.timeUs,
    correlationId: event.correlationId,
    causationId: event.causationId,
  };
}
