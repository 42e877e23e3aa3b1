import { Reason, type ReasonCode } from './reason-codes.ts';

/** Why a connection ended. */
export interface CloseSpec {
  /** Reason code in the CONNACK or DISCONNECT that goes before the close; null: nothing can be said, or need be. */
  readonly mqttReason: ReasonCode | null;
  readonly explanation: string;
}

/** Named reasons for the end of a connection, in logs and metrics. `docs/errors.md` is generated from it. */
export const CLOSE_REASONS = {
  client_disconnect: { mqttReason: null, explanation: 'The client said DISCONNECT.' },
  client_gone: { mqttReason: null, explanation: 'The socket closed or failed without a DISCONNECT.' },
  connect_timeout: { mqttReason: null, explanation: 'No CONNECT came within connectTimeoutMs.' },
  keep_alive_timeout: {
    mqttReason: Reason.KeepAliveTimeout,
    explanation: 'Nothing came for one and a half times the keep-alive [MQTT-3.1.2-22].',
  },
  malformed_packet: {
    mqttReason: Reason.MalformedPacket,
    explanation: 'The client sent bytes that are no valid packet.',
  },
  protocol_error: {
    mqttReason: Reason.ProtocolError,
    explanation: 'The client sent a packet that is not allowed there or then.',
  },
  packet_too_large: { mqttReason: Reason.PacketTooLarge, explanation: 'A packet was larger than maxPacketBytes.' },
  receive_maximum_exceeded: {
    mqttReason: Reason.ReceiveMaximumExceeded,
    explanation: 'More unacknowledged publishes than the receive maximum that the CONNACK gave (maxInFlight).',
  },
  topic_invalid: {
    mqttReason: Reason.TopicNameInvalid,
    explanation: 'A topic had wildcards, began with $, or was beyond maxTopicBytes or maxTopicLevels.',
  },
  topic_alias_invalid: {
    mqttReason: Reason.TopicAliasInvalid,
    explanation: 'A topic alias was 0, above the maximum that the CONNACK gave, or never set.',
  },
  session_taken_over: {
    mqttReason: Reason.SessionTakenOver,
    explanation: 'The same client id connected again in the same realm, on any node of the cluster.',
  },
  kicked: { mqttReason: Reason.AdministrativeAction, explanation: 'An operator closed the connection.' },
  server_shutting_down: { mqttReason: Reason.ServerShuttingDown, explanation: 'The node is draining.' },
  server_full: { mqttReason: Reason.QuotaExceeded, explanation: 'maxClients or maxSessions is reached.' },
  server_busy: {
    mqttReason: Reason.ServerBusy,
    explanation: 'Too many credentials wait to be checked; the client may try again.',
  },
  connection_rate_exceeded: {
    mqttReason: Reason.ConnectionRateExceeded,
    explanation: 'More connections from one address than connectionRatePerAddress and its burst allow.',
  },
  not_authorized: {
    mqttReason: Reason.NotAuthorized,
    explanation: 'Anonymous access is off, or the user may not do this.',
  },
  bad_credentials: {
    mqttReason: Reason.BadUserNameOrPassword,
    explanation: 'The user is unknown or the password wrong.',
  },
  unsupported_protocol: {
    mqttReason: Reason.UnsupportedProtocolVersion,
    explanation: 'The CONNECT asked for a protocol other than MQTT 3.1.1 and 5.0.',
  },
  bad_authentication_method: {
    mqttReason: Reason.BadAuthenticationMethod,
    explanation: 'The CONNECT named an authentication method; none is configured [MQTT-4.12.0-1].',
  },
  payload_format_invalid: {
    mqttReason: Reason.PayloadFormatInvalid,
    explanation: 'A payload at QoS 0 was not UTF-8 though it claimed to be, and checkPayloadFormat is on.',
  },
  use_another_server: {
    mqttReason: Reason.UseAnotherServer,
    explanation: 'The node is full, and serverReference says where else to go.',
  },
  tls_failed: {
    mqttReason: null,
    explanation: 'The TLS handshake failed, did not end within connectTimeoutMs, or lacked a client certificate.',
  },
  websocket_violation: {
    mqttReason: null,
    explanation: 'The client broke the WebSocket protocol, or sent a text frame or too large a message [MQTT-6.0.0-1].',
  },
  client_id_not_valid: { mqttReason: Reason.ClientIdentifierNotValid, explanation: 'The client id was refused.' },
  write_timeout: { mqttReason: null, explanation: 'The connection took nothing for writeTimeoutMs.' },
  write_failed: { mqttReason: null, explanation: 'Writing to the socket failed.' },
  queue_full: {
    mqttReason: Reason.QuotaExceeded,
    explanation: 'A slow subscriber filled its queue, and queueFull is disconnect.',
  },
  publish_refused: {
    mqttReason: null,
    explanation: 'A publish was refused, which MQTT 3.1.1 can only tell by leaving it unacknowledged and closing.',
  },
  outbound_overflow: {
    mqttReason: null,
    explanation: 'The longest stalled connection, when what is held for all of them passed maxStalledBytes.',
  },
  incomplete_overflow: {
    mqttReason: Reason.QuotaExceeded,
    explanation:
      'Its packet was incomplete for longest when what is held of all incomplete packets passed maxIncompleteBytes.',
  },
  consumer_timeout: {
    mqttReason: Reason.UnspecifiedError,
    explanation: 'An event of a store subscription was not acknowledged in time; it goes to another consumer.',
  },
  consumer_overflow: {
    mqttReason: Reason.QuotaExceeded,
    explanation: 'The queue of a store subscription in front of the client is full, and its whenFull is error.',
  },
  subscription_ended: {
    mqttReason: Reason.AdministrativeAction,
    explanation: 'A store subscription that the client consumed was deleted, reset, or stopped by a consumer.',
  },
  subscription_failed: {
    mqttReason: Reason.UnspecifiedError,
    explanation: 'A store subscription that the client consumed could not be read on; the log says more.',
  },
  internal_error: { mqttReason: Reason.UnspecifiedError, explanation: 'A fault in the node; its log says more.' },
} as const satisfies Record<string, CloseSpec>;

export type CloseReason = keyof typeof CLOSE_REASONS;
