import { copyBytes, ownBytes, type PublishView, type Qos, type RecentTopic, withoutTopicAlias } from '@plexus/protocol';

/** Kept messages move to memory of their own when the buffer they lie in is larger than them by this much. */
const COMPACT_OVER_BYTES = 512;
/** What a message costs besides its bytes, roughly: objects and bookkeeping. For accounts, not for allocation. */
const OVERHEAD_BYTES = 200;

const NO_BYTES = new Uint8Array(0);

/**
 * A message that outlives the packet it came in. Payload and properties are ranges of `buffer`: at first the read buffer itself,
 * so that a message in passing is never copied; `compact` moves them out when the message stays.
 */
export class Message {
  readonly topic: RecentTopic;
  /** As published. */
  readonly qos: Qos;
  /** As published; on delivery the flag is set anew. */
  readonly retain: boolean;
  /** Client id of the publisher, for subscriptions with *no local*; null when the node itself published. */
  readonly publisher: string | null;
  /** Wall clock, milliseconds, at which it expires, or Infinity. The wall clock, because a message may outlive the process. */
  readonly expiresAtMs: number;
  buffer: Uint8Array;
  /** MQTT 5 properties without their length prefix; may be empty. */
  propertiesStart: number;
  propertiesEnd: number;
  payloadStart: number;
  payloadEnd: number;

  constructor(
    topic: RecentTopic,
    qos: Qos,
    retain: boolean,
    publisher: string | null,
    expiresAtMs: number,
    buffer: Uint8Array,
    propertiesStart: number,
    propertiesEnd: number,
    payloadStart: number,
    payloadEnd: number,
  ) {
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.publisher = publisher;
    this.expiresAtMs = expiresAtMs;
    this.buffer = buffer;
    this.propertiesStart = propertiesStart;
    this.propertiesEnd = propertiesEnd;
    this.payloadStart = payloadStart;
    this.payloadEnd = payloadEnd;
  }

  /** A message that shares the view's buffer. */
  static fromView(view: PublishView, topic: RecentTopic, publisher: string, clock: { wallMs(): number }): Message {
    const expiresAtMs =
      view.messageExpiryS < 0 ? Number.POSITIVE_INFINITY : clock.wallMs() + view.messageExpiryS * 1000;
    return new Message(
      topic,
      view.qos,
      view.retain,
      publisher,
      expiresAtMs,
      view.buffer,
      view.propertiesStart,
      view.propertiesEnd,
      view.payloadStart,
      view.end,
    );
  }

  /** A message from separate parts, which are copied. `properties` as in an MQTT 5 PUBLISH, without length prefix. */
  static of(
    topic: RecentTopic,
    payload: Uint8Array,
    options: { qos: Qos; retain: boolean; publisher?: string | null; expiresAtMs?: number; properties?: Uint8Array },
  ): Message {
    const properties = options.properties ?? NO_BYTES;
    const buffer = new Uint8Array(properties.length + payload.length);
    buffer.set(properties);
    buffer.set(payload, properties.length);
    return new Message(
      topic,
      options.qos,
      options.retain,
      options.publisher ?? null,
      options.expiresAtMs ?? Number.POSITIVE_INFINITY,
      buffer,
      0,
      properties.length,
      properties.length,
      buffer.length,
    );
  }

  get propertiesLength(): number {
    return this.propertiesEnd - this.propertiesStart;
  }

  get payloadLength(): number {
    return this.payloadEnd - this.payloadStart;
  }

  /** What it counts for in every bound on bytes. */
  get costBytes(): number {
    return this.topic.bytes.length + this.propertiesLength + this.payloadLength + OVERHEAD_BYTES;
  }

  payload(): Uint8Array {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }

  /** Takes the publisher's topic alias out of the properties, which moves the message to memory of its own. */
  dropTopicAlias(): void {
    const properties = withoutTopicAlias(this.buffer, this.propertiesStart, this.propertiesEnd);
    const { payloadLength } = this;
    const buffer = new Uint8Array(properties.length + payloadLength);
    copyBytes(
      buffer,
      copyBytes(buffer, 0, properties, 0, properties.length),
      this.buffer,
      this.payloadStart,
      this.payloadEnd,
    );
    this.buffer = buffer;
    this.propertiesStart = 0;
    this.propertiesEnd = properties.length;
    this.payloadStart = properties.length;
    this.payloadEnd = buffer.length;
  }

  /** Moves the message out of a buffer much larger than itself, which would otherwise live as long as the message. */
  compact(): void {
    const start = Math.min(this.propertiesStart, this.payloadStart);
    const length = this.payloadEnd - start;
    if (this.buffer.length - length <= COMPACT_OVER_BYTES) return;
    this.buffer = ownBytes(this.buffer, start, this.payloadEnd);
    this.propertiesStart -= start;
    this.propertiesEnd -= start;
    this.payloadStart -= start;
    this.payloadEnd -= start;
  }
}
