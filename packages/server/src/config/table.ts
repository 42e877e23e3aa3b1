import { isLoopback } from '../lib/host.ts';
import { LOG_LEVELS } from '../lib/log.ts';
import { BYTES, COUNT, GiB, KiB, MiB, MS, notEmpty, PORT } from './bounds.ts';
import { MESH_OPTIONS } from './mesh-options.ts';
import { bool, int, list, type Option, oneOf, string } from './option.ts';
import { PEER_OPTIONS } from './peer-options.ts';
import { DEFAULT_STORES, STORE_THREADS, type StoreConfig } from './stores.ts';
import type { UserConfig } from './users.ts';

const DAY_S = 24 * 60 * 60;
/** The largest packet that MQTT can say: MQTT 5.0 §2.1.4. */
const MAX_MQTT_PACKET_BYTES = 268_435_455 + 5;

/**
 * The one table of options. Everything else about options is derived from it: `Config`, flags, environment variables,
 * keys of the file, checks, help and `docs/configuration.md`. `load.ts` reads them.
 */
export const OPTIONS = {
  config: string<string | null>({
    default: null,
    only: 'command',
    check: notEmpty,
    help: 'YAML file with these options, by the names in this table.',
  }),
  dataDir: string({
    default: './plexus-data',
    check: notEmpty,
    help: 'Directory for identity and databases; one node at a time can have it. Relative to the working directory.',
  }),
  host: string({ default: '127.0.0.1', check: notEmpty, help: 'Address that every listener binds to.' }),
  mqttPort: int({ default: 1883, ...PORT, help: 'MQTT over TCP; 0 picks a free port.' }),
  mqttsPort: int<number | null>({
    default: null,
    defaultText: 'off',
    ...PORT,
    help: 'MQTT over TLS, with tlsCert and tlsKey; 0 picks a free port.',
  }),
  httpPort: int({
    default: 8080,
    ...PORT,
    help: 'API, health, metrics, and MQTT over WebSocket at `/mqtt`; 0 picks a free port.',
  }),
  httpTls: bool({ default: false, help: 'Whether the HTTP port speaks TLS, with tlsCert and tlsKey.' }),
  tlsCert: string<string | null>({
    default: null,
    check: notEmpty,
    help: 'PEM file: certificate of the TLS listeners, then those between it and its root. Read again when it changes.',
  }),
  tlsKey: string<string | null>({
    default: null,
    check: notEmpty,
    help: 'PEM file: private key of tlsCert, not encrypted. Read again when it changes.',
  }),
  tlsCa: string<string | null>({
    default: null,
    check: notEmpty,
    help:
      'PEM file: authorities for client certificates. With it, the TLS listeners take only clients that have one. ' +
      'Read again when it changes.',
  }),
  httpHosts: list({
    default: [],
    help: 'Host names, beside loopback, under which the HTTP API answers. Guards against DNS rebinding.',
  }),
  maxClients: int({
    default: 10_000,
    ...COUNT,
    help: 'Connected clients. A further one is refused: 0x97 (v5), 3 (v3.1.1).',
  }),
  allowAnonymous: bool({
    default: (others) => (others.users as readonly UserConfig[]).length === 0 && isLoopback(others.host as string),
    defaultText: 'true while no users are configured and host is loopback',
    help: 'Whether clients without a user name may connect, to realm default.',
  }),
  logLevel: oneOf(LOG_LEVELS, { default: 'info', help: 'Least severe level that is logged.' }),

  ...PEER_OPTIONS,
  ...MESH_OPTIONS,

  connectTimeoutMs: int({
    default: 5000,
    ...MS,
    help: 'A connection that sends no CONNECT within this time is closed.',
  }),
  connectionRatePerAddress: int({
    default: 5000,
    ...COUNT,
    unit: 'per s',
    help: 'Connection attempts from one address; beyond it and its burst, they are closed.',
  }),
  connectionBurstPerAddress: int({
    default: 20_000,
    ...COUNT,
    help: 'Connection attempts from one address that may come at once.',
  }),
  maxPacketBytes: int({
    default: MiB,
    ...BYTES,
    min: KiB,
    max: MAX_MQTT_PACKET_BYTES,
    help: 'Largest MQTT packet taken from a client, header included.',
  }),
  maxTopicBytes: int({ default: 1024, unit: 'bytes', min: 1, max: 65_535, help: 'Longest topic or topic filter.' }),
  maxTopicLevels: int({ default: 100, min: 1, max: 1024, help: 'Most levels of a topic or topic filter.' }),
  maxSubscriptionsPerClient: int({ default: 1000, ...COUNT, help: 'Subscriptions of one session.' }),
  maxSubscriptions: int({ default: 1_000_000, ...COUNT, help: 'Subscriptions of all sessions together.' }),
  maxInFlight: int({
    default: 1024,
    min: 1,
    max: 65_535,
    help: 'Unacknowledged messages to one client, and the receive maximum announced to it.',
  }),
  maxTopicAliases: int({
    default: 64,
    min: 0,
    max: 65_535,
    help: 'Topic aliases that a client may set (v5).',
  }),
  checkPayloadFormat: bool({
    default: false,
    help: 'Whether a payload that claims to be UTF-8 (payload format indicator, v5) is checked, and refused with 0x99.',
  }),
  maxKeepAliveS: int({
    default: 0,
    unit: 's',
    min: 0,
    max: 65_535,
    help: 'Longest keep-alive: a v5 client that asks for more, or for none, is told to use this. 0: whatever it asks for.',
  }),
  responseTopicPrefix: string<string | null>({
    default: null,
    check: notEmpty,
    help: 'Response information for v5 clients that request it: this, a slash, and the client id.',
  }),
  serverReference: string<string | null>({
    default: null,
    check: notEmpty,
    help: 'Where v5 clients are sent (0x9C) when this node is full: a space-separated list of host or host:port.',
  }),
  sysIntervalS: int({
    default: 10,
    unit: 's',
    min: 0,
    max: 86_400,
    help: 'How often the topics under $SYS are brought up to date; 0: there are none.',
  }),
  maxQueuedMessages: int({ default: 10_000, ...COUNT, help: 'Messages that wait in one session.' }),
  maxQueuedBytes: int({ default: 8 * MiB, ...BYTES, min: KiB, help: 'Bytes that wait in one session.' }),
  maxTotalQueuedBytes: int({ default: GiB, ...BYTES, min: KiB, help: 'Bytes that wait in all sessions together.' }),
  maxRetainedMessages: int({ default: 1_000_000, ...COUNT, min: 0, help: 'Retained messages of the node.' }),
  maxRetainedBytes: int({ default: 256 * MiB, ...BYTES, min: 0, help: 'Bytes of all retained messages.' }),
  maxSessions: int({ default: 100_000, ...COUNT, help: 'Sessions, connected or not.' }),
  maxSessionExpiryS: int({
    default: 7 * DAY_S,
    unit: 's',
    min: 0,
    max: 0xffff_ffff,
    help: 'Longest life of a session without a connection; who asks for more is granted this.',
  }),
  outboundBufferBytes: int({
    default: 4 * MiB,
    ...BYTES,
    min: 16 * KiB,
    help: 'Bytes held for one connection that reads slower than it is sent to; beyond it, QoS 0 is dropped.',
  }),
  outboundHighWaterBytes: int({
    default: 64 * MiB,
    ...BYTES,
    min: KiB,
    help: 'Bytes held for all connections that still take something, above which publishers wait.',
  }),
  outboundLowWaterBytes: int({
    default: 48 * MiB,
    ...BYTES,
    min: 0,
    help: 'Bytes held for all connections that still take something, below which publishers go on.',
  }),
  maxStalledBytes: int({
    default: 256 * MiB,
    ...BYTES,
    min: KiB,
    help: 'Bytes held for connections that take nothing; beyond it, the longest stalled one is closed.',
  }),
  publisherBufferBytes: int({
    default: 64 * KiB,
    ...BYTES,
    min: KiB,
    help: 'Bytes kept from a publisher that has to wait, before its socket is not read further.',
  }),
  maxIncompleteBytes: int({
    default: 256 * MiB,
    ...BYTES,
    min: MiB,
    help: 'Bytes held of packets that have come in part, of all connections; beyond it, the oldest of them is closed.',
  }),
  writeTimeoutMs: int({ default: 30_000, ...MS, help: 'A connection that takes nothing for this time is closed.' }),
  stallAfterMs: int({
    default: 1000,
    ...MS,
    help: 'A connection that takes nothing for this time is stalled, and no longer slows publishers down.',
  }),
  queueFull: oneOf(['reject', 'drop-oldest', 'drop-newest', 'disconnect'], {
    default: 'reject',
    help:
      'When a session queue is full: refuse the publisher before any acknowledgement, drop a message of the queue, ' +
      'drop the new message, or disconnect the slow subscriber.',
  }),
  drainTimeoutMs: int({
    default: 10_000,
    ...MS,
    min: 0,
    help: 'Time for a graceful stop, after which the rest is cut.',
  }),
  stores: {
    kind: 'stores',
    default: (others) => (others.cluster === null ? DEFAULT_STORES : []),
    defaultText: 'one store `default` in realm `default`; none in a cluster',
    only: 'file',
    help: 'Event stores of this node: a list of `{name, realm, mode, readers, timeoutMs, queueBytes}`; an empty list means none.',
  } as Option<readonly StoreConfig[]>,
  maxStores: int({ default: 64, min: 0, max: 1024, help: 'Most event stores that this node may have.' }),
  storeThreads: int({
    default: () => STORE_THREADS.default,
    defaultText: 'one more than there are processors, at least 2, at most 16',
    min: STORE_THREADS.min,
    max: STORE_THREADS.max,
    help: 'Most threads that all event stores of this node share; one more moves their logs into their files.',
  }),
  storeQueueBytes: int({
    default: 64 * MiB,
    ...BYTES,
    min: MiB,
    help: 'Bytes that wait to be written to one event store; beyond it, appends are refused as overloaded.',
  }),
  users: {
    kind: 'users',
    default: [],
    only: 'file',
    help: 'Users who may connect: a list of `{name, passwordHash, realm}`; `plexus passwd` makes the hash.',
  } as Option<readonly UserConfig[]>,
} as const;

export type OptionKey = keyof typeof OPTIONS;

type ValueOf<O> = O extends Option<infer T> ? T : never;

/** Every option, resolved, checked and frozen. */
export type Config = { readonly [K in OptionKey]: ValueOf<(typeof OPTIONS)[K]> };
