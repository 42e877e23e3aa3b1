import { Buffer } from 'node:buffer';
import { generate, type Packet, parser } from 'mqtt-packet';
import type { ConnectPacket, Properties, ProtocolVersion, UserProperty } from '../packets.ts';
import { decodePublishProperties, encodePublishProperties } from '../properties.ts';
import type { Call } from './recorder.ts';

// Our packets through mqtt-packet, the codec of MQTT.js, in both directions.

type Fields = Record<string, unknown>;

/** Where its name of a property is not ours. */
const PEER_NAMES: Partial<Record<keyof Properties, string>> = {
  messageExpiryIntervalS: 'messageExpiryInterval',
  subscriptionIdentifiers: 'subscriptionIdentifier',
  sessionExpiryIntervalS: 'sessionExpiryInterval',
  serverKeepAliveS: 'serverKeepAlive',
  willDelayIntervalS: 'willDelayInterval',
  maximumQos: 'maximumQoS',
  maximumPacketSizeBytes: 'maximumPacketSize',
  subscriptionIdentifierAvailable: 'subscriptionIdentifiersAvailable',
};
const OUR_NAMES = Object.fromEntries(Object.entries(PEER_NAMES).map(([ours, theirs]) => [theirs, ours]));

/** The packet as mqtt-packet writes it. */
export function peerEncode(version: ProtocolVersion, call: Call): Uint8Array {
  return Uint8Array.from(generate(toPeer(version, call) as unknown as Packet, { protocolVersion: version }));
}

/** The one packet in `bytes` as mqtt-packet reads it. */
export function peerDecode(version: ProtocolVersion, bytes: Uint8Array): Call {
  const reading = parser({ protocolVersion: version });
  const packets: Packet[] = [];
  reading.on('packet', (packet) => packets.push(packet));
  reading.on('error', (error: Error) => {
    throw error;
  });
  reading.parse(Buffer.from(bytes));
  if (packets.length !== 1) throw new Error(`${packets.length} packets`);
  return fromPeer(version, packets[0] as unknown as Fields);
}

function toPeer(version: ProtocolVersion, call: Call): Fields {
  const of = (properties: Properties) => (version === 5 ? { properties: propertiesToPeer(properties) } : {});
  switch (call.on) {
    case 'pingreq':
    case 'pingresp':
      return { cmd: call.on };
    case 'connect':
      return connectToPeer(call.packet);
    case 'connack': {
      const { sessionPresent, reason, properties } = call.packet;
      return { cmd: call.on, sessionPresent, reasonCode: reason, returnCode: reason, ...of(properties) };
    }
    case 'publish': {
      const { packetId, properties, payload, ...rest } = call.packet;
      return { cmd: call.on, messageId: packetId, ...rest, payload: Buffer.from(payload), ...of(properties) };
    }
    case 'subscribe': {
      const { packetId, requests, properties } = call.packet;
      const subscriptions = requests.map((request) => ({
        topic: request.filter,
        qos: request.qos,
        nl: request.noLocal,
        rap: request.retainAsPublished,
        rh: request.retainHandling,
      }));
      return { cmd: call.on, messageId: packetId, subscriptions, ...of(properties) };
    }
    case 'unsubscribe': {
      const { packetId, filters, properties } = call.packet;
      return { cmd: call.on, messageId: packetId, unsubscriptions: filters, ...of(properties) };
    }
    case 'suback':
    case 'unsuback': {
      const { packetId, reasons, properties } = call.packet;
      return { cmd: call.on, messageId: packetId, granted: reasons, ...of(properties) };
    }
    case 'disconnect':
    case 'auth':
      return { cmd: call.on, reasonCode: call.packet.reason, ...of(call.packet.properties) };
    default: {
      const { packetId, reason, properties } = call.packet;
      return { cmd: call.on, messageId: packetId, reasonCode: reason, ...of(properties) };
    }
  }
}

function connectToPeer(packet: ConnectPacket): Fields {
  const { version, will, username, password } = packet;
  const v5 = version === 5;
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clean: packet.cleanStart,
    keepalive: packet.keepAliveS,
    clientId: packet.clientId,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password: Buffer.from(password) }),
    ...(will === null
      ? {}
      : {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.payload),
            qos: will.qos,
            retain: will.retain,
            ...(v5 ? { properties: willPropertiesToPeer(will) } : {}),
          },
        }),
    ...(v5 ? { properties: propertiesToPeer(packet.properties) } : {}),
  };
}

function willPropertiesToPeer(will: NonNullable<ConnectPacket['will']>): Fields {
  const published = decodePublishProperties(will.publishProperties, 0, will.publishProperties.length);
  return propertiesToPeer(will.delayS === 0 ? published : { willDelayIntervalS: will.delayS, ...published });
}

function propertiesToPeer(properties: Properties): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(properties)) {
    const theirs = PEER_NAMES[name as keyof Properties] ?? name;
    if (name === 'userProperties') fields[theirs] = grouped(value as UserProperty[]);
    else if (name === 'payloadFormatIndicator') fields[theirs] = value === 1;
    else if (value instanceof Uint8Array) fields[theirs] = Buffer.from(value);
    else if (Array.isArray(value) && value.length === 1) fields[theirs] = value[0];
    else fields[theirs] = value;
  }
  return fields;
}

function grouped(pairs: readonly UserProperty[]): Record<string, string | string[]> {
  const groups: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    const before = groups[name];
    groups[name] = before === undefined ? value : [before, value].flat();
  }
  return groups;
}

function fromPeer(version: ProtocolVersion, fields: Fields): Call {
  const on = fields.cmd as Call['on'];
  const properties = propertiesFromPeer(fields.properties);
  const packetId = fields.messageId as number;
  // A 3.1.1 acknowledgement has no reason; ours says success.
  const reason = version === 5 ? fields.reasonCode : (fields.returnCode ?? 0);
  return { on, packet: packetFromPeer() } as Call;

  function packetFromPeer(): unknown {
    switch (on) {
      case 'connect':
        return connectFromPeer(fields);
      case 'connack':
        return { sessionPresent: fields.sessionPresent, reason, properties };
      case 'publish': {
        const { topic, qos, retain, dup } = fields;
        const payload = plain(fields.payload);
        return { topic, qos, retain, dup, packetId: qos === 0 ? 0 : packetId, payload, properties };
      }
      case 'subscribe':
        return { packetId, requests: (fields.subscriptions as Fields[]).map(requestFromPeer), properties };
      case 'unsubscribe':
        return { packetId, filters: fields.unsubscriptions, properties };
      case 'suback':
      case 'unsuback':
        return { packetId, reasons: fields.granted ?? [], properties };
      case 'disconnect':
      case 'auth':
        return { reason, properties };
      case 'pingreq':
      case 'pingresp':
        return undefined;
      default:
        return { packetId, reason, properties };
    }
  }
}

function requestFromPeer(fields: Fields) {
  const { topic: filter, qos, nl: noLocal = false, rap: retainAsPublished = false, rh: retainHandling = 0 } = fields;
  return { filter, qos, noLocal, retainAsPublished, retainHandling };
}

function connectFromPeer(fields: Fields): ConnectPacket {
  const will = fields.will as Fields | undefined;
  const { willDelayIntervalS = 0, ...published } = propertiesFromPeer(will?.properties);
  return {
    version: fields.protocolVersion as ProtocolVersion,
    cleanStart: fields.clean as boolean,
    keepAliveS: fields.keepalive as number,
    clientId: fields.clientId as string,
    will:
      will === undefined
        ? null
        : {
            topic: will.topic as string,
            payload: plain(will.payload),
            qos: will.qos as 0 | 1 | 2,
            retain: will.retain as boolean,
            delayS: willDelayIntervalS,
            publishProperties: encodePublishProperties(published),
            messageExpiryS: published.messageExpiryIntervalS ?? -1,
          },
    username: (fields.username as string | undefined) ?? null,
    password: fields.password === undefined ? null : plain(fields.password),
    properties: propertiesFromPeer(fields.properties),
  };
}

function propertiesFromPeer(fields: unknown): Properties {
  const properties: Fields = {};
  for (const [name, value] of Object.entries((fields as Fields | undefined) ?? {})) {
    const ours = OUR_NAMES[name] ?? name;
    if (ours === 'userProperties') properties[ours] = pairsFromPeer(value as Record<string, string | string[]>);
    else if (ours === 'subscriptionIdentifiers') properties[ours] = [value].flat();
    else if (ours === 'payloadFormatIndicator') properties[ours] = Number(value);
    else properties[ours] = value instanceof Uint8Array ? plain(value) : value;
  }
  return properties;
}

function pairsFromPeer(groups: Record<string, string | string[]>): UserProperty[] {
  return Object.entries(groups).flatMap(([name, values]) =>
    [values].flat().map((value): UserProperty => [name, value]),
  );
}

function plain(bytes: unknown): Uint8Array {
  return Uint8Array.from(bytes as Uint8Array);
}
