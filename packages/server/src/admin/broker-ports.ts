import { encodePublishProperties, PlexusError, Reason } from '@plexus/protocol';
import type { Broker } from '../broker/broker.ts';
import type { ConnectedClient } from '../broker/connected-client.ts';
import { Message } from '../broker/message.ts';
import { ProgramPublisher } from '../broker/program-publisher.ts';
import type { Session } from '../broker/session.ts';
import type { AdminPorts, BrokerStats, ClientInfo, PageQuery, SessionInfo } from './ports.ts';

/** The largest packet that MQTT can say: what a client takes that named no maximum, MQTT 5.0 §2.1.4. */
const MAX_MQTT_PACKET_BYTES = 268_435_460;

type BrokerPorts = Pick<AdminPorts, 'clients' | 'sessions' | 'publisher' | 'stats' | 'localInterest'>;

/** The broker as the HTTP API sees it. */
export function brokerPorts(broker: Broker): BrokerPorts {
  const publisher = new ProgramPublisher(broker.context);
  return {
    clients: {
      list(query) {
        const { clients, next } = broker.clients.list({ ...only(query), after: cursorOf(query), limit: query.limit });
        return { items: clients.map(clientInfo), next: next === null ? null : String(next) };
      },
      get(realm, clientId) {
        const client = broker.clients.find(realm, clientId);
        return client === null ? null : clientInfo(client);
      },
      kick: (realm, clientId) => broker.clients.kick(realm, clientId),
      broadcast(realmName, topic, payload) {
        const realm = broker.realms.find(realmName);
        if (realm === null) return 0;
        if (broker.flow.closed) throw new PlexusError('queue_full');
        return broker.clients.broadcast(realmName, Message.of(realm.topic(topic), payload, { qos: 0, retain: false }));
      },
    },
    sessions: { list: (query) => listSessions(broker, query) },
    publisher: {
      async publish(realmName, { topic, payload, qos, retain, properties = {} }) {
        const realm = broker.realms.find(realmName);
        if (realm === null) throw new PlexusError('realm_not_found', { realm: realmName });
        // A program waits as any publisher does, only that it is the one to come again.
        if (broker.flow.closed) return { outcome: 'refused', matched: 0 };
        const expiryS = properties.messageExpiryIntervalS;
        const message = Message.of(realm.topic(topic), payload, {
          qos,
          retain,
          properties: encodePublishProperties(properties),
          ...(expiryS !== undefined && { expiresAtMs: broker.context.clock.wallMs() + expiryS * 1000 }),
        });
        const reason = await publisher.publish(realm, message);
        return {
          outcome: reason >= Reason.UnspecifiedError ? 'refused' : 'accepted',
          matched: realm.route(message.topic).targets.length,
        };
      },
    },
    localInterest: {
      match(realmName, topic) {
        const realm = broker.realms.find(realmName);
        if (realm === null) return { subscribed: false, shares: [] };
        const { targets, groups } = realm.route(realm.topic(topic));
        const shares = groups.map(({ name, online, away }) => ({ key: name, count: { online, away } }));
        return { subscribed: targets.length > 0, shares };
      },
    },
    stats: { snapshot: () => snapshot(broker) },
  };
}

function only(query: { realm?: string; endpoint?: string }): { realm?: string; endpoint?: string } {
  return {
    ...(query.realm !== undefined && { realm: query.realm }),
    ...(query.endpoint !== undefined && { endpoint: query.endpoint }),
  };
}

function cursorOf({ after }: PageQuery): number {
  if (after === null) return 0;
  if (!/^\d{1,15}$/.test(after))
    throw new PlexusError('bad_request', { reason: 'cursor is not one that was given out' });
  return Number(after);
}

function clientInfo(client: ConnectedClient): ClientInfo {
  const { capabilities, connection, session } = client;
  const { state } = session;
  return {
    realm: client.realm.name,
    clientId: client.clientId,
    username: client.username,
    remoteAddress: connection.remoteAddress,
    endpoint: client.endpoint,
    listener: connection.listener,
    protocolVersion: client.version,
    capabilities: {
      ...capabilities,
      maximumPacketBytes: Math.min(capabilities.maximumPacketBytes, MAX_MQTT_PACKET_BYTES),
      will: client.will !== null,
    },
    connectedSince: new Date(client.connectedSinceMs).toISOString(),
    bytesIn: connection.bytesIn,
    bytesOut: connection.outbound.bytesOut,
    messagesIn: client.messagesIn,
    messagesOut: client.messagesOut,
    queuedMessages: state.queuedMessages,
    queuedBytes: state.heldBytes,
    inFlight: state.inFlight,
    outboundBytes: connection.outbound.bytes,
    subscriptions: state.subscriptions.size + client.subscriber.storeSubscriptions,
  };
}

/** Sessions in order of creation; the cursor is the number of the last one shown. */
function listSessions(broker: Broker, query: PageQuery): { items: SessionInfo[]; next: string | null } {
  const after = cursorOf(query);
  const items: SessionInfo[] = [];
  let last = after;
  for (const session of broker.sessions.all()) {
    if (session.number <= after) continue;
    if (query.realm !== undefined && session.realm.name !== query.realm) continue;
    if (items.length === query.limit) return { items, next: String(last) };
    items.push(sessionInfo(session));
    last = session.number;
  }
  return { items, next: null };
}

function sessionInfo(session: Session): SessionInfo {
  const { state } = session;
  return {
    realm: session.realm.name,
    clientId: session.clientId,
    connected: session.connection !== null,
    subscriptions: state.subscriptions.size + (session.connection?.storeSubscriptions ?? 0),
    queuedMessages: state.queuedMessages,
    queuedBytes: state.heldBytes,
    inFlight: state.inFlight,
    expiryS: state.expiryS,
    createdAt: new Date(state.createdAtMs).toISOString(),
    expiresAt: isoTime(state.expiresAtMs),
  };
}

function snapshot(broker: Broker): BrokerStats {
  const { counters, flow, context } = broker;
  let queuedMessages = 0;
  for (const realm of broker.realms.all()) {
    for (const session of realm.sessions.values()) queuedMessages += session.state.queuedMessages;
  }
  return {
    connections: broker.clients.count(),
    sessions: broker.sessions.size,
    subscriptions: broker.realms.subscriptions,
    retainedMessages: context.retained.messages,
    retainedBytes: context.retained.bytes,
    connectsTotal: counters.connects,
    refused: Object.fromEntries(counters.refused),
    closed: Object.fromEntries(counters.closed),
    messagesIn: [...counters.messagesIn],
    messagesOut: [...counters.messagesOut],
    publishBytesIn: [...counters.publishBytesIn],
    publishBytesOut: [...counters.publishBytesOut],
    bytesIn: counters.bytesIn,
    bytesOut: broker.bytesOut,
    dropped: Object.fromEntries(counters.dropped),
    queuedMessages,
    queuedBytes: context.queuedBytes.total,
    outboundBytes: flow.heldBytes,
    stalledBytes: flow.stalledBytes,
    pausedPublishers: flow.waitingPublishers,
    incompleteBytes: broker.context.incomplete.bytes,
  };
}

/** null for no time, and for one that never comes. */
function isoTime(wallMs: number | null): string | null {
  return wallMs === null || wallMs === Number.POSITIVE_INFINITY ? null : new Date(wallMs).toISOString();
}
