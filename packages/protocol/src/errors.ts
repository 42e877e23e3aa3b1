import { Reason, type ReasonCode } from './reason-codes.ts';

/** What is the same about every error of one code. */
export interface ErrorSpec {
  /** Status of an HTTP answer that carries this error. */
  readonly httpStatus: number;
  /** MQTT 5 reason code where a client can be told, else null. */
  readonly mqttReason: ReasonCode | null;
  /** Whether the same request can succeed later without a change. */
  readonly retryable: boolean;
  /** `{name}` is replaced by the detail of that name. A part in brackets, `[at {name}]`, is left out if the detail is null or missing. */
  readonly message: string;
}

/** The one table of errors. Codes are stable: scripts branch on them. `docs/errors.md` is generated from it. */
export const ERRORS = {
  bad_request: { httpStatus: 400, mqttReason: null, retryable: false, message: 'Bad request: {reason}' },
  topic_invalid: {
    httpStatus: 400,
    mqttReason: Reason.TopicNameInvalid,
    retryable: false,
    message: 'Topic {topic} cannot be published to: {reason}',
  },
  unauthorized: {
    httpStatus: 401,
    mqttReason: Reason.BadUserNameOrPassword,
    retryable: false,
    message: 'Credentials are missing or wrong',
  },
  forbidden: {
    httpStatus: 403,
    mqttReason: Reason.NotAuthorized,
    retryable: false,
    message: 'Not allowed: {reason}',
  },
  forbidden_host: {
    httpStatus: 403,
    mqttReason: null,
    retryable: false,
    message: 'The {header} header names {host}, which is neither loopback nor in httpHosts',
  },
  not_found: { httpStatus: 404, mqttReason: null, retryable: false, message: 'Nothing is found at {path}' },
  realm_not_found: { httpStatus: 404, mqttReason: null, retryable: false, message: 'There is no realm {realm}' },
  client_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: true,
    message: 'No client {clientId} is connected in realm {realm}',
  },
  session_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: true,
    message: 'No session {clientId} is kept in realm {realm}',
  },
  store_not_found: { httpStatus: 404, mqttReason: null, retryable: false, message: 'There is no store {store}' },
  stream_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: false,
    message: 'There is no stream {stream}',
  },
  stream_deleted: { httpStatus: 404, mqttReason: null, retryable: false, message: 'Stream {stream} was deleted' },
  stream_tombstoned: {
    httpStatus: 410,
    mqttReason: null,
    retryable: false,
    message: 'Stream {stream} was deleted for good; nothing is ever appended to it again',
  },
  event_not_found: { httpStatus: 404, mqttReason: null, retryable: false, message: 'There is no event {id}' },
  snapshot_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: false,
    message: 'Stream {stream} has no such snapshot',
  },
  subscription_not_found: {
    httpStatus: 404,
    mqttReason: Reason.TopicFilterInvalid,
    retryable: false,
    message: 'Store {store} has no subscription {name}',
  },
  consumer_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: false,
    message: 'Subscription {name} has no consumer {consumer}, or has let it go',
  },
  wrong_expected_version: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'Stream {stream} is at version {actual}, not as expected ({expected})',
  },
  append_condition_failed: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'The event at position {position} matches the query that none may match after {after}',
  },
  event_id_conflict: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'Event id {id} was appended before, with other content or in another append',
  },
  subscription_exists: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'Subscription {name} exists already',
  },
  payload_too_large: {
    httpStatus: 413,
    mqttReason: Reason.PacketTooLarge,
    retryable: false,
    message: 'The request is larger than {maxBytes} bytes',
  },
  unsupported_media_type: {
    httpStatus: 415,
    mqttReason: null,
    retryable: false,
    message: 'The body must be JSON (Content-Type: application/json)',
  },
  peer_not_found: {
    httpStatus: 404,
    mqttReason: null,
    retryable: true,
    message: 'This node has no link to peer {peerId}',
  },
  peer_is_member: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'Peer {peerId} is a member of the cluster: its link stays for as long as it is',
  },
  not_in_cluster: { httpStatus: 409, mqttReason: null, retryable: false, message: 'This node is in no cluster' },
  not_in_mesh: { httpStatus: 409, mqttReason: null, retryable: false, message: 'This node takes no part in the mesh' },
  realm_not_in_mesh: {
    httpStatus: 409,
    mqttReason: null,
    retryable: false,
    message: 'This node takes no part in realm {realm} beyond its cluster: {reason}',
  },
  peer_refused: {
    httpStatus: 502,
    mqttReason: Reason.ServerUnavailable,
    retryable: true,
    message: 'Nothing listens where the peer[ {peerId}] should be[: {addresses}]',
  },
  peer_unreachable: {
    httpStatus: 504,
    mqttReason: Reason.ServerUnavailable,
    retryable: true,
    message: 'The peer[ {peerId}] cannot be reached[ at {addresses}][: {reason}]',
  },
  peer_identity: {
    httpStatus: 502,
    mqttReason: null,
    retryable: false,
    message: 'Somebody else answers where the peer[ {peerId}] should be[: {found}]',
  },
  peer_unsupported: {
    httpStatus: 502,
    mqttReason: null,
    retryable: false,
    message: 'The peer[ {peerId}] does not speak the protocol[ {protocol}]',
  },
  directory_unreachable: {
    httpStatus: 504,
    mqttReason: Reason.ServerUnavailable,
    retryable: true,
    message: 'No node of the directory of the mesh can be reached[: {reason}]',
  },
  queue_full: {
    httpStatus: 429,
    mqttReason: Reason.QuotaExceeded,
    retryable: true,
    message: 'The queue of a subscriber is full; the message was not accepted',
  },
  quota_exceeded: {
    httpStatus: 429,
    mqttReason: Reason.QuotaExceeded,
    retryable: true,
    message: 'The limit {limit} is reached',
  },
  server_full: {
    httpStatus: 503,
    mqttReason: Reason.QuotaExceeded,
    retryable: true,
    message: 'The node has as many clients as maxClients allows ({maxClients})',
  },
  overloaded: {
    httpStatus: 503,
    mqttReason: Reason.ServerBusy,
    retryable: true,
    message: 'Store {store} has as much to do as it may hold; again in {retryAfterMs} ms',
  },
  store_unavailable: {
    httpStatus: 503,
    mqttReason: Reason.ServerUnavailable,
    retryable: true,
    message: 'Store {store} cannot answer: {reason}',
  },
  store_full: {
    httpStatus: 507,
    mqttReason: Reason.QuotaExceeded,
    retryable: true,
    message: 'There is no room on the disk for {file}; nothing was written',
  },
  store_damaged: {
    httpStatus: 500,
    mqttReason: Reason.UnspecifiedError,
    retryable: false,
    message:
      '{file} is damaged ({problem}[, position {position}]); put a backup in its place, or move it away together with its -wal, -shm and .mark',
  },
  store_newer: {
    httpStatus: 500,
    mqttReason: null,
    retryable: false,
    message: '{file} was written by a newer version of Plexus (schema {found}, known {known}); run that one',
  },
  store_locked: {
    httpStatus: 500,
    mqttReason: null,
    retryable: true,
    message: '{file} is in use by process {pid}',
  },
  consumer_overflow: {
    httpStatus: 429,
    mqttReason: Reason.QuotaExceeded,
    retryable: true,
    message: 'The queue in front of the consumer passed {bound} events, and its policy is error',
  },
  not_ready: { httpStatus: 503, mqttReason: Reason.ServerUnavailable, retryable: true, message: 'Not ready: {unmet}' },
  shutting_down: {
    httpStatus: 503,
    mqttReason: Reason.ServerShuttingDown,
    retryable: true,
    message: 'The node is shutting down',
  },
  timeout: { httpStatus: 504, mqttReason: null, retryable: true, message: '{what} took longer than {timeoutMs} ms' },
  config_invalid: {
    httpStatus: 500,
    mqttReason: null,
    retryable: false,
    message: '{source}: {key} is {given}; allowed: {allowed}',
  },
  data_dir_locked: {
    httpStatus: 500,
    mqttReason: null,
    retryable: true,
    message: 'The data directory {dataDir} is in use by process {pid}',
  },
  data_dir_unusable: {
    httpStatus: 500,
    mqttReason: null,
    retryable: false,
    message: 'The data directory {dataDir} cannot be used: {reason}',
  },
  address_in_use: {
    httpStatus: 500,
    mqttReason: null,
    retryable: true,
    message: 'Cannot listen on {host}:{port} ({key}): the address is in use',
  },
  address_unavailable: {
    httpStatus: 500,
    mqttReason: null,
    retryable: false,
    message: 'Cannot listen on {host}:{port} ({key}): {reason}',
  },
  internal: {
    httpStatus: 500,
    mqttReason: Reason.UnspecifiedError,
    retryable: false,
    message: 'Something unforeseen went wrong in the node; its log says more',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** JSON values only: details go out in HTTP answers and logs. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

function fill(template: string, details: ErrorDetails): string {
  const kept = template.replace(/\[([^\]]*\{(\w+)\}.*?)\]/g, (_, part, name) => (details[name] == null ? '' : part));
  return kept.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = details[name];
    return value === undefined ? whole : typeof value === 'string' ? value : JSON.stringify(value);
  });
}

/** An operating error: expected, typed, handled. Branch on `code`, never on `message`. */
export class PlexusError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** @param details fill the placeholders of the code's message, and go out with it. */
  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(fill(ERRORS[code].message, details), options);
    this.name = 'PlexusError';
    this.code = code;
    this.details = details;
  }

  get httpStatus(): number {
    return ERRORS[this.code].httpStatus;
  }

  get mqttReason(): ReasonCode | null {
    return ERRORS[this.code].mqttReason;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  /** The form of every HTTP error: `{"error": {"code", "message", …details}}`. */
  toJSON(): { error: Record<string, unknown> } {
    return { error: { ...this.details, code: this.code, message: this.message } };
  }
}
