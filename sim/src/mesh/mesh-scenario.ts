import { FAIR_WEATHER, type Weather } from '../network-path.ts';
import { DIRECTORY_FIGURES, type DirectoryFigures } from './directory-figures.ts';

/** How much of what there is in a mesh. Everything else follows from the seed. */
export interface MeshScenario {
  readonly nodes: number;
  /** Share of the nodes that are in clusters, of two or three. */
  readonly clusteredShare: number;
  /** Topics there are; both sides choose among them by Zipf's law. */
  readonly topics: number;
  readonly exponent: number;
  /** Topics are in so many areas: the level that most wildcards leave open is below. */
  readonly areas: number;
  /** Filters of the one subscriber that every node has. */
  readonly filtersPerNode: number;
  /** Share of them with a wildcard. */
  readonly wildcardShare: number;
  /** Share of those that take all topics. */
  readonly everythingShare: number;
  /** Share of the nodes with a publisher. */
  readonly publisherShare: number;
  readonly topicsPerPublisher: number;
  /** Mean time between two messages of a publisher on one topic. */
  readonly publishEveryMs: number;
  /** Share of clients in the second realm. */
  readonly otherRealmShare: number;
  /** Mean life of a node; null: nobody leaves. */
  readonly lifeMs: number | null;
  /** Mean time until a node that has gone is back. */
  readonly awayMs: number;
  /** Mean time between two breaks of all connections between some two nodes; null: none. */
  readonly breakMs: number | null;
  /** Mean time between two changes of filters of a node. */
  readonly resubscribeMs: number;
  /** Nodes start within this time. */
  readonly bootMs: number;
  /** From the beginning; nothing is measured in it. */
  readonly warmUpMs: number;
  /** With clients and churn, after it. */
  readonly busyMs: number;
  /** From the last disturbance until everything is to be found again; 0: nobody waits for that. */
  readonly settleMs: number;
  /** Between sites. */
  readonly weather: Weather;
  readonly figures: DirectoryFigures;
  /** How often a link says that it is there, and after how long without it is given up. */
  readonly heartbeatMs: number;
  readonly deadMs: number;
}

/** Between sites of one continent. */
const WIDE_AREA: Weather = { delayMs: 10, jitterMs: 3, bytesPerMs: 10_000 };

/** Within a cluster. */
export const SITE_WEATHER = FAIR_WEATHER;

/** The mesh that is measured. Topics grow with the nodes, as they do when sites join. */
export function largeMesh(nodes: number, minutes: number): MeshScenario {
  return {
    nodes,
    clusteredShare: 0.1,
    topics: nodes,
    exponent: 1,
    areas: 20,
    filtersPerNode: 3,
    wildcardShare: 0.1,
    everythingShare: 0.02,
    publisherShare: 0.3,
    topicsPerPublisher: 2,
    publishEveryMs: 15_000,
    otherRealmShare: 0.1,
    lifeMs: 900_000,
    awayMs: 30_000,
    breakMs: null,
    resubscribeMs: 300_000,
    bootMs: 20_000,
    warmUpMs: 120_000,
    busyMs: minutes * 60_000,
    settleMs: 0,
    weather: WIDE_AREA,
    figures: DIRECTORY_FIGURES,
    // At a thousand nodes most of the machine's time would go into these.
    heartbeatMs: 5_000,
    deadMs: 15_000,
  };
}

/** A small mesh in which everything has to come right in the end. Few nodes keep a record, so that deaths lose some. */
export function smallMesh(nodes: number): MeshScenario {
  return {
    ...largeMesh(nodes, 1.5),
    clusteredShare: 0.4,
    topics: 12,
    areas: 3,
    wildcardShare: 0.3,
    everythingShare: 0.15,
    publisherShare: 0.4,
    publishEveryMs: 1500,
    otherRealmShare: 0.4,
    lifeMs: 90_000,
    awayMs: 10_000,
    breakMs: 1_000,
    resubscribeMs: 15_000,
    bootMs: 2_000,
    warmUpMs: 10_000,
    settleMs: 310_000,
    figures: { ...DIRECTORY_FIGURES, k: 3, bucketBits: 3 },
    heartbeatMs: 1_000,
    deadMs: 3_000,
  };
}
