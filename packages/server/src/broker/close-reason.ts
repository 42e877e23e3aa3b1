import { type CloseReason, type PacketError, Reason } from '@plexus/protocol';

const BY_REASON: ReadonlyMap<number, CloseReason> = new Map<number, CloseReason>([
  [Reason.MalformedPacket, 'malformed_packet'],
  [Reason.ProtocolError, 'protocol_error'],
  [Reason.PacketTooLarge, 'packet_too_large'],
  [Reason.ReceiveMaximumExceeded, 'receive_maximum_exceeded'],
  [Reason.TopicNameInvalid, 'topic_invalid'],
  [Reason.TopicAliasInvalid, 'topic_alias_invalid'],
  [Reason.UnsupportedProtocolVersion, 'unsupported_protocol'],
  [Reason.ClientIdentifierNotValid, 'client_id_not_valid'],
  [Reason.SubscriptionIdentifiersNotSupported, 'subscription_ids_not_supported'],
  [Reason.BadAuthenticationMethod, 'bad_authentication_method'],
]);

/** The named reason for a connection that a packet error ends. */
export function closeReasonOf(error: PacketError): CloseReason {
  return BY_REASON.get(error.reason) ?? 'protocol_error';
}

/** Why a transport closed that the client did not say goodbye on. */
export function reasonOfLoss(error: Error | null): CloseReason {
  return (error as NodeJS.ErrnoException | null)?.syscall === 'write' ? 'write_failed' : 'client_gone';
}

/** Reasons after which nothing more can be sent. */
export const TAKES_NOTHING: ReadonlySet<CloseReason> = new Set(['write_timeout', 'outbound_overflow']);
