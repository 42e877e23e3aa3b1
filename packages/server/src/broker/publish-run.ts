import {
  decodePublishProperties,
  PacketError,
  type ProtocolVersion,
  type PublishView,
  publishSize,
  Reason,
  type RecentTopic,
  sameBytes,
  writePublish,
} from '@plexus/protocol';
import { EncodedMessage } from './encoded-message.ts';
import { Message } from './message.ts';

/** A run goes to another node as one frame, which has room for this beside the largest packet. Most reads are shorter. */
const MAX_RUN_BYTES = 128 * 1024;

/** The same messages as PUBLISH packets of one protocol version. */
export class WireForm {
  buffer: Uint8Array;
  start: number;
  end: number;
  /** Bytes of the largest packet. */
  largest: number;

  constructor(buffer: Uint8Array, start: number, end: number, largest: number) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.largest = largest;
  }
}

/**
 * Consecutive QoS 0 messages of one read on one topic: one range of the read buffer, which goes to all receivers of the
 * same version as it is. Receivers of the other version share one re-encoding, made when the first of them asks.
 */
export class PublishRun {
  readonly topic: RecentTopic;
  readonly version: ProtocolVersion;
  /** Client id of the publisher. */
  readonly publisher: string;
  count: number;
  #own: WireForm;
  #other: WireForm | null = null;
  #messages: EncodedMessage[] | null = null;

  private constructor(topic: RecentTopic, version: ProtocolVersion, publisher: string, own: WireForm, count: number) {
    this.topic = topic;
    this.version = version;
    this.publisher = publisher;
    this.count = count;
    this.#own = own;
  }

  /** A run of one packet, to be extended. */
  static begin(view: PublishView, topic: RecentTopic, version: ProtocolVersion, publisher: string): PublishRun {
    const own = new WireForm(view.buffer, view.start, view.end, view.end - view.start);
    return new PublishRun(topic, version, publisher, own, 1);
  }

  /** The packets in `buffer[start, end)`, as another node sent them; null if that is not what they are. */
  static parse(
    topic: RecentTopic,
    version: ProtocolVersion,
    publisher: string,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): PublishRun | null {
    let count = 0;
    let largest = 0;
    for (let at = start; at < end; count++) {
      const next = checkedPacketEnd(buffer, at, end, version, topic.bytes);
      if (next === -1) return null;
      if (next - at > largest) largest = next - at;
      at = next;
    }
    if (count === 0) return null;
    return new PublishRun(topic, version, publisher, new WireForm(buffer, start, end, largest), count);
  }

  /** Takes the next message if it continues the run. */
  extend(view: PublishView): boolean {
    const own = this.#own;
    if (view.topic !== this.topic || view.buffer !== own.buffer || view.start !== own.end) return false;
    if (view.end - own.start > MAX_RUN_BYTES) return false;
    const length = view.end - view.start;
    if (length > own.largest) own.largest = length;
    own.end = view.end;
    this.count++;
    return true;
  }

  /** Whether clients of this node may get what is in a run that somebody else has put together. @throws {PacketError} if not */
  checkProperties(): void {
    if (this.version !== 5) return;
    const { buffer } = this.#own;
    PublishRun.forEachPacket(this.#own, (start) => {
      const { propertiesStart, payloadStart } = bodyOf(buffer, start, 5, this.topic.bytes.length);
      checkProperties(buffer, propertiesStart, payloadStart);
    });
  }

  form(version: ProtocolVersion): WireForm {
    if (version === this.version) return this.#own;
    this.#other ??= this.#transcode(version);
    return this.#other;
  }

  /** The messages of the run one by one, for receivers that cannot take it as it is. Made when the first of them asks. */
  messages(): readonly EncodedMessage[] {
    this.#messages ??= this.#split();
    return this.#messages;
  }

  #split(): EncodedMessage[] {
    const own = this.#own;
    const messages: EncodedMessage[] = [];
    PublishRun.forEachPacket(own, (start, end) => {
      const { propertiesStart, payloadStart } = bodyOf(own.buffer, start, this.version, this.topic.bytes.length);
      // Nothing in a run has waited, so the time that an expiry interval has run is zero, and need not be known.
      const never = Number.POSITIVE_INFINITY;
      const { topic, publisher } = this;
      const message = new Message(
        topic,
        0,
        false,
        publisher,
        never,
        own.buffer,
        propertiesStart,
        payloadStart,
        payloadStart,
        end,
      );
      messages.push(new EncodedMessage(message));
    });
    return messages;
  }

  /** Calls `visit` with the bounds of each packet in a form. */
  static forEachPacket(form: WireForm, visit: (start: number, end: number) => void): void {
    for (let at = form.start; at < form.end; ) {
      const end = packetEnd(form.buffer, at);
      visit(at, end);
      at = end;
    }
  }

  /** 3.1.1 has no properties; to 5 the messages come with none. */
  #transcode(version: ProtocolVersion): WireForm {
    const own = this.#own;
    const topic = this.topic.bytes;
    // The 5.0 form of a packet is at most two bytes longer: an empty property length, and one more of the remaining length.
    const out = Buffer.allocUnsafe(own.end - own.start + 2 * this.count);
    let at = 0;
    let largest = 0;
    PublishRun.forEachPacket(own, (start, end) => {
      const { payloadStart } = bodyOf(own.buffer, start, this.version, topic.length);
      const size = publishSize(version, topic.length, 0, 0, end - payloadStart);
      if (size > largest) largest = size;
      at = writePublish(out, at, version, 0, topic, 0, own.buffer, 0, 0, own.buffer, payloadStart, end);
    });
    return new WireForm(out, 0, at, largest);
  }
}

/** The packets were decoded once, so their lengths need no checks here. */
function packetEnd(buffer: Uint8Array, start: number): number {
  let length = 0;
  let at = start + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = buffer[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + length;
  }
}

/**
 * Properties that somebody else has put together, without their length: whether clients of this node may get them.
 * @throws {PacketError} for what no PUBLISH may have that a client sends to a server
 */
export function checkProperties(bytes: Uint8Array, start: number, end: number): void {
  if (start === end) return;
  const { topicAlias, subscriptionIdentifiers } = decodePublishProperties(bytes, start, end);
  if (topicAlias === undefined && subscriptionIdentifiers === undefined) return;
  throw new PacketError(Reason.ProtocolError, 'a property of one connection alone');
}

const QOS0_PUBLISH = 0x30;
const MAX_LENGTH_BYTES = 4;

/** Where a packet ends that is a PUBLISH at QoS 0 on `topic`, not retained, and lies before `end`; -1 if it is not. */
function checkedPacketEnd(
  buffer: Uint8Array,
  start: number,
  end: number,
  version: ProtocolVersion,
  topic: Uint8Array,
): number {
  if (buffer[start] !== QOS0_PUBLISH) return -1;
  let at = start + 1;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift === 7 * MAX_LENGTH_BYTES) return -1;
    const byte = buffer[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const packetEnd = at + length;
  const topicEnd = at + 2 + topic.length;
  if (packetEnd > end || topicEnd > packetEnd || ((buffer[at]! << 8) | buffer[at + 1]!) !== topic.length) return -1;
  if (!sameBytes(topic, buffer, at + 2, topicEnd)) return -1;
  if (version === 4) return packetEnd;
  let propertiesLength = 0;
  let propertiesAt = topicEnd;
  for (let shift = 0; ; shift += 7) {
    if (propertiesAt >= packetEnd || shift === 7 * MAX_LENGTH_BYTES) return -1;
    const byte = buffer[propertiesAt++]!;
    propertiesLength |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return propertiesAt + propertiesLength <= packetEnd ? packetEnd : -1;
}

/** Where the properties, without their length, and the payload of a QoS 0 PUBLISH begin. */
function bodyOf(
  buffer: Uint8Array,
  start: number,
  version: ProtocolVersion,
  topicLength: number,
): { propertiesStart: number; payloadStart: number } {
  let at = start + 1;
  while (buffer[at++]! >= 0x80);
  at += 2 + topicLength;
  if (version === 4) return { propertiesStart: at, payloadStart: at };
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = buffer[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { propertiesStart: at, payloadStart: at + length };
  }
}
