import type { AppendRequest, AppendResult } from './append.ts';
import type { StoredEvent } from './event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from './operations.ts';
import type { Page, ReadRequest } from './reads.ts';
import type {
  CatchUpOptions,
  Consumer,
  ConsumerOptions,
  ConsumerSink,
  NewSubscription,
  ParkedEvent,
  StartFrom,
  SubscriptionInfo,
} from './subscription.ts';

/**
 * Persistent subscriptions of a store. Every method may throw `subscription_not_found` and what the engine throws. What a store of
 * this node says at once, one of another node has to be asked for.
 */
export interface StoreSubscriptions {
  /** @throws {PlexusError} subscription_exists, bad_request, quota_exceeded */
  create(subscription: NewSubscription): Promise<SubscriptionInfo>;
  get(name: string): SubscriptionInfo | Promise<SubscriptionInfo>;
  /** In order of names. */
  list(): SubscriptionInfo[] | Promise<SubscriptionInfo[]>;
  delete(name: string): Promise<void>;
  /** Nothing is delivered any more; what is in hand may still be answered. */
  pause(name: string): Promise<void>;
  /** Also after `stopped`. */
  resume(name: string): Promise<void>;
  /** Delivers again from there on; consumers are let go with `reset`, parked events forgotten. */
  reset(name: string, to: StartFrom): Promise<void>;
  listParked(name: string, after: number, limit: number): Promise<{ items: ParkedEvent[]; next: number | null }>;
  /** Delivers parked events again. null: all of them. @returns how many */
  replayParked(name: string, positions: readonly number[] | null): Promise<number>;
  dropParked(name: string, positions: readonly number[] | null): Promise<number>;
  /** Joins the consumer group. @throws {PlexusError} quota_exceeded (poolSize), subscription_not_found */
  attach(name: string, options: ConsumerOptions, sink: ConsumerSink): Consumer | Promise<Consumer>;
}

/** Persistent subscriptions of a store of this node. */
export interface LocalSubscriptions extends StoreSubscriptions {
  get(name: string): SubscriptionInfo;
  list(): SubscriptionInfo[];
  attach(name: string, options: ConsumerOptions, sink: ConsumerSink): Consumer;
}

/** An event store, as HTTP, MQTT and programs in this process use it. */
export interface Store {
  readonly name: string;
  readonly realm: string;
  readonly subscriptions: StoreSubscriptions;
  /** Last position that was acknowledged; -1: none. Of a store of another node: the last that was heard of. */
  readonly lastPosition: number;
  /** Last position that was acknowledged, as of now, wherever the store is. */
  latest(): Promise<number>;
  /** How often the queue of a catch-up reader has passed 80 %, since the node began. */
  readonly catchUpWarnings: number;
  append(request: AppendRequest): Promise<AppendResult>;
  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']>;
  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']>;
  /** Pages of a read, one ahead of the reader; ends at the end of the store as it is when it gets there. */
  pages(request: ReadRequest, signal?: AbortSignal): AsyncIterable<Page>;
  /** Events of a read, as `pages` reads them. */
  events(request: Partial<ReadRequest>, signal?: AbortSignal): AsyncIterable<StoredEvent>;
  /** From history into the present, without gap or duplicate, until the signal or the caller ends it. */
  catchUp(options: CatchUpOptions): AsyncIterable<StoredEvent>;
  /** Hears of every committed event, in order. @returns how to stop */
  onCommitted(listener: (events: readonly StoredEvent[]) => void): () => void;
  status(): StoreStatus | Promise<StoreStatus>;
}

export interface StoreStatus {
  readonly name: string;
  readonly realm: string;
  readonly mode: 'single';
  readonly healthy: boolean;
  /** Why not; null while healthy. */
  readonly problem: string | null;
  readonly file: string;
  readonly lastPosition: number;
  readonly workers: readonly { readonly id: string; readonly role: 'writer' | 'reader'; readonly restarts: number }[];
  readonly writerQueueBytes: number;
}

/** A store of this node. */
export interface LocalStore extends Store {
  /** UUID, in its file. */
  readonly id: string;
  readonly subscriptions: LocalSubscriptions;
  status(): StoreStatus;
}

/** The stores of a node. Names are unique in a node. */
export interface Stores {
  /** Those that this node has open. */
  list(): readonly LocalStore[];
  /**
   * In a cluster also a store of another node.
   * @throws {PlexusError} store_not_found, also for a store of another realm; store_unavailable: nobody has it now; null: whatever realm
   */
  get(name: string, realm: string | null): Store;
}
