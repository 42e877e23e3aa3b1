import { PlexusError } from '@plexus/protocol';
import type { SubscriptionRecord } from '../operations.ts';
import type { LocalSubscriptions } from '../store.ts';
import type {
  Consumer,
  ConsumerOptions,
  ConsumerSink,
  NewSubscription,
  ParkedEvent,
  StartFrom,
  SubscriptionDefinition,
  SubscriptionInfo,
  SubscriptionState,
} from '../subscription.ts';
import { checkStart, checkWhole, defineSubscription, firstPosition } from './definition.ts';
import { listParkedEvents, MAX_LISTED, parkedAmong, parkedRecords, unparked } from './parked-events.ts';
import type { SubscriptionParts } from './parts.ts';
import { PersistentSubscription } from './persistent-subscription.ts';
import { ProgressWriter } from './progress-writer.ts';
import { Serial } from './serial.ts';

export const MAX_SUBSCRIPTIONS = 10_000;
/** Parked events dropped in one write. */
const DROP_BATCH = 1000;
/** Rounds of saving at the end: parked events first, then the checkpoints that may pass them. */
const LAST_SAVES = 3;

/** The persistent subscriptions of one store, and what the store keeps of them. */
export class PersistentSubscriptions implements LocalSubscriptions {
  readonly #parts: SubscriptionParts;
  readonly #storeName: string;
  readonly #byName = new Map<string, PersistentSubscription>();
  /** Everything that is written of subscriptions goes through it. */
  readonly #serial = new Serial();
  readonly #writer: ProgressWriter;
  #isStopped = false;

  constructor(parts: SubscriptionParts, storeName: string) {
    this.#parts = parts;
    this.#storeName = storeName;
    this.#writer = new ProgressWriter(parts, this.#serial, () => this.#byName.values());
  }

  async start(): Promise<void> {
    const { engine } = this.#parts;
    for (const record of await engine.read('listSubscriptions', {})) await this.#load(record);
    this.#writer.start();
  }

  async #load(record: SubscriptionRecord): Promise<void> {
    const subscription = this.#new(record);
    const { name } = record.definition;
    if (record.parked > 0) {
      const ahead = parkedRecords(this.#parts.engine, name, record.checkpoint);
      for await (const { position } of ahead) subscription.passOver(position);
    }
    await subscription.watchLag();
    this.#byName.set(name, subscription);
  }

  /** Lets go of all consumers and saves what they did. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const subscription of this.all()) {
      subscription.endAll('shutting_down', new PlexusError('shutting_down'));
      if (subscription.progress() !== null) this.#writer.mark(subscription);
    }
    this.#writer.stop();
    try {
      await this.#writer.flush();
      for (let i = 1; i < LAST_SAVES && this.#writer.isDirty; i++) await this.#writer.flush();
    } catch (error) {
      this.#parts.log.warn(
        { err: error },
        'the last progress of subscriptions could not be saved; some events come again',
      );
    }
    this.#writer.stop();
  }

  all(): Iterable<PersistentSubscription> {
    return this.#byName.values();
  }

  async create(subscription: NewSubscription): Promise<SubscriptionInfo> {
    const definition = defineSubscription(subscription);
    const { name } = definition;
    return this.#serial.run(async () => {
      this.#checkRunning();
      if (this.#byName.has(name)) throw new PlexusError('subscription_exists', { name });
      if (this.#byName.size >= MAX_SUBSCRIPTIONS) throw new PlexusError('quota_exceeded', { limit: 'subscriptions' });
      const subscription = this.#new(await this.#write(definition));
      this.#byName.set(name, subscription);
      return subscription.info;
    });
  }

  async #write(definition: SubscriptionDefinition): Promise<SubscriptionRecord> {
    try {
      return await this.#parts.engine.write('createSubscription', { definition });
    } catch (error) {
      if (isCode(error, 'subscription_exists')) await this.#loadUnknown(definition.name);
      throw error;
    }
  }

  /** The store has one that was created though the answer of the store never came. */
  async #loadUnknown(name: string): Promise<void> {
    const records = await this.#parts.engine.read('listSubscriptions', {});
    const record = records.find(({ definition }) => definition.name === name);
    if (record !== undefined) await this.#load(record);
  }

  get(name: string): SubscriptionInfo {
    return this.find(name).info;
  }

  list(): SubscriptionInfo[] {
    const byName = [...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1));
    return byName.map(([, subscription]) => subscription.info);
  }

  async delete(name: string): Promise<void> {
    await this.#serial.run(async () => {
      const subscription = this.find(name);
      try {
        await this.#parts.engine.write('deleteSubscription', { name });
      } catch (error) {
        // It was deleted before, though the answer of the store never came.
        if (isCode(error, 'subscription_not_found')) this.#remove(subscription);
        throw error;
      }
      this.#remove(subscription);
    });
  }

  #remove(subscription: PersistentSubscription): void {
    this.#byName.delete(subscription.definition.name);
    this.#writer.forget(subscription);
    subscription.endAll('deleted', null);
    this.#writer.forget(subscription);
  }

  async pause(name: string): Promise<void> {
    if (this.find(name).state === 'running') await this.#setState(name, 'paused');
  }

  async resume(name: string): Promise<void> {
    if (this.find(name).state !== 'running') await this.#setState(name, 'running');
  }

  async #setState(name: string, state: SubscriptionState): Promise<void> {
    this.#checkRunning();
    const subscription = this.find(name);
    const before = subscription.state;
    subscription.setState(state);
    this.#writer.mark(subscription);
    try {
      await this.#writer.flush();
    } catch (error) {
      if (subscription.state === state) subscription.setState(before);
      throw error;
    }
  }

  async reset(name: string, to: StartFrom): Promise<void> {
    checkStart(to);
    await this.#serial.run(async () => {
      this.#checkRunning();
      const subscription = this.find(name);
      const { engine } = this.#parts;
      const checkpoint = firstPosition(to, engine.lastPosition) - 1;
      await engine.write('resetSubscription', { name, checkpoint });
      this.#writer.forget(subscription);
      subscription.restart(checkpoint);
    });
  }

  async listParked(name: string, after: number, limit: number): Promise<{ items: ParkedEvent[]; next: number | null }> {
    this.find(name);
    checkWhole('limit', limit, 1, Number.MAX_SAFE_INTEGER);
    // Those just parked are to be in it. On a full disk the others can still be seen.
    await this.#writer.flush().catch(() => {});
    return listParkedEvents(this.#parts.engine, name, after, Math.min(limit, MAX_LISTED));
  }

  async replayParked(name: string, positions: readonly number[] | null): Promise<number> {
    const { replayer } = this.find(name);
    await this.#writer.flush();
    let replayed = 0;
    for await (const { position } of parkedAmong(this.#parts.engine, name, positions)) {
      if (replayer.isFull) break;
      if (replayer.add(position)) replayed++;
    }
    this.find(name).replay();
    return replayed;
  }

  async dropParked(name: string, positions: readonly number[] | null): Promise<number> {
    this.find(name);
    await this.#writer.flush();
    return this.#serial.run(async () => {
      let dropped = 0;
      let batch: number[] = [];
      for await (const { position } of parkedAmong(this.#parts.engine, name, positions)) {
        if (batch.push(position) < DROP_BATCH) continue;
        dropped += await this.#drop(name, batch);
        batch = [];
      }
      return batch.length === 0 ? dropped : dropped + (await this.#drop(name, batch));
    });
  }

  async #drop(name: string, positions: readonly number[]): Promise<number> {
    const item = unparked(name, positions);
    const subscription = this.find(name);
    await this.#parts.engine.write('saveProgress', { items: [item] });
    subscription.forgetParked(positions);
    return positions.length;
  }

  attach(name: string, options: ConsumerOptions, sink: ConsumerSink): Consumer {
    this.#checkRunning();
    return this.find(name).attach(options, sink);
  }

  /** @throws {PlexusError} subscription_not_found */
  find(name: string): PersistentSubscription {
    const subscription = this.#byName.get(name);
    if (subscription === undefined) {
      throw new PlexusError('subscription_not_found', { store: this.#storeName, name });
    }
    return subscription;
  }

  #new(record: SubscriptionRecord): PersistentSubscription {
    const { name } = record.definition;
    return new PersistentSubscription(record, this.#parts, (isUrgent) => this.#dirty(name, isUrgent));
  }

  #dirty(name: string, isUrgent: boolean): void {
    const subscription = this.#byName.get(name);
    if (subscription === undefined) return;
    this.#writer.mark(subscription);
    if (isUrgent && !this.#isStopped) this.#writer.hurry();
  }

  #checkRunning(): void {
    if (this.#isStopped) throw new PlexusError('shutting_down');
  }
}

const isCode = (error: unknown, code: string): boolean => error instanceof PlexusError && error.code === code;
