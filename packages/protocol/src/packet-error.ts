import { Reason, type ReasonCode } from './reason-codes.ts';

/**
 * A packet that the peer should not have sent. Ends that connection, with `reason` where the protocol has a
 * way to say it. `message` is for the log, and cites the statement that was broken.
 */
export class PacketError extends Error {
  readonly reason: ReasonCode;

  constructor(reason: ReasonCode, message: string) {
    super(message);
    this.name = 'PacketError';
    this.reason = reason;
  }
}

/** The bytes cannot be parsed as the specification says (MQTT 5.0 §1.2, "Malformed Packet"). */
export function malformed(message: string): PacketError {
  return new PacketError(Reason.MalformedPacket, message);
}

/** The packet parses, and says what it must not say here (MQTT 5.0 §1.2, "Protocol Error"). */
export function protocolError(message: string): PacketError {
  return new PacketError(Reason.ProtocolError, message);
}
