import type { ByteSink } from '../../lib/byte-sink.ts';
import { isoTimeOfUs } from '../../lib/iso-time.ts';
import { UUID_BYTES } from '../../lib/uuid.ts';
import { JSON_TYPE } from '../event.ts';
import { Has, RECORD_FIXED_BYTES, RECORD_ID_OFFSET } from '../record.ts';

/** Keys, punctuation, id, numbers and times of a line take less; so do the content type and `null`s where nothing is given. */
const FIXED_BYTES = 512;
/** Most that a byte of a text can become: `\u001f`. */
const ESCAPED = 6;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PLAIN = 0x20;
const COMMA = 0x2c;

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const ID = text('{"id":"');
const STREAM = text('","stream":');
const VERSION = text(',"version":');
const POSITION = text(',"position":');
const TYPE = text(',"type":');
const CONTENT_TYPE = text(',"contentType":');
const JSON_DATA = text(`${JSON.stringify(JSON_TYPE)},"data":`);
const BASE64_DATA = text(',"dataBase64":"');
const QUOTED_METADATA = text('","metadata":');
const METADATA = text(',"metadata":');
const TAGS = text(',"tags":[');
const TIME = text('],"time":"');
const TIME_US = text('","timeUs":');
const CORRELATION = text(',"correlationId":');
const CAUSATION = text(',"causationId":');
const NULL = text('null');
const END = text('}\n');
const HEX = text('0123456789abcdef');

/**
 * Writes events as lines of JSON, the way `eventJson` shows them. JSON that is stored is copied as it is, names as they are
 * unless something in them must be escaped: nothing is parsed, and no object is made.
 */
export class LineWriter {
  readonly #sink: ByteSink;
  #out: Buffer;
  #at = 0;
  /** Events of one commit, often many, have one time. */
  #timeUs = -1;
  #time = text('');

  constructor(sink: ByteSink) {
    this.#sink = sink;
    this.#out = sink.buffer;
  }

  /** @param buffer holds the record in `[start, end)` */
  write(buffer: Buffer, start: number, end: number, position: number, version: number, timeUs: number): void {
    this.#at = this.#sink.reserve(FIXED_BYTES + (end - start) * ESCAPED);
    this.#out = this.#sink.buffer;
    const has = buffer[start + 1]!;
    const streamAt = start + RECORD_FIXED_BYTES;
    const typeAt = streamAt + buffer[start + 18]!;
    let at = typeAt + buffer[start + 19]!;
    this.#copy(ID);
    this.#uuid(buffer, start + RECORD_ID_OFFSET);
    this.#copy(STREAM);
    this.#text(buffer, streamAt, typeAt);
    this.#copy(VERSION);
    this.#number(version);
    this.#copy(POSITION);
    this.#number(position);
    this.#copy(TYPE);
    this.#text(buffer, typeAt, at);
    this.#copy(CONTENT_TYPE);
    const contentTypeAt = at;
    if ((has & Has.ContentType) !== 0) at += 1 + buffer[at]!;
    const correlationAt = at;
    if ((has & Has.CorrelationId) !== 0) at += 1 + buffer[at]!;
    const causationAt = at;
    if ((has & Has.CausationId) !== 0) at += 1 + buffer[at]!;
    const tagsAt = at;
    if ((has & Has.Tags) !== 0) at = endOfTags(buffer, at);
    const metadataAt = at;
    if ((has & Has.Metadata) !== 0) at += 4 + buffer.readUInt32LE(at);
    if ((has & Has.ContentType) !== 0) this.#base64Data(buffer, contentTypeAt, at, end);
    else {
      this.#copy(JSON_DATA);
      this.#raw(buffer, at, end);
      this.#copy(METADATA);
    }
    if ((has & Has.Metadata) !== 0) this.#raw(buffer, metadataAt + 4, at);
    else this.#copy(NULL);
    this.#copy(TAGS);
    if ((has & Has.Tags) !== 0) this.#tags(buffer, tagsAt);
    this.#copy(TIME);
    this.#isoTime(timeUs);
    this.#copy(TIME_US);
    this.#number(timeUs);
    this.#copy(CORRELATION);
    this.#optional((has & Has.CorrelationId) !== 0, buffer, correlationAt);
    this.#copy(CAUSATION);
    this.#optional((has & Has.CausationId) !== 0, buffer, causationAt);
    this.#copy(END);
    this.#sink.truncate(this.#at);
  }

  #base64Data(buffer: Buffer, contentTypeAt: number, from: number, end: number): void {
    this.#optional(true, buffer, contentTypeAt);
    this.#copy(BASE64_DATA);
    this.#at += this.#out.write(buffer.toString('base64', from, end), this.#at, 'latin1');
    this.#copy(QUOTED_METADATA);
  }

  #tags(buffer: Buffer, tagsAt: number): void {
    let at = tagsAt + 1;
    for (let left = buffer[tagsAt]!; left > 0; left--) {
      if (at > tagsAt + 1) this.#out[this.#at++] = COMMA;
      this.#optional(true, buffer, at);
      at += 1 + buffer[at]!;
    }
  }

  /** A text that begins with its length, or null. */
  #optional(isThere: boolean, buffer: Buffer, at: number): void {
    if (isThere) this.#text(buffer, at + 1, at + 1 + buffer[at]!);
    else this.#copy(NULL);
  }

  #text(buffer: Buffer, from: number, to: number): void {
    const out = this.#out;
    const start = this.#at;
    let at = start;
    out[at++] = QUOTE;
    for (let i = from; i < to; i++) {
      const byte = buffer[i]!;
      if (byte < FIRST_PLAIN || byte === QUOTE || byte === BACKSLASH) {
        this.#at = start + out.write(JSON.stringify(buffer.toString('utf8', from, to)), start);
        return;
      }
      out[at++] = byte;
    }
    out[at++] = QUOTE;
    this.#at = at;
  }

  #uuid(buffer: Buffer, from: number): void {
    const out = this.#out;
    let at = this.#at;
    for (let i = 0; i < UUID_BYTES; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) out[at++] = 0x2d;
      const byte = buffer[from + i]!;
      out[at++] = HEX[byte >> 4]!;
      out[at++] = HEX[byte & 15]!;
    }
    this.#at = at;
  }

  /** @param value an integer from 0 */
  #number(value: number): void {
    this.#at += this.#out.write(String(value), this.#at, 'latin1');
  }

  #isoTime(timeUs: number): void {
    if (timeUs !== this.#timeUs) {
      this.#timeUs = timeUs;
      this.#time = text(isoTimeOfUs(timeUs));
    }
    this.#copy(this.#time);
  }

  /** Short and known: quicker byte by byte than by a call. */
  #copy(source: Buffer): void {
    const out = this.#out;
    let at = this.#at;
    for (let i = 0; i < source.length; i++) out[at++] = source[i]!;
    this.#at = at;
  }

  #raw(buffer: Buffer, from: number, to: number): void {
    buffer.copy(this.#out, this.#at, from, to);
    this.#at += to - from;
  }
}

function endOfTags(buffer: Buffer, tagsAt: number): number {
  let at = tagsAt + 1;
  for (let left = buffer[tagsAt]!; left > 0; left--) at += 1 + buffer[at]!;
  return at;
}
