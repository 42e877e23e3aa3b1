import type { AdminPorts, BrokerStats } from '../admin/ports.ts';
import { type Admin, createAdmin } from '../admin/server.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Stores } from '../store/store.ts';

const NOTHING: BrokerStats = {
  connections: 0,
  sessions: 0,
  subscriptions: 0,
  retainedMessages: 0,
  retainedBytes: 0,
  connectsTotal: 0,
  refused: {},
  closed: {},
  messagesIn: [0, 0, 0],
  messagesOut: [0, 0, 0],
  publishBytesIn: [0, 0, 0],
  publishBytesOut: [0, 0, 0],
  bytesIn: 0,
  bytesOut: 0,
  dropped: {},
  queuedMessages: 0,
  queuedBytes: 0,
  outboundBytes: 0,
  stalledBytes: 0,
  pausedPublishers: 0,
  incompleteBytes: 0,
};

export const TEST_ADMIN_CONFIG = {
  host: '127.0.0.1',
  httpPort: 0,
  httpHosts: [],
  maxPacketBytes: 1024,
  maxTopicBytes: 100,
  maxTopicLevels: 10,
};

/**
 * The HTTP side of a node that has stores and else nothing.
 * @param faults what it logs as errors
 * @param more what it has all the same
 */
export function testAdmin(
  stores: Stores,
  faults: object[] = [],
  clock: Clock = systemClock,
  more: Partial<AdminPorts> = {},
): Promise<Admin> {
  const ports: AdminPorts = {
    node: {
      describe: () => ({
        nodeId: 'f00d',
        pid: 1,
        version: '0.1.0',
        mqttPort: null,
        mqttsPort: null,
        httpPort: null,
        peerPort: null,
        peerAddresses: [],
        startedAt: '2026-01-01T00:00:00.000Z',
        uptimeS: 0,
      }),
    },
    clients: { list: () => ({ items: [], next: null }), get: () => null, kick: () => false, broadcast: () => 0 },
    sessions: { list: () => ({ items: [], next: null }) },
    publisher: { publish: async () => ({ outcome: 'accepted', matched: 0 }) },
    stats: { snapshot: () => NOTHING },
    readiness: { unmet: () => [] },
    stores,
    localInterest: { match: () => ({ subscribed: false, shares: [] }) },
    clock,
    log: { error: (details) => faults.push(details) },
    ...more,
  };
  return createAdmin(ports, TEST_ADMIN_CONFIG);
}
