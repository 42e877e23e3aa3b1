/**
 * Types of frames. Below 16 they are the link's own; to 63 control frames of whoever uses it; from 64 on data frames, which are
 * numbered and need credit. Unknown types are skipped: unknown data frames count as dealt with. The layout of each is in docs/wire.md.
 */
export const FrameType = {
  Hello: 1,
  Proof: 2,
  Ready: 3,
  Close: 4,
  Heartbeat: 5,
  HeartbeatAnswer: 6,
  /** Answers held data frames. */
  Ack: 7,
  Credit: 8,
  /** Numbers of data frames that will not come. */
  Skip: 9,

  /** What a member says of itself and of the others. */
  Members: 16,
  Leaving: 17,
  SnapshotBegin: 18,
  /** Entries of a table that are there from now on. */
  Entries: 19,
  SnapshotEnd: 20,
  Delta: 21,
  Digest: 22,
  Resync: 23,
  /** Sums over the retained messages, by which two nodes see where they differ. */
  RetainedDigest: 24,
  /** Asks how far the other end is with a table, so that no more is sent than it takes. */
  Pace: 26,
  PaceAnswer: 27,

  Request: 32,
  Answer: 33,
  /** What comes later for a request that stays open: events for a consumer. */
  Item: 34,
  /** Says more about a request that is open: acknowledgements, demand, the end of it. */
  More: 35,

  /** A token of a realm, of this end. */
  MeshToken: 40,
  /** The newest revocations of a realm. */
  MeshRevocations: 41,
  /** Asks for filters under keys; or says that they are no longer of interest. */
  MeshAsk: 42,
  /** Filters of this end under a key: all of them, or changes. */
  MeshFilters: 43,

  /** One message. */
  Message: 64,
  /** Messages at QoS 0 on one topic, as MQTT packets. */
  Run: 65,
  /** One message of another cluster, passed on once to a member of this one. */
  Forwarded: 66,
  ForwardedRun: 67,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const FIRST_CONTROL_TYPE = 16;
export const FIRST_DATA_TYPE = 64;
