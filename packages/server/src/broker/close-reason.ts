import { type CloseReason, type PacketError, Reason } from '@plexus/protocol';
import { TransportFault } from './transport.ts';

const BY_REASON: ReadonlyMap<number, CloseReason> = new Map<number, CloseReason>([
  [Reason.MalformedPacket, 'malformed_packet'],
  [Reason.ProtocolError, 'protocol_error'],
  [Reason.PacketTooLarge, 'packet_too_large'],
  [Reason.ReceiveMaximumExceeded, 'receive_maximum_exceeded'],
  [Reason.TopicNameInvalid, 'topic_invalid'],
  [Reason.TopicAliasInvalid, 'topic_alias_invalid'],
  [Reason.UnsupportedProtocolVersion, 'unsupported_protocol'],
  [Reason.ClientIdentifierNotValid, 'client_id_not_valid'],
  [Reason.PayloadFormatInvalid, 'payload_format_invalid'],
  [Reason.BadAuthenticationMethod, 'bad_authentication_method'],
]);

/** The named reason for a connection that a packet error ends. */
export function closeReasonOf(error: PacketError): CloseReason {
  return BY_REASON.get(error.reason) ?? 'protocol_error';
}

/** Why a transport closed that the client did not say goodbye on. */
export function reasonOfLoss(error: Error | null): CloseReason {
  if (error instanceof TransportFault) return error.reason;
  return (error as NodeJS.ErrnoException | null)?.syscall === 'write' ? 'write_failed' : 'client_gone';
}

/** A refused packet's reason in words. */
export function refusalText(reason: number): string {
  switch (reason) {
    case Reason.QuotaExceeded:
      return 'a queue is full, or the retained messages are: try again later';
    case Reason.NotAuthorized:
      return 'topics that begin with $ are the node\u2019s own';
    case Reason.PayloadFormatInvalid:
      return 'the payload is not UTF-8, as its format indicator says';
    case Reason.PacketIdentifierNotFound:
      return 'no message under way has this packet identifier';
    default:
      return 'refused';
  }
}

/** Reasons after which nothing more can be sent. */
export const TAKES_NOTHING: ReadonlySet<CloseReason> = new Set(['write_timeout', 'outbound_overflow']);
