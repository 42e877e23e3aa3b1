import { type Static, type TSchema, Type } from 'typebox';

export const Nullable = <T extends TSchema>(schema: T, options: { description?: string } = {}) =>
  Type.Union([schema, Type.Null()], options);

/** How one connected client is shown. Times are ISO 8601 in UTC. */
export const ClientInfo = Type.Object({
  realm: Type.String(),
  clientId: Type.String(),
  username: Type.Union([Type.String(), Type.Null()]),
  remoteAddress: Type.String(),
  endpoint: Type.Union([Type.String(), Type.Null()], { description: 'URL at which the client says it can be reached' }),
  listener: Type.String(),
  protocolVersion: Type.Union([Type.Literal(4), Type.Literal(5)], { description: '4 is MQTT 3.1.1, 5 is MQTT 5.0' }),
  capabilities: Type.Object({
    cleanStart: Type.Boolean(),
    keepAliveS: Type.Integer(),
    sessionExpiryS: Type.Integer(),
    receiveMaximum: Type.Integer(),
    maximumPacketBytes: Type.Integer(),
    topicAliasMaximum: Type.Integer(),
    requestProblemInformation: Type.Boolean(),
    will: Type.Boolean(),
  }),
  connectedSince: Type.String(),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
  messagesIn: Type.Integer(),
  messagesOut: Type.Integer(),
  queuedMessages: Type.Integer(),
  queuedBytes: Type.Integer(),
  inFlight: Type.Integer(),
  outboundBytes: Type.Integer(),
  subscriptions: Type.Integer(),
});
export type ClientInfo = Static<typeof ClientInfo>;

export const SessionInfo = Type.Object({
  realm: Type.String(),
  clientId: Type.String(),
  connected: Type.Boolean(),
  subscriptions: Type.Integer(),
  queuedMessages: Type.Integer(),
  queuedBytes: Type.Integer(),
  inFlight: Type.Integer(),
  expiryS: Type.Integer({ description: 'How long the session outlives its connection; 4294967295 is for ever' }),
  createdAt: Type.String(),
  expiresAt: Type.Union([Type.String(), Type.Null()], {
    description: 'null while connected, or when it never expires',
  }),
});
export type SessionInfo = Static<typeof SessionInfo>;

const Port = Type.Union([Type.Integer(), Type.Null()], { description: 'null is off' });

export const NodeDescription = Type.Object({
  nodeId: Type.String(),
  pid: Type.Integer(),
  version: Type.String(),
  mqttPort: Port,
  mqttsPort: Port,
  httpPort: Port,
  peerPort: Port,
  peerAddresses: Type.Array(Type.String()),
  startedAt: Type.String(),
  uptimeS: Type.Number(),
});
export type NodeDescription = Static<typeof NodeDescription>;

const ByQos = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const ByReason = Type.Record(Type.String(), Type.Number());

/** What the broker counts and holds, at one moment. Totals are since the start; arrays are by QoS. */
export const BrokerStats = Type.Object({
  connections: Type.Integer(),
  sessions: Type.Integer(),
  subscriptions: Type.Integer(),
  retainedMessages: Type.Integer(),
  retainedBytes: Type.Integer(),
  connectsTotal: Type.Integer(),
  refused: ByReason,
  closed: ByReason,
  messagesIn: ByQos,
  messagesOut: ByQos,
  publishBytesIn: ByQos,
  publishBytesOut: ByQos,
  bytesIn: Type.Number(),
  bytesOut: Type.Number(),
  dropped: ByReason,
  queuedMessages: Type.Integer(),
  queuedBytes: Type.Integer(),
  outboundBytes: Type.Integer(),
  stalledBytes: Type.Integer(),
  pausedPublishers: Type.Integer(),
  incompleteBytes: Type.Integer(),
});
export type BrokerStats = Static<typeof BrokerStats>;

export const ErrorAnswer = Type.Object(
  { error: Type.Object({ code: Type.String(), message: Type.String() }, { additionalProperties: true }) },
  { description: 'An error; docs/errors.md lists the codes' },
);

export const WARNINGS = [
  'mesh_directory_unreachable',
  'realm_token_missing',
  'realm_token_expires_soon',
  'realm_revocations_stale',
  'realm_revocations_stale_soon',
] as const;
/** What somebody should look at, though the node does its work. */
export const Warning = Type.Object({
  code: Type.Enum(WARNINGS),
  realm: Nullable(Type.String(), { description: 'null: it is about none' }),
  message: Type.String(),
});
export type Warning = Static<typeof Warning>;

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;

/** The query of every listing. */
export const Page = {
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })),
};
export const Next = Type.Union([Type.String(), Type.Null()], {
  description: 'Cursor of the next page; null at the end',
});
export const Realm = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$' });
