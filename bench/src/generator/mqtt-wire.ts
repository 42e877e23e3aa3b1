import type { FrameShape, PacketKind, Wire } from './wire.ts';

const CONNACK = 0x20;
const PUBACK = 0x40;
const PUBREC = 0x50;
/** With the reserved flags that it must have [MQTT-3.6.1-1]. */
const PUBREL = 0x62;
const PUBCOMP = 0x70;
const SUBACK = 0x90;
const USER_PROPERTY = 0x26;

/** MQTT 3.1.1 and 5.0, written from the specification and on purpose not with the codec that is measured. */
export class MqttWire implements Wire {
  readonly #version: 4 | 5;
  readonly #qos: 0 | 1 | 2;
  readonly #publishProperties: Buffer;

  constructor(version: 4 | 5, qos: 0 | 1 | 2, userProperties: readonly (readonly [string, string])[]) {
    this.#version = version;
    this.#qos = qos;
    const encoded = userProperties.map(([name, value]) => {
      return Buffer.concat([Buffer.of(USER_PROPERTY), utf8(name), utf8(value)]);
    });
    this.#publishProperties = version === 5 ? withLength(Buffer.concat(encoded)) : Buffer.alloc(0);
  }

  topic(index: number): string {
    return `bench/${String(index).padStart(4, '0')}`;
  }

  everything(): string {
    return '#';
  }

  shared(topic: string): string {
    return `$share/group/${topic}`;
  }

  connect(clientId: string): Buffer {
    const cleanStart = 0x02;
    const keepAliveOff = Buffer.of(0, 0);
    const head = Buffer.concat([utf8('MQTT'), Buffer.of(this.#version, cleanStart), keepAliveOff]);
    return packet(0x10, [head, this.#noProperties(), utf8(clientId)]);
  }

  connectAnswer(seen: Buffer): number {
    const length = completePacket(seen, CONNACK);
    // The reason code follows the acknowledge flags [MQTT-3.2.2].
    if (length > 0 && seen[headerBytes(seen) + 1] !== 0) throw new Error(`CONNACK ${hex(seen)}`);
    return length;
  }

  subscribe(filter: string): Buffer {
    return packet(0x82, [Buffer.of(0, 1), this.#noProperties(), utf8(filter), Buffer.of(this.#qos)]);
  }

  subscribeAnswer(seen: Buffer): number {
    const length = completePacket(seen, SUBACK);
    if (length > 0 && seen[length - 1] !== this.#qos) throw new Error(`SUBACK ${hex(seen)}`);
    return length;
  }

  publish(topic: string, payload: Buffer, packetId: number): Buffer {
    const id = this.#qos === 0 ? Buffer.alloc(0) : Buffer.of(packetId >> 8, packetId & 0xff);
    return packet(0x30 | (this.#qos << 1), [utf8(topic), id, this.#publishProperties, payload]);
  }

  delivery(topic: string, payload: Buffer, packetId: number): Buffer {
    return this.publish(topic, payload, packetId);
  }

  deliveryShape(topic: string, payloadBytes: number): FrameShape {
    const sample = this.delivery(topic, Buffer.alloc(payloadBytes), 1);
    const afterTopic = headerBytes(sample) + 2 + Buffer.byteLength(topic);
    return {
      size: sample.length,
      firstByte: sample[0]!,
      payloadOffset: sample.length - payloadBytes,
      packetIdOffset: this.#qos === 0 ? -1 : afterTopic,
      answer: [null, short(PUBACK), short(PUBREC)][this.#qos]!,
      control: this.#qos === 2 ? shortKind(PUBREL, PUBCOMP) : null,
    };
  }

  acknowledgementShape(): FrameShape | null {
    if (this.#qos === 0) return null;
    const control = this.#qos === 2 ? shortKind(PUBREC, PUBREL) : null;
    return { ...shortKind(this.#qos === 2 ? PUBCOMP : PUBACK, null), payloadOffset: SHORT_BYTES, control };
  }

  #noProperties(): Buffer {
    return this.#version === 5 ? Buffer.of(0) : Buffer.alloc(0);
  }
}

/** An acknowledgement without reason code and properties: packet type, remaining length, packet id. */
const SHORT_BYTES = 4;

function short(firstByte: number): Buffer {
  return Buffer.of(firstByte, 2, 0, 0);
}

function shortKind(firstByte: number, answeredBy: number | null): PacketKind {
  return { firstByte, size: SHORT_BYTES, packetIdOffset: 2, answer: answeredBy === null ? null : short(answeredBy) };
}

function packet(firstByte: number, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(firstByte), withLength(Buffer.concat(parts))]);
}

function utf8(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** The bytes behind their length as a variable byte integer. */
function withLength(body: Buffer): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(length), body]);
}

/** Bytes of packet type and remaining length. */
function headerBytes(bytes: Buffer): number {
  let end = 1;
  while (end < bytes.length && bytes[end]! >= 0x80) end++;
  return end + 1;
}

function completePacket(seen: Buffer, type: number): number {
  if (seen.length < 2) return 0;
  if ((seen[0]! & 0xf0) !== type) throw new Error(`expected packet 0x${type.toString(16)}, got ${hex(seen)}`);
  const header = headerBytes(seen);
  let remaining = 0;
  for (let at = 1; at < header; at++) remaining |= ((seen[at] ?? 0) & 0x7f) << (7 * (at - 1));
  return seen.length >= header + remaining ? header + remaining : 0;
}

function hex(bytes: Buffer): string {
  return bytes.subarray(0, 16).toString('hex');
}
