import { protocolError } from './packet-error.ts';
import { PacketType } from './packets.ts';

const PUBLISH_ACK = reasons(0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99);
const RELEASE = reasons(0x00, 0x92);
const DISCONNECT_FROM_CLIENT = reasons(0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, ...span(0x93, 0x99));
const DISCONNECT_FROM_SERVER = reasons(
  ...[0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90],
  ...span(0x93, 0xa2),
);

const FROM_CLIENT = new Map<number, Uint8Array>([
  [PacketType.Puback, PUBLISH_ACK],
  [PacketType.Pubrec, PUBLISH_ACK],
  [PacketType.Pubrel, RELEASE],
  [PacketType.Pubcomp, RELEASE],
  [PacketType.Disconnect, DISCONNECT_FROM_CLIENT],
  [PacketType.Auth, reasons(0x18, 0x19)],
]);

const FROM_SERVER = new Map<number, Uint8Array>([
  ...FROM_CLIENT,
  [PacketType.Disconnect, DISCONNECT_FROM_SERVER],
  [PacketType.Auth, reasons(0x00, 0x18)],
  [PacketType.Connack, reasons(0x00, ...span(0x80, 0x8a), 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f)],
  [PacketType.Suback, reasons(0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2)],
  [PacketType.Unsuback, reasons(0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91)],
]);

/**
 * Refuses a reason code that MQTT 5.0 does not list for packets of this type from this side (the table of reason codes
 * in each section of chapter 3).
 * @throws {PacketError} ProtocolError.
 */
export function checkReason(reason: number, type: number, fromServer: boolean): void {
  const allowed = (fromServer ? FROM_SERVER : FROM_CLIENT).get(type);
  if (allowed?.[reason] === 1) return;
  throw protocolError(`reason code 0x${reason.toString(16)} in a packet of type ${type}`);
}

function reasons(...codes: number[]): Uint8Array {
  const allowed = new Uint8Array(256);
  for (const code of codes) allowed[code] = 1;
  return allowed;
}

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
