import { encodeUtf8, type ProtocolVersion, type Qos, type RecentTopic } from '@plexus/protocol';
import { Message } from '../broker/message.ts';
import type { PublishRun } from '../broker/publish-run.ts';
import type { Stamp } from '../cluster/hybrid-clock.ts';
import type { Obligations } from '../peer/link-ports.ts';
import {
  bytesSize,
  integerSize,
  textSize,
  WireError,
  WireReader,
  writeBytes,
  writeInteger,
  writeText,
} from '../peer/wire-bytes.ts';
import type { Origin } from './sequence.ts';

/** What of a node a message is for. */
export interface Portion {
  /** Its subscriptions that are not shared. */
  readonly plain: boolean;
  /** The shared subscriptions, as `$share/{group}/{filter}`, of which one member there is to get it. */
  readonly shares: readonly string[];
}

export const PLAIN: Portion = { plain: true, shares: [] };
/** For no subscriber: only the retained message is to be known there. */
export const NOBODY: Portion = { plain: false, shares: [] };

/** Beside a head that holds the whole message. */
export const NO_BYTES = new Uint8Array(0);
/** For messages that nobody waits for an answer to. */
export const NOBODY_WAITS: Obligations = { meet: () => {} };

/** A message of another node: what of it is not in a `Message`. */
export interface ReceivedMessage {
  readonly realm: string;
  readonly message: Message;
  readonly portion: Portion;
  /** Place among all messages of its node's start. */
  readonly sequence: number;
  /** Of a retained message: when it was published. */
  readonly stamp: Stamp | null;
}

export interface ReceivedRun {
  readonly realm: string;
  readonly topic: Buffer;
  readonly version: ProtocolVersion;
  readonly publisher: string;
  readonly portion: Portion;
  readonly sequence: number;
  /** Where the packets begin. */
  readonly start: number;
}

const Flag = { QosMask: 3, Retain: 4, Plain: 8, Publisher: 16, Expiry: 32, Stamp: 64 } as const;
const RunFlag = { Plain: 1, Version5: 2 } as const;

/** Names of realms as bytes: few, and in every frame. */
const realmBytes = new Map<string, Uint8Array>();

function bytesOfRealm(realm: string): Uint8Array {
  let bytes = realmBytes.get(realm);
  if (bytes === undefined) {
    bytes = encodeUtf8(realm);
    realmBytes.set(realm, bytes);
  }
  return bytes;
}

function sharesSize(shares: readonly string[]): number {
  let size = integerSize(shares.length);
  for (const share of shares) size += textSize(share);
  return size;
}

function writeShares(out: Buffer, at: number, shares: readonly string[]): number {
  let end = writeInteger(out, at, shares.length);
  for (const share of shares) end = writeText(out, end, share);
  return end;
}

function readShares(reader: WireReader): string[] {
  const shares: string[] = [];
  for (let left = reader.integer(); left > 0; left--) shares.push(reader.text());
  return shares;
}

/** What a frame is made of beside the message. */
export interface MessageEnvelope {
  readonly portion: Portion;
  readonly sequence: number;
  readonly stamp: Stamp | null;
  /** Client ids mean something within a cluster only; null: it is not told. */
  readonly publisher: string | null;
  /** Goes before everything else: `originHead`, or nothing. */
  readonly head: Uint8Array;
}

/** Of a message that was published on another cluster's node: what goes before it in *Forwarded* and *ForwardedRun*. */
export function originHead({ nodeId, epoch }: Omit<Origin, 'sequence'>): Buffer {
  const out = Buffer.allocUnsafe(textSize(nodeId) + integerSize(epoch));
  writeInteger(out, writeText(out, 0, nodeId), epoch);
  return out;
}

/** @returns where the rest begins. @throws {WireError} */
export function readOriginHead(
  buffer: Uint8Array,
  start: number,
  end: number,
): { readonly nodeId: string; readonly epoch: number; readonly start: number } {
  const reader = new WireReader(buffer, start, end);
  return { nodeId: reader.text(), epoch: reader.integer(), start: reader.at };
}

/** docs/wire.md, *Message*. The bytes are the message's own: this is where it is copied, once for all nodes that get the same portion. */
export function encodeMessage(realm: string, message: Message, envelope: MessageEnvelope, wallMs: number): Buffer {
  const { portion, sequence, stamp, publisher, head } = envelope;
  const { qos, retain, topic, buffer, propertiesStart, propertiesEnd, payloadStart, payloadEnd } = message;
  const expires = message.expiresAtMs !== Number.POSITIVE_INFINITY;
  const leftMs = expires ? Math.max(0, Math.ceil(message.expiresAtMs - wallMs)) : 0;
  const name = bytesOfRealm(realm);
  const propertiesLength = propertiesEnd - propertiesStart;
  const payloadLength = payloadEnd - payloadStart;
  const out = Buffer.allocUnsafe(
    head.length +
      1 +
      integerSize(sequence) +
      sharesSize(portion.shares) +
      bytesSize(name) +
      bytesSize(topic.bytes) +
      (publisher === null ? 0 : textSize(publisher)) +
      (expires ? integerSize(leftMs) : 0) +
      (stamp === null ? 0 : integerSize(stamp.ms) + integerSize(stamp.counter) + textSize(stamp.nodeId)) +
      integerSize(propertiesLength) +
      propertiesLength +
      payloadLength,
  );
  out.set(head);
  out[head.length] =
    qos |
    (retain ? Flag.Retain : 0) |
    (portion.plain ? Flag.Plain : 0) |
    (publisher === null ? 0 : Flag.Publisher) |
    (expires ? Flag.Expiry : 0) |
    (stamp === null ? 0 : Flag.Stamp);
  let at = writeInteger(out, head.length + 1, sequence);
  at = writeShares(out, at, portion.shares);
  at = writeBytes(out, at, name);
  at = writeBytes(out, at, topic.bytes);
  if (publisher !== null) at = writeText(out, at, publisher);
  if (expires) at = writeInteger(out, at, leftMs);
  if (stamp !== null) {
    at = writeInteger(out, at, stamp.ms);
    at = writeInteger(out, at, stamp.counter);
    at = writeText(out, at, stamp.nodeId);
  }
  at = writeInteger(out, at, propertiesLength);
  out.set(buffer.subarray(propertiesStart, propertiesEnd), at);
  out.set(buffer.subarray(payloadStart, payloadEnd), at + propertiesLength);
  return out;
}

/**
 * The message shares the frame's bytes.
 * @param topicOf the topic of a realm; null for a realm that is not here
 * @returns null: nobody here knows the realm
 * @throws {WireError} or {PacketError}, for what is no message
 */
export function decodeMessage(
  buffer: Uint8Array,
  start: number,
  end: number,
  wallMs: number,
  topicOf: (realm: string, topic: Buffer) => RecentTopic | null,
): ReceivedMessage | null {
  const reader = new WireReader(buffer, start, end);
  const flags = reader.u8();
  const qos = flags & Flag.QosMask;
  if (qos > 2) throw new WireError('QoS 3');
  const sequence = reader.integer();
  const portion = portionOf((flags & Flag.Plain) !== 0, readShares(reader));
  const realm = reader.text();
  const topic = topicOf(realm, reader.bytes());
  const publisher = (flags & Flag.Publisher) === 0 ? null : reader.text();
  const expiresAtMs = (flags & Flag.Expiry) === 0 ? Number.POSITIVE_INFINITY : wallMs + reader.integer();
  const stamp =
    (flags & Flag.Stamp) === 0 ? null : { ms: reader.integer(), counter: reader.integer(), nodeId: reader.text() };
  const propertiesLength = reader.integer();
  const propertiesStart = reader.at;
  reader.bytes(propertiesLength);
  if (topic === null) return null;
  const payloadStart = reader.at;
  const message = new Message(
    topic,
    qos as Qos,
    (flags & Flag.Retain) !== 0,
    publisher,
    expiresAtMs,
    reader.buffer,
    propertiesStart,
    payloadStart,
    payloadStart,
    end,
  );
  return { realm, message, portion, sequence, stamp };
}

/** docs/wire.md, *Run*: everything before the packets. */
export function encodeRunHead(
  realm: string,
  run: PublishRun,
  { portion, sequence, publisher, head }: Omit<MessageEnvelope, 'stamp'>,
): Buffer {
  const name = bytesOfRealm(realm);
  const topic = run.topic.bytes;
  const client = publisher ?? '';
  const out = Buffer.allocUnsafe(
    head.length +
      1 +
      integerSize(sequence) +
      sharesSize(portion.shares) +
      bytesSize(name) +
      bytesSize(topic) +
      textSize(client),
  );
  out.set(head);
  out[head.length] = (portion.plain ? RunFlag.Plain : 0) | (run.version === 5 ? RunFlag.Version5 : 0);
  let at = writeInteger(out, head.length + 1, sequence);
  at = writeShares(out, at, portion.shares);
  at = writeBytes(out, at, name);
  at = writeBytes(out, at, topic);
  writeText(out, at, client);
  return out;
}

/** @throws {WireError} for what is no run */
export function decodeRunHead(buffer: Uint8Array, start: number, end: number): ReceivedRun {
  const reader = new WireReader(buffer, start, end);
  const flags = reader.u8();
  const sequence = reader.integer();
  const shares = readShares(reader);
  const realm = reader.text();
  const topic = reader.bytes();
  const publisher = reader.text();
  const portion = portionOf((flags & RunFlag.Plain) !== 0, shares);
  const version = (flags & RunFlag.Version5) === 0 ? 4 : 5;
  return { realm, topic, version, publisher, portion, sequence, start: reader.at };
}

function portionOf(plain: boolean, shares: readonly string[]): Portion {
  if (shares.length > 0) return { plain, shares };
  return plain ? PLAIN : NOBODY;
}
