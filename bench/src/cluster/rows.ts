import { atLeast, atMost, type Measurement, type Row, timesOther } from '../rows/row.ts';

export interface ClusterMeasurement extends Measurement {
  /** The job arranges a network, which must be its own. */
  readonly ownNetwork?: boolean;
}

const NATS = 'nats-server';
const FILTERS = 100_000;
const CONNECTIONS = 64;

const rate = (job: string, parameters: Record<string, number> = {}): ClusterMeasurement => ({
  job,
  parameters,
  value: 'perSecond',
  unit: '/s',
});
const millis = (job: string, value: string, parameters: Record<string, number> = {}): ClusterMeasurement => ({
  job,
  parameters,
  value,
  unit: 'ms',
});
/** The same on Plexus and on a cluster of nats-server. */
const both = (job: string, measurement: (job: string) => ClusterMeasurement) => ({
  ours: measurement(`${job} plexus`),
  other: [NATS, measurement(`${job} ${NATS}`)] as const,
});

/** The table of rows: to add one, add an entry. */
export const rows: readonly Row<ClusterMeasurement>[] = [
  {
    name: 'cluster-1-1',
    title: 'QoS 0, publisher on one node → subscriber on another',
    ...both('oneToOne', rate),
    bars: [timesOther(0.7, NATS)],
  },
  {
    name: 'cluster-1-50',
    title: 'QoS 0, publisher on one node → 50 subscribers on another',
    ...both('oneToFifty', rate),
    bars: [timesOther(2, NATS)],
  },
  {
    name: 'cluster-hop',
    title: 'latency that one hop adds, QoS 0 at 5,000/s: p50',
    ...both('hop', (job) => millis(job, 'p50Ms')),
    bars: [atMost('p50Ms', 0.5, 'ms', 'p50'), atMost('p99Ms', 3, 'ms', 'p99')],
  },
  {
    name: 'cluster-qos1',
    title: 'QoS 1, publisher on one node → subscriber on another, pipelined',
    ours: rate('qos1'),
    bars: [atLeast(40_000)],
  },
  {
    name: 'cluster-subscribe',
    title: 'subscribe on one node → first message from another: p99',
    ...both('firstMessage', (job) => millis(job, 'p99Ms', { samples: 300 })),
    bars: [atMost('p99Ms', 50, 'ms', 'p99')],
  },
  {
    name: 'cluster-killed',
    title: 'kill -9 of a node → noticed, and its interest forgotten: the longest of 5',
    ours: millis('killed', 'maxMs', { times: 5 }),
    bars: [atMost('maxMs', 200, 'ms')],
  },
  {
    name: 'cluster-cut',
    title: 'cable to a node pulled → noticed, and its interest forgotten: the longest of 3',
    ours: { ...millis('cut', 'maxMs', { times: 3 }), ownNetwork: true },
    bars: [atMost('maxMs', 4000, 'ms')],
  },
  {
    name: 'cluster-memory',
    title: 'memory per 100,000 filters of another node',
    ours: { job: 'remoteFilters', parameters: { filters: FILTERS }, value: 'mostMB', unit: 'MB' },
    bars: [atMost('mostMB', 60, 'MB')],
  },
  {
    name: 'cluster-join',
    title: '100,000 filters reach a new node; p99 of 1,000 messages/s between the others meanwhile',
    ours: millis('newNode', 'reachedMs', { filters: FILTERS }),
    bars: [atMost('reachedMs', 3000, 'ms'), atMost('maxMs', 20, 'ms', 'longest delay')],
  },
  {
    name: 'cluster-store',
    title: 'append over HTTP at a node that does not have the store, 64 connections',
    ours: rate('storeElsewhere', { connections: CONNECTIONS }),
    other: ['at the node that has it', rate('storeHere', { connections: CONNECTIONS })],
    bars: [timesOther(0.5, 'at the node that has it')],
  },
];
