import { checkReason } from './allowed-reasons.ts';
import { malformed, PacketError, protocolError } from './packet-error.ts';
import type { PacketReader } from './packet-reader.ts';
import type {
  ProtocolVersion,
  Qos,
  SubscribePacket,
  SubscribeRequest,
  SubscriptionAckPacket,
  UnsubscribePacket,
} from './packets.ts';
import { PacketType } from './packets.ts';
import { readProperties } from './properties.ts';
import { Reason } from './reason-codes.ts';

/** Of one packet: a megabyte of the shortest would be 250,000, and keep everybody else waiting. */
const MAX_FILTERS = 10_000;

/** Reads a SUBSCRIBE. Filters are well-formed strings; whether they are valid filters is for the SUBACK to say. */
export function readSubscribe(reader: PacketReader, version: ProtocolVersion): SubscribePacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PacketType.Subscribe) : {};
  const requests: SubscribeRequest[] = [];
  while (reader.remaining > 0) {
    const filter = reader.utf8();
    const options = reader.byte();
    if (requests.length === MAX_FILTERS) throw tooManyFilters();
    requests.push(version === 5 ? subscribeRequest(filter, options) : subscribeRequestV4(filter, options));
  }
  if (requests.length === 0) throw protocolError('SUBSCRIBE without a topic filter [MQTT-3.8.3-2]');
  return { packetId, requests, properties };
}

/** Reads an UNSUBSCRIBE. */
export function readUnsubscribe(reader: PacketReader, version: ProtocolVersion): UnsubscribePacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, PacketType.Unsubscribe) : {};
  const filters: string[] = [];
  while (reader.remaining > 0) {
    if (filters.length === MAX_FILTERS) throw tooManyFilters();
    filters.push(reader.utf8());
  }
  if (filters.length === 0) throw protocolError('UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]');
  return { packetId, filters, properties };
}

function tooManyFilters(): PacketError {
  return new PacketError(Reason.PacketTooLarge, `more than ${MAX_FILTERS} topic filters in one packet`);
}

/** Reads a SUBACK or UNSUBACK, as `type` says. */
export function readSubscriptionAck(
  reader: PacketReader,
  type: number,
  version: ProtocolVersion,
): SubscriptionAckPacket {
  const packetId = reader.packetId();
  const properties = version === 5 ? readProperties(reader, type) : {};
  const reasons: number[] = [];
  if (version === 4 && type === PacketType.Unsuback) {
    reader.finish();
    return { packetId, reasons, properties };
  }
  while (reader.remaining > 0) {
    const reason = reader.byte();
    if (version === 5) checkReason(reason, type, true);
    else if (reason > 2 && reason !== 0x80) throw malformed(`SUBACK return code ${reason} [MQTT-3.9.3-2] of 3.1.1`);
    reasons.push(reason);
  }
  if (reasons.length === 0) throw protocolError('acknowledgement without a reason code [MQTT-3.8.4-6]');
  return { packetId, reasons, properties };
}

function subscribeRequest(filter: string, options: number): SubscribeRequest {
  if ((options & 0xc0) !== 0) throw malformed('reserved bits of the subscription options [MQTT-3.8.3-5]');
  const qos = options & 3;
  if (qos === 3) throw protocolError('maximum QoS 3 (MQTT 5.0 §3.8.3.1)');
  const retainHandling = (options >> 4) & 3;
  if (retainHandling === 3) throw protocolError('retain handling 3 (MQTT 5.0 §3.8.3.1)');
  const noLocal = (options & 4) !== 0;
  if (noLocal && filter.startsWith('$share/')) throw protocolError('no local on a shared subscription [MQTT-3.8.3-4]');
  return {
    filter,
    qos: qos as Qos,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function subscribeRequestV4(filter: string, options: number): SubscribeRequest {
  if (options > 2) throw malformed('requested QoS is not 0, 1 or 2 [MQTT-3.8.3-4] of 3.1.1');
  return { filter, qos: options as Qos, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}
