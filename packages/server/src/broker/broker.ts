import { type CloseReason, DEFAULT_TOPIC_LIMITS, type TopicLimits, TopicTable } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Logger, RateLimitedLog } from '../lib/log.ts';
import type { Turn } from '../lib/turn.ts';
import { TurnoverMap } from '../lib/turnover-map.ts';
import type { Stores } from '../store/store.ts';
import { AddressLimiter } from './address-limiter.ts';
import { Admission } from './admission.ts';
import { ChunkPool } from './chunk-pool.ts';
import { ClientRegistry } from './client-registry.ts';
import type { ConnectedClient } from './connected-client.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { BrokerContext, ByteAccount } from './context.ts';
import type { BrokerCounters } from './counters.ts';
import { EventMessages } from './event-message.ts';
import { FeedScheduler } from './feed-scheduler.ts';
import { FlowControl } from './flow-control.ts';
import { IncompletePackets } from './incomplete-packets.ts';
import type { BrokerOptions } from './options.ts';
import type { Authenticator, ClientDirectory, InterestSink, MessageRouter } from './ports.ts';
import { Realms } from './realm.ts';
import type { RetainedStore } from './retained-store.ts';
import type { SessionStore } from './session-store.ts';
import { Sessions } from './sessions.ts';
import type { Doorkeeper, Transport, TransportHandler } from './transport.ts';
import { Wills } from './wills.ts';

/** How often time is looked at: for time-outs, stalls, expiries and due wills. */
export const SWEEP_MS = 250;
/** A client is gone when nothing came for this many times its keep-alive [MQTT-3.1.2-22]. */
const KEEP_ALIVE_FACTOR = 1.5;
/** Sweeps in which every session has its turn once. */
const TEND_EVERY = 4;
/** Retained messages looked at per sweep. */
const EXPIRE_PER_SWEEP = 1000;
/** A receiver that has taken nothing for this long when the gate is about to close is not waited for. */
const STUCK_MS = 50;

export interface BrokerParts {
  readonly options: BrokerOptions;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly authenticator: Authenticator;
  readonly retained: RetainedStore;
  readonly sessions: SessionStore;
  readonly stores: Stores;
  readonly counters: BrokerCounters;
  /** Shared with local delivery. */
  readonly queuedBytes: ByteAccount;
  /** Default: nobody needs to hear. */
  readonly interest?: InterestSink;
  /** Default: this node is alone. */
  readonly directory?: ClientDirectory;
  newClientId(): string;
  readonly log: Logger;
  readonly limitedLog: RateLimitedLog;
}

/** The broker of a node: takes connections from listeners, and keeps their clients, sessions and wills in order. */
export class Broker implements ConnectionOwner, Doorkeeper {
  readonly admission: Admission;
  readonly clients = new ClientRegistry();
  readonly sessions: Sessions;
  readonly realms: Realms;
  readonly flow: FlowControl;
  readonly counters: BrokerCounters;
  readonly context: BrokerContext;
  readonly #connections = new TurnoverMap<number, Connection>();
  /** Of these, the ones whose CONNECT was not answered yet, oldest first. */
  readonly #handshakes = new TurnoverMap<number, Connection>();
  readonly #wills: Wills;
  readonly #limiter: AddressLimiter;
  readonly #directory: ClientDirectory | null;
  /** For connections whose realm is not known yet; they publish nothing, so it stays empty. */
  readonly #noTopics: TopicTable;
  #sweeps = 0;
  #accepted = 0;

  constructor(parts: BrokerParts, router: MessageRouter) {
    const { options, clock, turn } = parts;
    const topicLimits: TopicLimits = {
      ...DEFAULT_TOPIC_LIMITS,
      maxTopicBytes: options.maxTopicBytes,
      maxTopicLevels: options.maxTopicLevels,
    };
    this.counters = parts.counters;
    this.realms = new Realms(topicLimits, parts.interest ?? null);
    this.#directory = parts.directory ?? null;
    this.#noTopics = new TopicTable(1, topicLimits);
    this.#limiter = new AddressLimiter(options.connectionRatePerAddress, options.connectionBurstPerAddress);
    this.flow = new FlowControl(
      {
        highWaterBytes: options.outboundHighWaterBytes,
        lowWaterBytes: options.outboundLowWaterBytes,
        maxStalledBytes: options.maxStalledBytes,
      },
      turn,
      () => this.#stallStuck(),
    );
    this.context = {
      options,
      topicLimits,
      clock,
      turn,
      flow: this.flow,
      chunks: new ChunkPool(),
      now: () => clock.now(),
      counters: parts.counters,
      realms: this.realms,
      retained: parts.retained,
      stores: parts.stores,
      eventMessages: new EventMessages(),
      router,
      authenticator: parts.authenticator,
      queuedBytes: parts.queuedBytes,
      feeds: new FeedScheduler(turn),
      incomplete: new IncompletePackets(options.maxIncompleteBytes),
      newClientId: parts.newClientId,
      log: parts.log,
      limitedLog: parts.limitedLog,
    };
    this.#wills = new Wills(this.context);
    this.sessions = new Sessions(this.context, this.realms, parts.sessions, this.#wills);
    this.sessions.restore();
    this.admission = new Admission(this.context, this.realms, this.sessions, this.clients, this.#directory);
  }

  /** For listeners. */
  accept = (transport: Transport, listener: string): TransportHandler | null =>
    this.admits(transport.remoteAddress) ? this.acceptAdmitted(transport, listener) : null;

  /** For listeners that have asked `admits` already, before a TLS handshake. */
  acceptAdmitted = (transport: Transport, listener: string): TransportHandler => {
    // As many may be shaking hands as may be connected. An honest handshake is short, so when it is too many the oldest goes.
    if (this.#handshakes.size >= this.context.options.maxClients) {
      const [oldest] = this.#handshakes.values();
      oldest?.close('connect_timeout');
    }
    const connection = new Connection(this.context, this, this.#noTopics, transport, listener, ++this.#accepted);
    this.#connections.set(connection.number, connection);
    this.#handshakes.set(connection.number, connection);
    return connection;
  };

  admits(remoteAddress: string): boolean {
    if (this.#limiter.take(remoteAddress, this.context.now())) return true;
    this.refused('connection_rate_exceeded', remoteAddress);
    return false;
  }

  refused(reason: CloseReason, remoteAddress: string, detail?: string): void {
    this.counters.refuse(reason);
    this.context.limitedLog.warn(`refused: ${reason}`, { reason, detail, remoteAddress }, 'connection refused');
  }

  handshakeOver(connection: Connection): void {
    this.#handshakes.delete(connection.number);
  }

  clientGone(client: ConnectedClient): void {
    this.clients.disconnected(client);
    this.#directory?.gone(client.realm.name, client.clientId);
    client.subscriber.leaveStores();
    const { session, will } = client;
    // Its own will must not go to the connection that is closing; and must be there before its session may end.
    session.detach();
    if (will !== null) this.#wills.schedule(session, will);
    this.sessions.disconnected(session);
  }

  connectionGone(connection: Connection): void {
    this.#connections.delete(connection.number);
    this.counters.bytesOut += connection.outbound.bytesOut;
  }

  /** Bytes sent over all connections, also those that are gone. */
  get bytesOut(): number {
    let bytes = this.counters.bytesOut;
    for (const connection of this.#connections.values()) bytes += connection.outbound.bytesOut;
    return bytes;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Looks at all that depends on time. To be called every `SWEEP_MS`. */
  sweep(): void {
    const now = this.context.now();
    const turn = ++this.#sweeps % TEND_EVERY;
    for (const connection of this.#connections.values()) {
      this.#check(connection, now);
      const session = connection.client?.session;
      // A share of them each time, so that no sweep takes long.
      if (session !== undefined && session.number % TEND_EVERY === turn) session.tend();
    }
    this.#wills.publishDue(now);
    this.sessions.expire();
    this.context.retained.expire(this.context.clock.wallMs(), EXPIRE_PER_SWEEP);
    if (turn === 0) this.#limiter.forgetIdle(now);
  }

  /** Tells every client that the node stops, and lets what is on its way out go. */
  drain(): void {
    this.admission.draining = true;
    for (const connection of this.#connections.values()) connection.close('server_shutting_down');
  }

  /** Closes whatever is left. */
  stop(): void {
    for (const connection of this.#connections.values()) connection.transport.destroy();
  }

  #stallStuck(): void {
    const now = this.context.now();
    for (const { outbound } of this.#connections.values()) outbound.checkStall(now, STUCK_MS);
  }

  #check(connection: Connection, now: number): void {
    const { options } = this.context;
    const { client, outbound } = connection;
    if (connection.closed) return;
    if (client === null) {
      // One that sent its CONNECT waits for us, not we for it.
      const late = now - connection.openedAtMs >= options.connectTimeoutMs;
      if (late && !connection.decoder.connectSeen) connection.close('connect_timeout');
      return;
    }
    const keepAliveMs = client.capabilities.keepAliveS * 1000 * KEEP_ALIVE_FACTOR;
    if (outbound.bytes > 0 && now - outbound.lastProgressMs >= options.writeTimeoutMs)
      connection.close('write_timeout');
    else if (keepAliveMs > 0 && !connection.readingPaused && now - connection.lastInMs > keepAliveMs) {
      connection.close('keep_alive_timeout');
    } else outbound.checkStall(now, options.stallAfterMs);
  }
}
