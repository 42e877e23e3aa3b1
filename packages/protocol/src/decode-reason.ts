import { checkReason } from './allowed-reasons.ts';
import { malformed, protocolError } from './packet-error.ts';
import type { PacketReader } from './packet-reader.ts';
import { PacketType, type ProtocolVersion, type ReasonPacket } from './packets.ts';
import { readProperties } from './properties.ts';

/**
 * Reads what follows the packet identifier of PUBACK, PUBREC, PUBREL and PUBCOMP. MQTT 5.0 lets the sender leave out
 * the properties, and the reason too when it is success (§3.4.2.1).
 */
export function readAckReason(
  reader: PacketReader,
  type: number,
  version: ProtocolVersion,
  fromServer: boolean,
): ReasonPacket {
  if (version === 4) {
    reader.finish();
    return { reason: 0, properties: {} };
  }
  return readReason(reader, type, fromServer);
}

/** Reads a DISCONNECT (§3.14). */
export function readDisconnect(reader: PacketReader, version: ProtocolVersion, fromServer: boolean): ReasonPacket {
  const packet = readAckReason(reader, PacketType.Disconnect, version, fromServer);
  if (fromServer && packet.properties.sessionExpiryIntervalS !== undefined) {
    throw protocolError('session expiry in a DISCONNECT of the server [MQTT-3.14.2-2]');
  }
  return packet;
}

/** Reads an AUTH (§3.15). Empty it means success; else reason and properties are both there. */
export function readAuth(reader: PacketReader, fromServer: boolean): ReasonPacket {
  if (reader.remaining === 1) throw malformed('AUTH without a property length (MQTT 5.0 §3.15.2.1)');
  const empty = reader.remaining === 0;
  const packet = readReason(reader, PacketType.Auth, fromServer);
  if (!empty && packet.properties.authenticationMethod === undefined) {
    throw protocolError('AUTH without an authentication method (MQTT 5.0 §3.15.2.2.2)');
  }
  return packet;
}

function readReason(reader: PacketReader, type: number, fromServer: boolean): ReasonPacket {
  const reason = reader.remaining === 0 ? 0 : reader.byte();
  checkReason(reason, type, fromServer);
  const properties = reader.remaining === 0 ? {} : readProperties(reader, type);
  reader.finish();
  return { reason, properties };
}
