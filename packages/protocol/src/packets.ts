import type { RecentTopic } from './topic-table.ts';

const EMPTY = new Uint8Array(0);

/** 4 is MQTT 3.1.1, 5 is MQTT 5.0: the numbers that stand in the CONNECT packet. */
export type ProtocolVersion = 4 | 5;
export type Qos = 0 | 1 | 2;

/** Control packet types, MQTT 5.0 §2.1.2. */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;

export type UserProperty = readonly [name: string, value: string];

/**
 * Properties of every packet but PUBLISH, whose properties stay bytes. Absent means not sent.
 * Which packet may carry which is MQTT 5.0 §2.2.2.2, table 2-4.
 */
export interface Properties {
  payloadFormatIndicator?: number;
  messageExpiryIntervalS?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** Once in SUBSCRIBE, any number of times in a PUBLISH from the server. */
  subscriptionIdentifiers?: number[];
  sessionExpiryIntervalS?: number;
  assignedClientIdentifier?: string;
  serverKeepAliveS?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: boolean;
  willDelayIntervalS?: number;
  requestResponseInformation?: boolean;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQos?: 0 | 1;
  retainAvailable?: boolean;
  userProperties?: UserProperty[];
  maximumPacketSizeBytes?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifierAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
}

export interface Will {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  delayS: number;
  /**
   * The will's properties as they are to stand in the PUBLISH, encoded (without the will delay, which
   * is not forwarded, and without the length prefix). Empty for MQTT 3.1.1.
   */
  publishProperties: Uint8Array;
  /** Message expiry interval in seconds, or -1. Also part of `publishProperties`. */
  messageExpiryS: number;
}

export interface ConnectPacket {
  version: ProtocolVersion;
  cleanStart: boolean;
  keepAliveS: number;
  /** Empty: the client wants one assigned. */
  clientId: string;
  will: Will | null;
  username: string | null;
  password: Uint8Array | null;
  properties: Properties;
}

export interface ConnackPacket {
  sessionPresent: boolean;
  /** MQTT 5 reason; the encoder translates for 3.1.1, and the decoder of a 3.1.1 client gives the return code as it is. */
  reason: number;
  properties: Properties;
}

export interface SubscribeRequest {
  filter: string;
  qos: Qos;
  noLocal: boolean;
  retainAsPublished: boolean;
  /** 0 send retained messages, 1 only for a new subscription, 2 do not send. */
  retainHandling: 0 | 1 | 2;
  /** Of the SUBSCRIBE that this came in; set by whoever keeps the request. 1 to 268,435,455. */
  subscriptionIdentifier?: number;
}

export interface SubscribePacket {
  packetId: number;
  requests: SubscribeRequest[];
  properties: Properties;
}

export interface UnsubscribePacket {
  packetId: number;
  filters: string[];
  properties: Properties;
}

/** SUBACK and UNSUBACK. `reasons` is empty for an UNSUBACK of 3.1.1. */
export interface SubscriptionAckPacket {
  packetId: number;
  reasons: number[];
  properties: Properties;
}

/** DISCONNECT and AUTH. */
export interface ReasonPacket {
  reason: number;
  properties: Properties;
}

/**
 * A PUBLISH where it lies: offsets into the buffer it was read into. One object per decoder, overwritten by
 * the next packet: whoever keeps a message copies what it needs.
 */
export class PublishView {
  buffer: Uint8Array = EMPTY;
  /** First byte of the fixed header. */
  start = 0;
  /** One past the last byte of the packet. */
  end = 0;
  qos: Qos = 0;
  retain = false;
  dup = false;
  topicStart = 0;
  topicEnd = 0;
  /** The decoded and checked topic; null when the packet has none (MQTT 5 topic alias). */
  topic: RecentTopic | null = null;
  /** 0 at QoS 0. */
  packetId = 0;
  /** The properties without their length prefix. Empty range for 3.1.1. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  /** 0: none. */
  topicAlias = 0;
  /** Seconds; -1: none. */
  messageExpiryS = -1;
  /** -1: none; else 0 or 1. */
  payloadFormat = -1;
}

/**
 * What a decoder calls, one method per packet type. Only the direction that the decoder was made for is ever
 * called; the views that a method receives are valid until it returns.
 */
export interface PacketHandler {
  onPublish(packet: PublishView): void;
  /** `reason` is 0 where the packet has none. `properties` is null where it has none. */
  onPuback(packetId: number, reason: number, properties: Properties | null): void;
  onPubrec(packetId: number, reason: number, properties: Properties | null): void;
  onPubrel(packetId: number, reason: number, properties: Properties | null): void;
  onPubcomp(packetId: number, reason: number, properties: Properties | null): void;
  onDisconnect(packet: ReasonPacket): void;
  onAuth(packet: ReasonPacket): void;
}

/** Packets that a client sends. */
export interface ServerPacketHandler extends PacketHandler {
  onConnect(packet: ConnectPacket): void;
  onSubscribe(packet: SubscribePacket): void;
  onUnsubscribe(packet: UnsubscribePacket): void;
  onPingreq(): void;
}

/** Packets that a server sends. */
export interface ClientPacketHandler extends PacketHandler {
  onConnack(packet: ConnackPacket): void;
  onSuback(packet: SubscriptionAckPacket): void;
  onUnsuback(packet: SubscriptionAckPacket): void;
  onPingresp(): void;
}
