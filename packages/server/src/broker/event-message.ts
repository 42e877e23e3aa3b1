import { encodeUtf8, MAX_FIELD_BYTES, type Qos, type RecentTopic } from '@plexus/protocol';
import { ByteSink } from '../lib/byte-sink.ts';
import { isoTimeOfUs } from '../lib/iso-time.ts';
import { JSON_TYPE, type StoredEvent } from '../store/event.ts';
import { RecordedEvent } from '../store/recorded-event.ts';
import { Message } from './message.ts';

const USER_PROPERTY = 0x26;
const PAYLOAD_IS_UTF8 = Uint8Array.of(0x01, 1);
const CONTENT_TYPE = Uint8Array.of(0x03);
const FIRST_BYTES = 1024;

/** Identifier and name of a user property, as far as its value. */
const named = (name: string): Uint8Array => {
  const bytes = encodeUtf8(name);
  return Uint8Array.of(USER_PROPERTY, bytes.length >>> 8, bytes.length & 0xff, ...bytes);
};

const ID = named('id');
const STREAM = named('stream');
const VERSION = named('version');
const POSITION = named('position');
const TYPE = named('type');
const TIME = named('time');
const TAG = named('tag');
const CORRELATION_ID = named('correlationId');
const CAUSATION_ID = named('causationId');
const METADATA = named('metadata');
const ATTEMPT = named('attempt');

/** Makes messages of events: the data is the payload, everything else MQTT 5 properties. */
export class EventMessages {
  readonly #sink = new ByteSink(FIRST_BYTES);

  /**
   * @param attempt how often the event is delivered to a consumer, this time included; null: it is not
   * @param withProperties false where only clients of 3.1.1 get it
   */
  make(topic: RecentTopic, event: StoredEvent, qos: Qos, attempt: number | null, withProperties: boolean): Message {
    const sink = this.#sink;
    sink.truncate(0);
    if (withProperties) this.#write(event, attempt);
    const payload = event.bytes;
    // In memory of its own, not of a shared slab: the message may stay in a queue.
    const buffer = new Uint8Array(sink.length + payload.length);
    buffer.set(sink.buffer.subarray(0, sink.length));
    buffer.set(payload, sink.length);
    return new Message(
      topic,
      qos,
      false,
      null,
      Number.POSITIVE_INFINITY,
      buffer,
      0,
      sink.length,
      sink.length,
      buffer.length,
    );
  }

  #write(event: StoredEvent, attempt: number | null): void {
    const { contentType, correlationId, causationId } = event;
    if (contentType === JSON_TYPE) this.#sink.bytes(PAYLOAD_IS_UTF8);
    this.#text(CONTENT_TYPE, contentType);
    this.#text(ID, event.id);
    this.#text(STREAM, event.stream);
    this.#text(VERSION, `${event.version}`);
    this.#text(POSITION, `${event.position}`);
    this.#text(TYPE, event.type);
    this.#text(TIME, isoTimeOfUs(event.timeUs));
    for (const tag of event.tags) this.#text(TAG, tag);
    if (correlationId !== null) this.#text(CORRELATION_ID, correlationId);
    if (causationId !== null) this.#text(CAUSATION_ID, causationId);
    const metadata = metadataText(event);
    if (metadata !== null) this.#longText(METADATA, metadata);
    if (attempt !== null) this.#text(ATTEMPT, `${attempt}`);
  }

  /** @param text at most 65,535 bytes, without U+0000: the limits of the store are narrower */
  #text(head: Uint8Array, text: string): void {
    const sink = this.#sink;
    sink.bytes(head);
    const at = sink.reserve(2);
    const bytes = sink.utf8(text);
    sink.buffer.writeUInt16BE(bytes, at);
  }

  /** In as many properties of that name as it takes, to be joined in order [MQTT-3.3.2-18]. JSON text holds no U+0000. */
  #longText(head: Uint8Array, text: string): void {
    if (Buffer.byteLength(text) <= MAX_FIELD_BYTES) {
      this.#text(head, text);
      return;
    }
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length; ) {
      let end = Math.min(bytes.length, start + MAX_FIELD_BYTES);
      // Not within a character: its further bytes are 10xxxxxx.
      while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
      this.#sink.bytes(head);
      this.#sink.buffer.writeUInt16BE(end - start, this.#sink.reserve(2));
      this.#sink.bytes(bytes.subarray(start, end));
      start = end;
    }
  }
}

function metadataText(event: StoredEvent): string | null {
  if (event instanceof RecordedEvent) return event.metadataText;
  return event.metadata === null ? null : JSON.stringify(event.metadata);
}
