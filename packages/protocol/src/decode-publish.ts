import { malformed, protocolError } from './packet-error.ts';
import type { ProtocolVersion, PublishView, Qos } from './packets.ts';
import { responseTopicError, topicAliasZero } from './properties.ts';
import type { TopicTable } from './topic-table.ts';
import { checkUtf8 } from './utf8.ts';
import { readVarint, varintSize } from './varint.ts';

const PLUS = 0x2b;
const HASH = 0x23;

/**
 * Fills `view` with the PUBLISH in `buffer[start, end)`, whose variable header begins at `body`. Allocates nothing
 * unless the topic is new to `topics`. The first byte's flags have been checked.
 * @throws {PacketError} as the decoder documents.
 */
export function readPublish(
  view: PublishView,
  buffer: Uint8Array,
  start: number,
  body: number,
  end: number,
  version: ProtocolVersion,
  topics: TopicTable,
  fromServer: boolean,
): void {
  const first = buffer[start]!;
  const qos = ((first >> 1) & 3) as Qos;
  const topicStart = body + 2;
  if (topicStart > end) throw truncated();
  const topicEnd = topicStart + ((buffer[body]! << 8) | buffer[body + 1]!);
  let at = qos === 0 ? topicEnd : topicEnd + 2;
  if (at > end) throw truncated();
  view.buffer = buffer;
  view.start = start;
  view.end = end;
  view.qos = qos;
  view.retain = (first & 1) === 1;
  view.dup = (first & 8) === 8;
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;
  view.topic = topicEnd === topicStart ? null : topics.lookup(buffer, topicStart, topicEnd);
  view.packetId = qos === 0 ? 0 : (buffer[topicEnd]! << 8) | buffer[topicEnd + 1]!;
  if (qos !== 0 && view.packetId === 0) throw protocolError('packet identifier 0 [MQTT-2.2.1-3]');
  view.topicAlias = 0;
  view.messageExpiryS = -1;
  view.payloadFormat = -1;
  view.propertiesStart = at;
  if (version === 5) {
    // No properties, the common case, is one zero byte.
    if (at < end && buffer[at] === 0) view.propertiesStart = ++at;
    else at = readPublishProperties(view, at, end, fromServer);
  }
  view.propertiesEnd = at;
  view.payloadStart = at;
  if (view.topic === null && view.topicAlias === 0) throw protocolError('PUBLISH without a topic [MQTT-4.7.3-1]');
}

/** Bits of the properties that may be there once. */
const FORMAT = 1;
const EXPIRY = 2;
const CONTENT_TYPE = 4;
const RESPONSE_TOPIC = 8;
const CORRELATION = 16;
const ALIAS = 32;

/** Walks the properties that begin with their length at `at`; returns the offset after them. */
function readPublishProperties(view: PublishView, at: number, end: number, fromServer: boolean): number {
  const buffer = view.buffer;
  const length = readVarint(buffer, at, end);
  let next = at + varintSize(length);
  const stop = next + length;
  if (stop > end) throw truncated();
  view.propertiesStart = next;
  let seen = 0;
  while (next < stop) {
    const id = buffer[next++]!;
    switch (id) {
      case 0x26:
        next = stringEnd(buffer, stringEnd(buffer, next, stop), stop);
        break;
      case 0x23:
        seen = once(seen, ALIAS);
        view.topicAlias = uint16(buffer, next, stop);
        if (view.topicAlias === 0) throw topicAliasZero();
        next += 2;
        break;
      case 0x02:
        seen = once(seen, EXPIRY);
        view.messageExpiryS = uint16(buffer, next, stop) * 0x1_0000 + uint16(buffer, next + 2, stop);
        next += 4;
        break;
      case 0x01:
        seen = once(seen, FORMAT);
        if (next >= stop) throw truncated();
        view.payloadFormat = buffer[next++]!;
        if (view.payloadFormat > 1) throw protocolError(`payload format indicator ${view.payloadFormat}`);
        break;
      case 0x03:
        seen = once(seen, CONTENT_TYPE);
        next = stringEnd(buffer, next, stop);
        break;
      case 0x08:
        seen = once(seen, RESPONSE_TOPIC);
        next = responseTopicEnd(buffer, next, stop);
        break;
      case 0x09:
        seen = once(seen, CORRELATION);
        next = fieldEnd(buffer, next, stop);
        break;
      case 0x0b:
        next = subscriptionIdEnd(buffer, next, stop, fromServer);
        break;
      default:
        throw malformed(`property 0x${id.toString(16)} in a PUBLISH (MQTT 5.0 table 2-4)`);
    }
  }
  return stop;
}

function once(seen: number, property: number): number {
  if ((seen & property) !== 0) throw protocolError('a property of PUBLISH more than once (MQTT 5.0 §3.3.2.3)');
  return seen | property;
}

function uint16(buffer: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) throw truncated();
  return (buffer[at]! << 8) | buffer[at + 1]!;
}

function fieldEnd(buffer: Uint8Array, at: number, end: number): number {
  const stop = at + 2 + uint16(buffer, at, end);
  if (stop > end) throw truncated();
  return stop;
}

function stringEnd(buffer: Uint8Array, at: number, end: number): number {
  const stop = fieldEnd(buffer, at, end);
  checkUtf8(buffer, at + 2, stop);
  return stop;
}

function responseTopicEnd(buffer: Uint8Array, at: number, end: number): number {
  const stop = stringEnd(buffer, at, end);
  for (let i = at + 2; i < stop; i++) {
    if (buffer[i] === PLUS || buffer[i] === HASH) throw responseTopicError();
  }
  return stop;
}

function subscriptionIdEnd(buffer: Uint8Array, at: number, end: number, fromServer: boolean): number {
  if (!fromServer) throw protocolError('subscription identifier from a client [MQTT-3.3.4-6]');
  const id = readVarint(buffer, at, end);
  if (id === 0) throw protocolError('subscription identifier 0 (MQTT 5.0 §3.3.2.3.8)');
  return at + varintSize(id);
}

function truncated() {
  return malformed('a field of PUBLISH runs past the end of its packet');
}
