import type { DeleteStreamRequest, DeleteStreamResult } from './append.ts';
import type {
  CausationRequest,
  CausationResult,
  NameCount,
  NamePage,
  Page,
  ReadRequest,
  Snapshot,
  SnapshotInfo,
  StoreInfo,
  StreamInfo,
  VerifyReport,
} from './reads.ts';
import type { SubscriptionDefinition, SubscriptionState } from './subscription.ts';

/** A listing in order of names. */
export interface NameListing {
  /** Only names that begin so; '' for all. */
  readonly prefix: string;
  /** Only names after this one; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
}

/** What the store keeps of a persistent subscription. */
export interface SubscriptionRecord {
  readonly definition: SubscriptionDefinition;
  readonly state: SubscriptionState;
  readonly checkpoint: number;
  readonly createdUs: number;
  /** How many events are parked. */
  readonly parked: number;
}

/** A parked event, by position. */
export interface ParkedRecord {
  readonly position: number;
  readonly reason: string;
  readonly attempts: number;
  readonly parkedUs: number;
}

/** What became of one subscription since the last time: written as one. */
export interface SubscriptionProgress {
  readonly name: string;
  /** null: as it was. The engine never lets it go back; only `resetSubscription` does. */
  readonly checkpoint: number | null;
  readonly state: SubscriptionState | null;
  readonly park: readonly ParkedRecord[];
  /** Positions that are parked no longer. */
  readonly unpark: readonly number[];
}

interface Operation<Request, Result> {
  request: Request;
  result: Result;
}

/** What readers answer. They see everything that was acknowledged before they were asked. */
export interface ReadOperations {
  readEvents: Operation<ReadRequest, Page>;
  /** As a page of one frame. @throws event_not_found */
  eventById: Operation<{ readonly id: string }, Page>;
  /** @throws stream_not_found */
  streamInfo: Operation<{ readonly stream: string }, StreamInfo>;
  /** Deleted streams too, which `exists` tells apart. */
  listStreams: Operation<NameListing, NamePage<StreamInfo>>;
  /** Last version at or before a time; -1: the stream had no event then. @throws stream_not_found */
  versionAt: Operation<{ readonly stream: string; readonly timeUs: number }, { readonly version: number }>;
  storeInfo: Operation<Record<string, never>, StoreInfo>;
  listTypes: Operation<NameListing, NamePage<NameCount>>;
  listTags: Operation<NameListing, NamePage<NameCount>>;
  causation: Operation<CausationRequest, CausationResult>;
  /** The latest at or before `version`; null: the latest. @throws snapshot_not_found */
  loadSnapshot: Operation<{ readonly stream: string; readonly version: number | null }, Snapshot>;
  /** By version, newest first. `before`: only versions below; null: all. */
  listSnapshots: Operation<
    { readonly stream: string; readonly before: number | null; readonly limit: number },
    { readonly items: readonly SnapshotInfo[]; readonly next: number | null }
  >;
  listSubscriptions: Operation<Record<string, never>, readonly SubscriptionRecord[]>;
  /** By position, after `after`. */
  listParked: Operation<
    { readonly name: string; readonly after: number; readonly limit: number },
    { readonly items: readonly ParkedRecord[]; readonly next: number | null }
  >;
  /** Scans everything from `from` on, a slice at a time; `next` null: done. */
  verify: Operation<{ readonly from: number }, VerifyReport & { readonly next: number | null }>;
}

/** What the writer does, besides appending. Each is durable when it is answered. */
export interface WriteOperations {
  /** Snapshots go with it. @throws stream_not_found, wrong_expected_version, stream_tombstoned. A deleted stream may be deleted again. */
  deleteStream: Operation<DeleteStreamRequest, DeleteStreamResult>;
  /**
   * Takes the place of one of the same version.
   * @throws stream_not_found, stream_deleted, stream_tombstoned, bad_request (a version that the stream has not, or not any more)
   */
  saveSnapshot: Operation<
    { readonly stream: string; readonly version: number; readonly data: unknown; readonly metadata: unknown },
    SnapshotInfo
  >;
  /** null: all of the stream. @returns how many there were */
  deleteSnapshots: Operation<
    { readonly stream: string; readonly version: number | null },
    { readonly deleted: number }
  >;
  /** Also sets the checkpoint that `from` means. @throws subscription_exists, quota_exceeded */
  createSubscription: Operation<{ readonly definition: SubscriptionDefinition }, SubscriptionRecord>;
  /** Parked events go with it. @throws subscription_not_found */
  deleteSubscription: Operation<{ readonly name: string }, { readonly parked: number }>;
  /** Sets the checkpoint, back too, and forgets what is parked. @throws subscription_not_found */
  resetSubscription: Operation<{ readonly name: string; readonly checkpoint: number }, SubscriptionRecord>;
  /** Those of subscriptions that are gone are ignored. */
  saveProgress: Operation<{ readonly items: readonly SubscriptionProgress[] }, { readonly saved: number }>;
}

export type ReadName = keyof ReadOperations;
export type WriteName = keyof WriteOperations;
export type OperationName = ReadName | WriteName;
export type Operations = ReadOperations & WriteOperations;
