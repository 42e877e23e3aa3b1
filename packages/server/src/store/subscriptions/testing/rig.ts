import { setImmediate as turn } from 'node:timers/promises';
import { FakeClock } from '../../../lib/fake-clock.ts';
import { createLogger, type Logger } from '../../../lib/log.ts';
import type { NewEvent, StoredEvent } from '../../event.ts';
import type { Consumer, ConsumerEnd, ConsumerOptions, ConsumerSink, NewSubscription } from '../../subscription.ts';
import { MemoryEngine } from '../../testing/memory-engine.ts';
import { StoreSubscriptionService } from '../service.ts';
import { Lifeline } from './lifeline.ts';

/** Turns of the event loop after which an engine in memory has answered all that follows from one step. */
const TURNS = 12;

export interface RigOptions {
  /** Most events that one page of the engine looks at. */
  readonly maxLooked?: number;
  /** Default: silent. */
  readonly log?: Logger;
}

/** A service over a store in memory, on a virtual clock. */
export class Rig {
  readonly clock = new FakeClock();
  readonly engine: MemoryEngine;
  service: StoreSubscriptionService;
  readonly #log: Logger;
  #lifeline: Lifeline;

  private constructor({ maxLooked = 1000, log }: RigOptions) {
    this.#log = log ?? createLogger({ level: 'silent' });
    this.engine = new MemoryEngine({ wallMs: () => this.clock.wallMs(), store: 's', maxLooked });
    this.#lifeline = new Lifeline(this.engine);
    this.service = this.#newService();
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await rig.service.start();
    return rig;
  }

  #newService(): StoreSubscriptionService {
    const log = this.#log;
    const clock = this.#lifeline.clock(this.clock);
    return new StoreSubscriptionService({ engine: this.#lifeline, storeName: 's', clock, log });
  }

  get subscriptions() {
    return this.service.subscriptions;
  }

  /** Leaves the service as a crash does, and starts another on what is stored. */
  async crash(): Promise<void> {
    this.#lifeline.cut();
    this.#lifeline = new Lifeline(this.engine);
    this.service = this.#newService();
    await this.service.start();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < TURNS; i++) {
      this.clock.advance(0);
      await turn();
    }
  }

  /** In small steps, so that what timers begin is answered in between. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(Math.min(left, 100));
      await this.settle();
    }
  }

  /** One event each, each its own append. */
  async append(stream: string, ...data: unknown[]): Promise<void> {
    for (const one of data) await this.appendEvent(stream, { type: 't', data: one });
    await this.settle();
  }

  async appendEvent(stream: string, event: NewEvent): Promise<void> {
    await this.engine.append({ writes: [{ stream, events: [event] }] });
  }

  /** A subscription `sub` to everything, from the start. */
  async create(parts: Partial<NewSubscription> = {}): Promise<void> {
    await this.subscriptions.create({ name: 'sub', selector: { kind: 'all' }, ...parts });
  }

  async attach(options: Partial<ConsumerOptions> & { acks?: boolean } = {}): Promise<Recorder> {
    const recorder = this.attachNow(options);
    await this.settle();
    return recorder;
  }

  attachNow({ acks = false, ...options }: Partial<ConsumerOptions> & { acks?: boolean } = {}): Recorder {
    const recorder = new Recorder(acks);
    recorder.consumer = this.subscriptions.attach('sub', { name: 'c', ...options }, recorder);
    return recorder;
  }

  get info() {
    return this.subscriptions.get('sub');
  }

  get stats() {
    return this.service.stats().find(({ name }) => name === 'sub')!;
  }

  /** The checkpoint that a crash would leave. */
  async stored(): Promise<number> {
    const records = await this.engine.read('listSubscriptions', {});
    return records.find(({ definition }) => definition.name === 'sub')!.checkpoint;
  }

  async parked(): Promise<[position: number, reason: string, attempts: number][]> {
    const { items } = await this.subscriptions.listParked('sub', -1, 1000);
    return items.map(({ event, reason, attempts }) => [event.position, reason, attempts]);
  }
}

/** A consumer that writes down what it gets. */
export class Recorder implements ConsumerSink {
  consumer!: Consumer;
  readonly got: { event: StoredEvent; attempt: number }[] = [];
  readonly warnings: [queued: number, bound: number][] = [];
  ended: ConsumerEnd | null = null;
  error: Error | null = null;
  readonly #acks: boolean;

  constructor(acks: boolean) {
    this.#acks = acks;
  }

  deliver(event: StoredEvent, attempt: number): void {
    if (this.ended !== null) throw new Error('delivered after the end');
    this.got.push({ event, attempt });
    if (this.#acks) this.consumer.ack(event.position);
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    if (this.ended !== null) throw new Error('ended twice');
    this.ended = reason;
    this.error = error;
  }

  warn(queued: number, bound: number): void {
    this.warnings.push([queued, bound]);
  }

  /** Data of everything that came, or came since the last `take`. */
  get data(): unknown[] {
    return this.got.map(({ event }) => event.data);
  }

  get attempts(): number[] {
    return this.got.map(({ attempt }) => attempt);
  }

  take(): unknown[] {
    const all = this.data;
    this.got.length = 0;
    return all;
  }
}
