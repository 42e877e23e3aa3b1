import {
  type ConnectPacket,
  encodePublishProperties,
  type Properties,
  type ProtocolVersion,
  publishSize,
  type Qos,
  type SubscribeRequest,
  type Will,
  writePublish,
} from '@plexus/protocol';

export interface PublishOptions {
  qos?: Qos;
  retain?: boolean;
  dup?: boolean;
  packetId?: number;
  properties?: Properties;
}

const text = (value: string | Uint8Array): Uint8Array => (typeof value === 'string' ? Buffer.from(value) : value);

/** A whole PUBLISH packet. */
export function publishPacket(
  version: ProtocolVersion,
  topic: string,
  payload: string | Uint8Array,
  options: PublishOptions = {},
): Uint8Array {
  const { qos = 0, retain = false, dup = false, packetId = 0, properties = {} } = options;
  const [topicBytes, payloadBytes] = [text(topic), text(payload)];
  const encoded = encodePublishProperties(properties);
  const out = new Uint8Array(publishSize(version, topicBytes.length, qos, encoded.length, payloadBytes.length));
  const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  writePublish(
    out,
    0,
    version,
    flags,
    topicBytes,
    packetId,
    encoded,
    0,
    encoded.length,
    payloadBytes,
    0,
    payloadBytes.length,
  );
  return out;
}

export type ConnectOptions = Partial<Omit<ConnectPacket, 'version' | 'will'>> & { will?: Will | null };

/** A CONNECT with a clean start and nothing else, but for what `options` say. */
export function connectPacket(version: ProtocolVersion, clientId: string, options: ConnectOptions = {}): ConnectPacket {
  return {
    version,
    clientId,
    cleanStart: true,
    keepAliveS: 0,
    username: null,
    password: null,
    properties: {},
    will: null,
    ...options,
  };
}

export interface WillOptions {
  qos?: Qos;
  retain?: boolean;
  delayS?: number;
  properties?: Properties;
}

export function will(topic: string, payload: string, options: WillOptions = {}): Will {
  const { qos = 0, retain = false, delayS = 0, properties = {} } = options;
  return {
    topic,
    payload: text(payload),
    qos,
    retain,
    delayS,
    publishProperties: encodePublishProperties(properties),
    messageExpiryS: properties.messageExpiryIntervalS ?? -1,
  };
}

export function request(filter: string, qos: Qos, options: Partial<SubscribeRequest> = {}): SubscribeRequest {
  return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...options };
}
