import { atLeast, atMost, type Measurement, type Row, timesOther } from '../rows/row.ts';

/** Where a job finds its store, or where it makes one. */
export type Place = 'fresh' | 'million' | 'large';

export interface StoreMeasurement extends Measurement {
  readonly place: Place;
  /** The job talks HTTP to a node in another process that has the store. */
  readonly overHttp?: boolean;
}

export const LARGE_EVENTS = 10_000_000;
export const MILLION = 1_000_000;
const LARGE_STREAMS = LARGE_EVENTS / 100;

const appends = (inFlight: number, place: Place = 'fresh'): StoreMeasurement => ({
  job: 'append',
  place,
  parameters: { inFlight },
  value: 'perSecond',
  unit: '/s',
});
const appendOne = (place: Place, value = 'times', unit: StoreMeasurement['unit'] = '×'): StoreMeasurement => ({
  job: 'appendOne',
  place,
  parameters: {},
  value,
  unit,
});
const rate = (job: string, place: Place, parameters: Record<string, number>, overHttp = false): StoreMeasurement => ({
  job,
  place,
  parameters,
  overHttp,
  value: 'perSecond',
  unit: '/s',
});
const p99 = (job: string, place: Place, parameters: Record<string, number>): StoreMeasurement => ({
  job,
  place,
  parameters,
  value: 'p99Ms',
  unit: 'ms',
});

/** The table of rows: to add one, add an entry. */
export const rows: readonly Row<StoreMeasurement>[] = [
  {
    name: 'append',
    title: 'append, 256 in flight, in process',
    ours: appends(256),
    other: ['JetStream', rate('jetStream', 'fresh', { inFlight: 256 })],
    bars: [atLeast(100_000), timesOther(1.5, 'JetStream')],
  },
  {
    name: 'append-http',
    title: 'append over HTTP, 64 connections',
    ours: rate('appendHttp', 'fresh', { connections: 64 }, true),
    bars: [atLeast(15_000)],
  },
  {
    name: 'append-one',
    title: 'append, one at a time: p50 ÷ p50 of a bare 4 KiB write with fsync',
    ours: appendOne('fresh'),
    bars: [{ text: '≤ 1.5 ×', met: (ours) => ours.times! <= 1.5 }],
  },
  {
    name: 'append-large',
    title: 'append, 256 in flight, 10 million events in the store',
    ours: appends(256, 'large'),
    other: ['a fresh store', appends(256)],
    bars: [timesOther(0.8, 'a fresh store')],
  },
  {
    name: 'append-one-large',
    title: 'append, one at a time, 10 million events in the store: p50',
    ours: appendOne('large', 'p50Ms', 'ms'),
    other: ['a fresh store', appendOne('fresh', 'p50Ms', 'ms')],
    bars: [
      { text: '≤ 1.2 × a fresh store', met: (ours, other) => other !== null && ours.p50Ms! <= 1.2 * other.p50Ms! },
    ],
  },
  {
    name: 'append-postgres',
    title: 'append, 64 in flight, in process',
    ours: appends(64),
    other: ['PostgreSQL, Emmett', rate('postgres', 'fresh', { inFlight: 64 })],
    bars: [timesOther(10, 'PostgreSQL, Emmett')],
  },
  {
    name: 'catch-up',
    title: 'read of 1 million events, in process',
    ours: rate('catchUp', 'million', { events: MILLION }),
    bars: [atLeast(300_000)],
  },
  {
    name: 'catch-up-http',
    title: 'read of 1 million events over HTTP (NDJSON)',
    ours: rate('readHttp', 'million', { events: MILLION }, true),
    bars: [atLeast(60_000)],
  },
  {
    name: 'read-streams',
    title: 'one stream of 100 events by name, among 100,000 streams, 16 in flight',
    ours: rate('streams', 'large', { streams: LARGE_STREAMS, inFlight: 16 }),
    bars: [atLeast(10_000), atMost('p99Ms', 5, 'ms', 'p99')],
  },
  {
    name: 'two-tags',
    title: 'page of events with two tags (1 in 10,000) among 10 million: p99',
    ours: p99('twoTags', 'large', { events: LARGE_EVENTS, rounds: 100 }),
    bars: [atMost('p99Ms', 10, 'ms', 'p99')],
  },
  {
    name: 'live',
    title: 'append → consumer at 5,000/s, in process: p99',
    ours: p99('live', 'fresh', { ratePerSecond: 5000 }),
    bars: [atMost('p99Ms', 10, 'ms', 'p99')],
  },
  {
    name: 'live-mqtt',
    title: 'append → consumer at 5,000/s, MQTT: p99',
    ours: p99('liveMqtt', 'fresh', { ratePerSecond: 5000 }),
    bars: [atMost('p99Ms', 15, 'ms', 'p99')],
  },
  {
    name: 'subscriptions',
    title: '1,000 persistent subscriptions, 5,000 appends/s: all delivered so long after the last append',
    ours: {
      job: 'manySubscriptions',
      place: 'fresh',
      parameters: { subscriptions: 1000, ratePerSecond: 5000 },
      value: 'behindMs',
      unit: 'ms',
    },
    bars: [{ text: 'keeps up: ≤ 100 ms', met: (ours) => ours.behindMs! <= 100 && ours.perSecond! >= 4950 }],
  },
  {
    name: 'broker',
    title: 'rows of the broker while the store takes 20,000 appends/s: the lowest, ÷ without them',
    ours: {
      job: 'brokerUnderAppends',
      place: 'fresh',
      parameters: { ratePerSecond: 20_000 },
      value: 'least',
      unit: '×',
    },
    bars: [
      { text: '≥ 0.75 ×, 20,000 appends/s', met: (ours) => ours.least! >= 0.75 && ours.appendsPerSecond! >= 19_000 },
    ],
  },
];
