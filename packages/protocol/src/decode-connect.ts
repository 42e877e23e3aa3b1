import { checkReason } from './allowed-reasons.ts';
import { malformed, PacketError, protocolError } from './packet-error.ts';
import type { PacketReader } from './packet-reader.ts';
import type { ConnackPacket, ConnectPacket, Properties, ProtocolVersion, Qos, Will } from './packets.ts';
import { PacketType } from './packets.ts';
import { encodePublishProperties, readProperties } from './properties.ts';
import { PropertyOwner } from './property-table.ts';
import { Reason } from './reason-codes.ts';
import { readTopicName, type TopicLimits } from './topic.ts';

const EMPTY = new Uint8Array(0);

/** Bits of the connect flags (MQTT 5.0 §3.1.2.3). */
const RESERVED = 0x01;
const CLEAN_START = 0x02;
const WILL = 0x04;
const WILL_QOS = 0x18;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;

/**
 * Reads protocol name and level, and leaves the reader behind them.
 *
 * A server that does not want to speak a client's protocol may tell it so with 0x84 (3.1.1: return code 1), whether
 * the name or the level is the strange one [MQTT-3.1.2-1] [MQTT-3.1.2-2].
 * @param onVersion hears which version an answer should be written in, before anything else can fail
 */
export function readProtocol(reader: PacketReader, onVersion: (version: ProtocolVersion) => void): ProtocolVersion {
  const name = reader.utf8();
  const level = reader.byte();
  // Bridges set the top bit of the level. A later version's client understands 5.0 rather than 3.1.1.
  onVersion((level & 0x7f) >= 5 ? 5 : 4);
  if (name === 'MQTT' && (level === 4 || level === 5)) return level;
  throw new PacketError(
    Reason.UnsupportedProtocolVersion,
    `protocol ${JSON.stringify(name.slice(0, 16))} level ${level}`,
  );
}

/** Reads a CONNECT from the connect flags on. */
export function readConnect(reader: PacketReader, version: ProtocolVersion, limits: TopicLimits): ConnectPacket {
  const flags = reader.byte();
  checkFlags(flags, version);
  const keepAliveS = reader.uint16();
  const properties = version === 5 ? readProperties(reader, PropertyOwner.Connect) : {};
  checkAuthentication(properties);
  const clientId = reader.utf8();
  const cleanStart = (flags & CLEAN_START) !== 0;
  const packet: ConnectPacket = {
    version,
    cleanStart,
    keepAliveS,
    clientId,
    will: (flags & WILL) === 0 ? null : readWill(reader, flags, version, limits),
    username: (flags & USERNAME) === 0 ? null : reader.utf8(),
    password: (flags & PASSWORD) === 0 ? null : reader.binary(),
    properties,
  };
  reader.finish();
  if (version === 4 && clientId === '' && !cleanStart) {
    throw new PacketError(Reason.ClientIdentifierNotValid, 'no client id and no clean session [MQTT-3.1.3-8] of 3.1.1');
  }
  return packet;
}

/** Reads a CONNACK. For 3.1.1 the reason is the return code as it stands there. */
export function readConnack(reader: PacketReader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.byte();
  if (flags > 1) throw malformed('reserved bits of the CONNACK flags [MQTT-3.2.2-1]');
  const reason = reader.byte();
  if (version === 5) checkReason(reason, PacketType.Connack, true);
  else if (reason > 5) throw protocolError(`CONNACK return code ${reason}`);
  const properties = version === 5 ? readProperties(reader, PropertyOwner.Connack) : {};
  reader.finish();
  if (flags === 1 && reason !== 0) throw protocolError('session present in a refusal [MQTT-3.2.2-6]');
  return { sessionPresent: flags === 1, reason, properties };
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  if ((flags & RESERVED) !== 0) throw malformed('reserved connect flag is set [MQTT-3.1.2-3]');
  if ((flags & WILL_QOS) === WILL_QOS) throw malformed('will QoS 3 [MQTT-3.1.2-12]');
  if ((flags & WILL) === 0 && (flags & (WILL_QOS | WILL_RETAIN)) !== 0) {
    throw malformed('will QoS or will retain without a will [MQTT-3.1.2-11] [MQTT-3.1.2-13]');
  }
  if (version === 4 && (flags & USERNAME) === 0 && (flags & PASSWORD) !== 0) {
    throw malformed('password without a user name [MQTT-3.1.2-22] of 3.1.1');
  }
}

function checkAuthentication(properties: Properties): void {
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError('authentication data without a method (MQTT 5.0 §3.1.2.11.10)');
  }
}

function readWill(reader: PacketReader, flags: number, version: ProtocolVersion, limits: TopicLimits): Will {
  const properties = version === 5 ? readProperties(reader, PropertyOwner.Will) : {};
  const { willDelayIntervalS = 0, ...published } = properties;
  const topicBytes = reader.uint16();
  const topicStart = reader.take(topicBytes);
  return {
    topic: readTopicName(reader.bytes, topicStart, topicStart + topicBytes, limits),
    payload: reader.binary(),
    qos: ((flags & WILL_QOS) >> 3) as Qos,
    retain: (flags & WILL_RETAIN) !== 0,
    delayS: willDelayIntervalS,
    publishProperties: version === 5 ? encodePublishProperties(published) : EMPTY,
    messageExpiryS: published.messageExpiryIntervalS ?? -1,
  };
}
