import { PlexusError } from '@plexus/protocol';
import type { Timer } from '../../lib/clock.ts';
import type { StoredEvent } from '../event.ts';
import type { SubscriptionProgress, SubscriptionRecord } from '../operations.ts';
import type {
  Consumer,
  ConsumerEnd,
  ConsumerOptions,
  ConsumerSink,
  NackAction,
  SubscriptionDefinition,
  SubscriptionInfo,
  SubscriptionState,
} from '../subscription.ts';
import { Delivery } from './delivery.ts';
import type { Distribution, DistributionHost, QueuePlace } from './distribution.ts';
import { logFilling } from './fill-warning.ts';
import { Follower, type FollowerTarget } from './follower.ts';
import { type FullQueueHost, makeRoom } from './full-queue.ts';
import { type ConsumerHost, GroupConsumer, groupConsumerOptions } from './group-consumer.ts';
import { Lag } from './lag.ts';
import { Orphans } from './orphans.ts';
import { Outstanding } from './outstanding.ts';
import type { SubscriptionParts } from './parts.ts';
import { Progress } from './progress.ts';
import { Replayer } from './replayer.ts';
import { SharedDistribution } from './shared-distribution.ts';
import { byAge, byRendezvous, StreamDistribution } from './stream-distribution.ts';
import { newCounts, type SubscriptionStats } from './subscription-stats.ts';
import type { WaitingQueue } from './waiting-queue.ts';

const RETRY_MS = 1000;
const US_PER_MS = 1000;

/**
 * A named reader of a store, shared by a group of consumers. It reads while somebody is there to deliver to. What was read is
 * *outstanding* until it is done, and the checkpoint lies before the first that is not.
 */
export class PersistentSubscription implements ConsumerHost, DistributionHost, FollowerTarget, FullQueueHost {
  readonly definition: SubscriptionDefinition;
  readonly counts = newCounts();
  readonly replayer: Replayer;
  readonly #parts: SubscriptionParts;
  readonly #onDirty: (isUrgent: boolean) => void;
  readonly #createdUs: number;
  readonly #progress: Progress;
  readonly #lag: Lag;
  readonly #distribution: Distribution;
  readonly #consumers = new Set<GroupConsumer>();
  readonly #outstanding = new Outstanding();
  /** Positions that were parked before the service began. `#cursor` has passed none: it may go back to what nobody has seen. */
  readonly #parkedAhead = new Set<number>();
  #state: SubscriptionState;
  /** Position to read from while nobody is there. */
  #cursor: number;
  /** After the last event that the follower has shown, if that was taken. */
  #takenTo = 0;
  #follower: Follower | null = null;
  readonly #orphans: Orphans;
  #joined = 0;
  #isPumping = false;
  /** Whether it was said since `progress` was last asked that there is something to write. */
  #isMarked = false;
  /** Set while the store is not asked again, after it could not be read. */
  #pause: Timer | null = null;

  /** @param onDirty something is to be written soon, or at once */
  constructor(record: SubscriptionRecord, parts: SubscriptionParts, onDirty: (isUrgent: boolean) => void) {
    this.definition = record.definition;
    this.#parts = parts;
    this.#onDirty = onDirty;
    this.#createdUs = record.createdUs;
    this.#state = record.state;
    this.#cursor = record.checkpoint + 1;
    this.#progress = new Progress(record.definition.name, record.checkpoint, record.parked);
    this.#lag = new Lag(parts);
    this.replayer = new Replayer(parts.engine);
    this.#orphans = new Orphans(parts.engine);
    const { strategy } = record.definition;
    if (strategy === 'round_robin') this.#distribution = new SharedDistribution(this);
    else this.#distribution = new StreamDistribution(this, strategy === 'single' ? byAge : byRendezvous);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Everything up to here is done; the store learns of it a little later. */
  get doneTo(): number {
    const { first } = this.#outstanding;
    return (first?.position ?? this.#follower?.cursor ?? this.#cursor) - 1;
  }

  get info(): SubscriptionInfo {
    const { doneTo } = this;
    const inFlight = [...this.#consumers].reduce((sum, consumer) => sum + consumer.inFlight.size, 0);
    return {
      definition: this.definition,
      state: this.#state,
      checkpoint: doneTo,
      consumers: this.#consumers.size,
      inFlight,
      parked: this.#progress.parked,
      lagEvents: Math.max(0, this.#parts.engine.lastPosition - doneTo),
      lagS: this.#lag.after(doneTo, this.#outstanding.first?.event ?? null),
      createdUs: this.#createdUs,
      counts: { ...this.counts },
    };
  }

  get stats(): SubscriptionStats {
    const { consumers, inFlight, lagEvents, lagS } = this.info;
    const { name } = this.definition;
    return { name, ...this.counts, consumers, inFlight, queued: this.#distribution.waiting, lagEvents, lagS };
  }

  /** @throws {PlexusError} quota_exceeded, bad_request */
  attach(asked: ConsumerOptions, sink: ConsumerSink): Consumer {
    const options = groupConsumerOptions(this.definition, asked, this.#joined + 1);
    if (this.#consumers.size >= this.definition.poolSize)
      throw new PlexusError('quota_exceeded', { limit: 'poolSize' });
    this.#joined++;
    const consumer = new GroupConsumer(options, sink, this, this.#parts);
    this.#consumers.add(consumer);
    this.#distribution.joined(consumer);
    this.#follower ??= new Follower(this.#parts, this.definition.selector, this.#cursor, this);
    // Not now: the sink is to know its consumer when the first event comes.
    queueMicrotask(() => this.#pump());
    return consumer;
  }

  /** Nobody is there any more: keeps what is needed to count attempts and acknowledgements, no more. */
  #retire(): void {
    const follower = this.#follower!;
    // Before the event is forgotten, here and in the feed.
    void this.watchLag();
    this.#letGoOfFollower();
    const waiting = [...this.#distribution.drain(), ...this.#orphans.drain()];
    const trimmed = this.#outstanding.trim();
    this.#cursor = trimmed ?? Math.max(follower.cursor, this.#takenTo);
    this.#takenTo = 0; // It was true of what has just been forgotten.
    for (const position of this.#parkedAhead) if (position < this.#cursor) this.#parkedAhead.delete(position);
    this.#orphans.keep(waiting.filter(({ isReplay, position }) => !isReplay && position < this.#cursor));
    for (const { isReplay, position } of waiting) if (isReplay) this.replayer.again(position);
  }

  #letGoOfFollower(): void {
    this.#follower?.stop();
    this.#follower = null;
    this.#pause?.cancel();
    this.#pause = null;
  }

  // What the follower asks.

  take(event: StoredEvent): boolean {
    if (this.#state !== 'running' || this.#outstanding.isFull) return false;
    const room = this.#parkedAhead.has(event.position) ? 'skip' : makeRoom(this, event);
    if (room === 'wait') return false;
    this.#takenTo = event.position + 1;
    if (room === 'skip') return true;
    const delivery = new Delivery(event, false);
    this.#outstanding.add(delivery);
    this.#distribution.add(delivery);
    this.#pump();
    return true;
  }

  // What makes room.

  placeFor(event: StoredEvent): QueuePlace | null {
    return this.#distribution.queueFor(event);
  }

  dropNewest(): void {
    this.counts.dropped++;
  }

  dropOldest(queue: WaitingQueue): void {
    const oldest = queue.popOldest()!;
    this.#distribution.dropped(oldest);
    // Parked it was, and parked it stays.
    if (oldest.isReplay) this.replayer.again(oldest.position);
    this.counts.dropped++;
    oldest.finish();
    this.#outstanding.settle();
    this.#markDirty(false);
  }

  failed(error: unknown): void {
    const { clock, log } = this.#parts;
    log.warn({ err: error, subscription: this.definition.name }, 'a subscription cannot read its store');
    if (error instanceof PlexusError && error.retryable) {
      this.#pause ??= clock.setTimeout(() => {
        this.#pause = null;
        this.#pump();
      }, RETRY_MS);
    } else this.endAll('failed', error as Error);
  }

  // What the distribution asks.

  hand(delivery: Delivery, consumer: GroupConsumer): void {
    delivery.attempts++;
    this.counts.delivered++;
    consumer.take(delivery);
    const fault = consumer.show(delivery);
    if (fault !== null) this.end(consumer, 'failed', fault);
  }

  warn(consumer: GroupConsumer | null, queue: WaitingQueue): void {
    this.counts.warnings++;
    logFilling(this.#parts.limitedLog, this.definition.name, queue.size, queue.bound);
    for (const warned of consumer === null ? [...this.#consumers] : [consumer]) warned.warn(queue);
  }

  // What consumers ask.

  hasRoom(consumer: GroupConsumer): void {
    this.#distribution.ready(consumer);
    this.#pump();
  }

  answered(delivery: Delivery, consumer: GroupConsumer): void {
    this.counts.acknowledged++;
    this.#distribution.answered(delivery, consumer);
    delivery.finish();
    if (delivery.isReplay) {
      if (this.replayer.settle(delivery.position)) this.#progress.unpark(delivery.position);
    } else this.#outstanding.settle();
    this.#markDirty(false);
    this.#pump();
  }

  refused(delivery: Delivery, consumer: GroupConsumer, action: NackAction, reason: string): void {
    if (action === 'skip') this.answered(delivery, consumer);
    else if (action === 'stop') this.#stopBefore(delivery, consumer, reason);
    else if (action === 'park' || delivery.attempts > this.definition.maxRetries) {
      this.#park(delivery, consumer, reason);
      this.#pump();
    } else {
      this.counts.retried++;
      delivery.isRefused = true;
      this.#distribution.again(delivery, consumer);
      this.#pump();
    }
  }

  #park(delivery: Delivery, consumer: GroupConsumer, reason: string): void {
    this.counts.parked++;
    this.#distribution.answered(delivery, consumer);
    const isNew = !(delivery.isReplay && this.replayer.settle(delivery.position));
    this.#progress.park(delivery, reason, Math.floor(this.#parts.clock.wallMs() * US_PER_MS), isNew);
    this.#markDirty(true);
  }

  #stopBefore(delivery: Delivery, consumer: GroupConsumer, reason: string): void {
    const facts = { subscription: this.definition.name, position: delivery.position, reason };
    this.#parts.log.warn(facts, 'a consumer stopped it');
    // It is in hand again, so that it is given back with everything else.
    consumer.inFlight.set(delivery.position, delivery);
    this.setState('stopped');
    this.#markDirty(true);
    this.endAll('stopped', null);
  }

  end(consumer: GroupConsumer, reason: ConsumerEnd, error: Error | null): void {
    if (!this.#consumers.delete(consumer)) return;
    const back: Delivery[] = [];
    for (const delivery of consumer.shut()) {
      // That was not for anything that the consumer did: at least one more attempt is due.
      if (reason === 'closed' || reason === 'stopped' || reason === 'shutting_down')
        delivery.attempts = Math.min(delivery.attempts, this.definition.maxRetries);
      if (delivery.attempts <= this.definition.maxRetries) back.push(delivery);
      else this.#park(delivery, consumer, `not answered: ${reason}`);
    }
    this.#distribution.left(consumer, back);
    if (this.#consumers.size === 0) this.#retire();
    consumer.tell(reason, error);
    this.#pump();
  }

  endAll(reason: ConsumerEnd, error: Error | null): void {
    for (const consumer of [...this.#consumers]) this.end(consumer, reason, error);
  }

  #pump(): void {
    if (this.#isPumping || this.#state !== 'running' || this.#consumers.size === 0) return;
    this.#isPumping = true;
    try {
      this.#distribution.pump();
    } finally {
      this.#isPumping = false;
    }
    // A consumer may have left at the sight of what it got.
    if (this.#pause !== null || this.#consumers.size === 0) return;
    // First what was read before, so that every stream keeps its order.
    if (this.#orphans.isEmpty) this.#readOn();
    else this.#readOrphans();
  }

  #readOn(): void {
    const waits = this.#follower?.isBlocked === true && !this.#outstanding.isFull;
    if ((!waits && this.replayer.isIdle) || !this.#distribution.isRoomy) return;
    this.#replay();
    if (waits) this.#follower?.resume();
  }

  #markDirty(isUrgent: boolean): void {
    if (this.#isMarked && !isUrgent) return;
    this.#isMarked = true;
    this.#onDirty(isUrgent);
  }

  #readOrphans(): void {
    if (this.#orphans.isReading || !this.#distribution.isRoomy) return;
    const take = (delivery: Delivery): void => {
      if (delivery.isDone) this.#outstanding.settle();
      else this.#distribution.add(delivery);
    };
    this.#pumpAfter(this.#orphans.read(take));
  }

  #pumpAfter(reading: Promise<void>): void {
    reading.then(
      () => this.#pump(),
      (error: unknown) => this.failed(error),
    );
  }

  #replay(): void {
    if (this.replayer.isIdle) return;
    const take = (event: StoredEvent): void => {
      if (this.#consumers.size === 0) this.replayer.again(event.position);
      else this.#distribution.add(new Delivery(event, true));
    };
    this.#pumpAfter(this.replayer.read(take));
  }

  // What the owner of the subscription does.

  /** @param position of an event that is parked, though the checkpoint has not passed it: it is not delivered */
  passOver(position: number): void {
    this.#parkedAhead.add(position);
  }

  /** Sees to it that the lag is known while nobody is there. @returns when a look into the store is over; null: none is needed */
  watchLag(): Promise<void> | null {
    return this.#consumers.size > 0 ? null : this.#lag.watch(this.doneTo, this.#outstanding.first?.event ?? null);
  }

  /** Delivers parked events again. */
  replay(): void {
    this.#pump();
  }

  /** The caller sees to it that it is written. */
  setState(state: SubscriptionState): void {
    this.#state = state;
    this.#progress.setState(state);
    this.#pump();
  }

  /** @returns what is to be written; null: nothing */
  progress(): SubscriptionProgress | null {
    this.#isMarked = false;
    return this.#progress.pending(this.doneTo);
  }

  saved(written: SubscriptionProgress): void {
    const parked = this.#progress.saved(written);
    this.#outstanding.settle();
    if (parked.length > 0 || this.#progress.hasMarks) this.#markDirty(this.#progress.hasMarks);
    this.#pump();
  }

  /** The store has forgotten them. */
  forgetParked(positions: readonly number[]): void {
    this.#progress.forget(positions);
    for (const position of positions) this.replayer.settle(position);
  }

  /** Goes on from there, as the store has been told; nothing before counts. */
  restart(checkpoint: number): void {
    const consumers = [...this.#consumers];
    for (const consumer of consumers) consumer.shut();
    this.#consumers.clear();
    this.#letGoOfFollower();
    for (const consumer of consumers) this.#distribution.left(consumer, []);
    this.#distribution.drain();
    this.#outstanding.clear();
    this.#orphans.drain();
    this.#parkedAhead.clear();
    this.replayer.clear();
    this.#progress.reset(checkpoint);
    this.#cursor = checkpoint + 1;
    this.#takenTo = 0;
    for (const consumer of consumers) consumer.tell('reset', null);
  }
}
