import { malformed, type PacketError, protocolError } from './packet-error.ts';
import { PacketType } from './packets.ts';

/** What a table says of a first byte. */
export const FirstByte = { Fine: 0, BadFlags: 1, NotNow: 2, NoType: 3 } as const;

/**
 * Judges every possible first byte of a packet: one look-up tells whether its type may come now and its flags are right.
 * @param expected the packet types that may come
 * @param reserved the types that the protocol version does not have
 */
export function firstByteTable(expected: readonly number[], reserved: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, first) => {
    const type = first >> 4;
    if (reserved.includes(type)) return FirstByte.NoType;
    if (!expected.includes(type)) return FirstByte.NotNow;
    return flagsAreRight(type, first & 15) ? FirstByte.Fine : FirstByte.BadFlags;
  });
}

/** The error for a first byte that a table does not call fine. */
export function firstByteError(verdict: number, first: number): PacketError {
  const type = first >> 4;
  if (verdict === FirstByte.NoType) return malformed(`packet type ${type} is reserved (§2.1.2)`);
  if (verdict === FirstByte.NotNow)
    return protocolError(`packet of type ${type} at the wrong time or from the wrong side`);
  return malformed(`flags ${first & 15} of a packet of type ${type} [MQTT-2.1.3-1] [MQTT-3.3.1-2] [MQTT-3.3.1-4]`);
}

/** MQTT 5.0 §2.1.3, table 2-2. */
function flagsAreRight(type: number, flags: number): boolean {
  switch (type) {
    case PacketType.Publish: {
      const qos = (flags >> 1) & 3;
      const dup = (flags & 8) !== 0;
      return qos !== 3 && !(dup && qos === 0);
    }
    case PacketType.Pubrel:
    case PacketType.Subscribe:
    case PacketType.Unsubscribe:
      return flags === 2;
    default:
      return flags === 0;
  }
}
