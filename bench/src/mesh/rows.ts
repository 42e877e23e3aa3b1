import { atLeast, atMost, atMostOther, type Measurement, type Row } from '../rows/row.ts';

export interface MeshMeasurement extends Measurement {
  /** The job arranges a network, which must be its own. */
  readonly ownNetwork?: boolean;
}

const GOSSIPSUB = '@libp2p/gossipsub';
const IDEAL = 'an ideal LRU';
const NODES = 50;
const USES = 31_000;

const millis = (job: string, value: string, parameters: Record<string, number> = {}): MeshMeasurement => ({
  job,
  parameters,
  value,
  unit: 'ms',
});
const rate = (job: string): MeshMeasurement => ({ job, parameters: {}, value: 'perSecond', unit: '/s' });
const fanOut = (job: string): MeshMeasurement => ({
  job,
  parameters: { seconds: 60 },
  quick: { seconds: 5 },
  value: 'bytesPerMessage',
  unit: 'B',
  ownNetwork: true,
});
const pool = (job: string): MeshMeasurement => ({
  job,
  parameters: { uses: USES },
  quick: { uses: 1000 },
  value: 'hitPercent',
  unit: '%',
});

/** The table of rows: to add one, add an entry. */
export const rows: readonly Row<MeshMeasurement>[] = [
  {
    name: 'mesh-first',
    title: `first message after a first publish on a new topic, ${NODES} nodes: p50`,
    ours: { ...millis('first', 'p50Ms', { nodes: NODES, samples: 200 }), quick: { nodes: 8, samples: 20 } },
    bars: [atMost('p50Ms', 150, 'ms', 'p50'), atMost('p99Ms', 1000, 'ms', 'p99')],
  },
  {
    name: 'mesh-later',
    title: 'later messages, QoS 0, 1 → 1 at 1,000/s: p50',
    ours: millis('later', 'p50Ms'),
    bars: [atMost('p50Ms', 1, 'ms', 'p50'), atMost('p99Ms', 5, 'ms', 'p99')],
  },
  {
    name: 'mesh-subscribe',
    title: `subscribe anywhere → first message of an active publisher, ${NODES} nodes: p99`,
    ours: { ...millis('subscribe', 'p99Ms', { nodes: NODES, samples: 200 }), quick: { nodes: 8, samples: 20 } },
    bars: [atMost('p99Ms', 1000, 'ms', 'p99')],
  },
  {
    name: 'mesh-quic',
    title: 'QoS 0, 100 bytes, publisher on one node → subscriber on another, one link over QUIC',
    ours: rate('quic'),
    bars: [atLeast(300_000)],
  },
  {
    name: 'mesh-tcp',
    title: 'QoS 0, 100 bytes, publisher on one node → subscriber on another, one link over TCP',
    ours: rate('tcp'),
    bars: [atLeast(800_000)],
  },
  {
    name: 'mesh-gossipsub',
    title:
      'QoS 0, 100 bytes at 100/s, publisher on one of 20 nodes → subscribers on five: bytes on the wire per message',
    ours: fanOut('fanOut'),
    other: [GOSSIPSUB, fanOut('gossipsub')],
    bars: [atMostOther('bytesPerMessage', 1 / 3, GOSSIPSUB), atMostOther('p50Ms', 1, GOSSIPSUB, 'p50')],
  },
  {
    name: 'mesh-pool',
    title: 'link pool with `maxLinks` 100, traffic to 500 peers after Zipf: uses that find a link',
    ours: pool('pool'),
    other: [IDEAL, pool('idealPool')],
    bars: [
      atMost('belowIdeal', 2, 'points', `below ${IDEAL}`),
      atMost('leftOver', 0, 'sockets and native handles', 'left over'),
    ],
  },
  {
    name: 'mesh-queries',
    title: 'queries to the directory, 1,000 topics, 100 publishes/s each way, after 5 minutes',
    ours: {
      job: 'queries',
      parameters: { nodes: 8, topics: 1000, warmS: 300, measureS: 120 },
      quick: { topics: 50, warmS: 5, measureS: 10 },
      value: 'queriesPerPublish',
      unit: 'per publish',
    },
    bars: [atMost('queriesPerPublish', 0.01, 'per publish')],
  },
];
