import { ClientDecoder } from '../client-decoder.ts';
import type { DecoderOptions } from '../decoder.ts';
import { encodeConnect } from '../encode-client.ts';
import { encodeConnack } from '../encode-server.ts';
import type {
  ClientPacketHandler,
  ConnackPacket,
  ConnectPacket,
  Properties,
  ProtocolVersion,
  PublishView,
  Qos,
  ReasonPacket,
  ServerPacketHandler,
  SubscribePacket,
  SubscriptionAckPacket,
  UnsubscribePacket,
} from '../packets.ts';
import { decodePublishProperties } from '../properties.ts';
import { ServerDecoder } from '../server-decoder.ts';
import { DEFAULT_TOPIC_LIMITS } from '../topic.ts';
import { TopicTable } from '../topic-table.ts';

/** A PUBLISH taken out of its buffer. */
export interface PublishRecord {
  topic: string | null;
  qos: Qos;
  retain: boolean;
  dup: boolean;
  packetId: number;
  payload: Uint8Array;
  properties: Properties;
}

export interface AckRecord {
  packetId: number;
  reason: number;
  properties: Properties;
}

export type AckName = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

/** One call of a handler, or one packet to be sent: the tests' common form of all packets. */
export type Call =
  | { on: 'connect'; packet: ConnectPacket }
  | { on: 'connack'; packet: ConnackPacket }
  | { on: 'publish'; packet: PublishRecord }
  | { on: AckName; packet: AckRecord }
  | { on: 'subscribe'; packet: SubscribePacket }
  | { on: 'unsubscribe'; packet: UnsubscribePacket }
  | { on: 'suback' | 'unsuback'; packet: SubscriptionAckPacket }
  | { on: 'pingreq' | 'pingresp' }
  | { on: 'disconnect' | 'auth'; packet: ReasonPacket };

/** Which decoder: the server's decodes what a client sends. */
export type Side = 'server' | 'client';

export const OPTIONS: DecoderOptions = {
  maxPacketBytes: 1 << 20,
  topics: new TopicTable(64, DEFAULT_TOPIC_LIMITS),
  topicLimits: DEFAULT_TOPIC_LIMITS,
};

/** Keeps every call, with copies of what the views show. */
export class Recorder implements ServerPacketHandler, ClientPacketHandler {
  calls: Call[] = [];
  /** Called after each call is kept. */
  after: (call: Call) => void = () => {};

  onConnect(packet: ConnectPacket): void {
    this.keep({ on: 'connect', packet });
  }
  onConnack(packet: ConnackPacket): void {
    this.keep({ on: 'connack', packet });
  }
  onPublish(view: PublishView): void {
    this.keep({ on: 'publish', packet: publishRecord(view) });
  }
  onPuback(packetId: number, reason: number, properties: Properties | null): void {
    this.keep({ on: 'puback', packet: { packetId, reason, properties: properties ?? {} } });
  }
  onPubrec(packetId: number, reason: number, properties: Properties | null): void {
    this.keep({ on: 'pubrec', packet: { packetId, reason, properties: properties ?? {} } });
  }
  onPubrel(packetId: number, reason: number, properties: Properties | null): void {
    this.keep({ on: 'pubrel', packet: { packetId, reason, properties: properties ?? {} } });
  }
  onPubcomp(packetId: number, reason: number, properties: Properties | null): void {
    this.keep({ on: 'pubcomp', packet: { packetId, reason, properties: properties ?? {} } });
  }
  onSubscribe(packet: SubscribePacket): void {
    this.keep({ on: 'subscribe', packet });
  }
  onUnsubscribe(packet: UnsubscribePacket): void {
    this.keep({ on: 'unsubscribe', packet });
  }
  onSuback(packet: SubscriptionAckPacket): void {
    this.keep({ on: 'suback', packet });
  }
  onUnsuback(packet: SubscriptionAckPacket): void {
    this.keep({ on: 'unsuback', packet });
  }
  onPingreq(): void {
    this.keep({ on: 'pingreq' });
  }
  onPingresp(): void {
    this.keep({ on: 'pingresp' });
  }
  onDisconnect(packet: ReasonPacket): void {
    this.keep({ on: 'disconnect', packet });
  }
  onAuth(packet: ReasonPacket): void {
    this.keep({ on: 'auth', packet });
  }

  private keep(call: Call): void {
    this.calls.push(call);
    this.after(call);
  }
}

/** A decoder that has taken nothing yet. */
export function freshDecoder(side: Side, version: ProtocolVersion, recorder: Recorder, options = OPTIONS) {
  return side === 'server' ? new ServerDecoder(recorder, options) : new ClientDecoder(recorder, options, version);
}

/** A decoder on which CONNECT or CONNACK has passed, unrecorded. */
export function openDecoder(side: Side, version: ProtocolVersion, recorder: Recorder, options = OPTIONS) {
  const decoder = freshDecoder(side, version, recorder, { ...options, maxPacketBytes: OPTIONS.maxPacketBytes });
  decoder.push(side === 'server' ? encodeConnect(plainConnect(version)) : encodeConnack(version, PLAIN_CONNACK));
  decoder.maxPacketBytes = options.maxPacketBytes;
  recorder.calls = [];
  return decoder;
}

/** Decodes `bytes` in one piece. CONNECT and CONNACK come first on their connection, everything else after them. */
export function decode(side: Side, version: ProtocolVersion, bytes: Uint8Array): Call[] {
  const recorder = new Recorder();
  const type = bytes[0]! >> 4;
  const decoder = (type === 1 || type === 2 ? freshDecoder : openDecoder)(side, version, recorder);
  decoder.push(bytes);
  return recorder.calls;
}

export const PLAIN_CONNACK: ConnackPacket = { sessionPresent: false, reason: 0, properties: {} };

export function plainConnect(version: ProtocolVersion): ConnectPacket {
  return {
    version,
    cleanStart: true,
    keepAliveS: 0,
    clientId: 'c',
    will: null,
    username: null,
    password: null,
    properties: {},
  };
}

function publishRecord(view: PublishView): PublishRecord {
  const properties = decodePublishProperties(view.buffer, view.propertiesStart, view.propertiesEnd);
  // What the hot path picked out must be what the full reader sees.
  const picked = [view.topicAlias, view.messageExpiryS, view.payloadFormat];
  const read = [
    properties.topicAlias ?? 0,
    properties.messageExpiryIntervalS ?? -1,
    properties.payloadFormatIndicator ?? -1,
  ];
  if (picked.join() !== read.join()) throw new Error(`picked ${picked}, but the properties say ${read}`);
  return {
    topic: view.topic === null ? null : view.topic.name,
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
    packetId: view.packetId,
    payload: Uint8Array.from(view.buffer.subarray(view.payloadStart, view.end)),
    properties,
  };
}
