import { PlexusError, type Qos } from '@plexus/protocol';
import { Broker, SWEEP_MS } from '../broker/broker.ts';
import type { ConnectedClient } from '../broker/connected-client.ts';
import { BrokerCounters, type DropReason } from '../broker/counters.ts';
import { LocalDelivery } from '../broker/local-delivery.ts';
import { MemoryRetainedStore } from '../broker/memory-retained-store.ts';
import { MemorySessionStore } from '../broker/memory-session-store.ts';
import { Message } from '../broker/message.ts';
import type { BrokerOptions } from '../broker/options.ts';
import type { Authenticator } from '../broker/ports.ts';
import type { Session } from '../broker/session.ts';
import { loadConfig } from '../config.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { createLogger, rateLimited } from '../lib/log.ts';
import { Turn } from '../lib/turn.ts';
import { Router } from '../router/router.ts';
import { StoreTopics } from '../router/store-topics.ts';
import type { Stores } from '../store/store.ts';
import type { ConnectOptions } from './packets.ts';
import { type Host, TestClient, type TestClientOptions } from './test-client.ts';

/** More rounds than any test needs: whoever gets here goes round in circles. */
const MAX_ROUNDS = 100_000;
const DEFAULTS = loadConfig({ flags: {}, env: {}, readFile: () => '' });
const ANONYMOUS: Authenticator = { authenticate: (username) => ({ realm: 'default', username }) };

const NO_STORES: Stores = {
  list: () => [],
  get: (store) => {
    throw new PlexusError('store_not_found', { store });
  },
};

export interface TestBrokerOptions extends Partial<BrokerOptions> {
  authenticator?: Authenticator;
  /** Default: none. */
  stores?: Stores;
  /** Default: one of its own. */
  clock?: FakeClock;
}

/** The whole broker with its real parts, on a virtual clock, without sockets. Nothing happens unless a test says so. */
export class TestBroker implements Host {
  readonly clock: FakeClock;
  readonly broker: Broker;
  readonly retained: MemoryRetainedStore;
  readonly #turns: (() => void)[] = [];
  readonly #clients: TestClient[] = [];
  readonly #faults: string[] = [];
  #assigned = 0;

  constructor({ authenticator = ANONYMOUS, stores = NO_STORES, clock, ...overrides }: TestBrokerOptions = {}) {
    this.clock = clock ?? new FakeClock();
    const options: BrokerOptions = { ...DEFAULTS, ...overrides };
    const counters = new BrokerCounters();
    const queuedBytes = { total: 0 };
    // Anything that the broker itself calls a fault is one.
    const log = createLogger({ level: 'error', destination: { write: (line) => void this.#faults.push(line) } });
    this.retained = new MemoryRetainedStore(options);
    const router = new Router(new LocalDelivery(options, queuedBytes), this.retained, counters);
    this.broker = new Broker(
      {
        options,
        clock: this.clock,
        turn: new Turn((run) => this.#turns.push(run)),
        authenticator,
        retained: this.retained,
        sessions: new MemorySessionStore(() => this.clock.wallMs()),
        stores,
        counters,
        queuedBytes,
        newClientId: () => `assigned-${++this.#assigned}`,
        log,
        limitedLog: rateLimited(log, this.clock),
      },
      router,
    );
    new StoreTopics(this.broker.context).start();
    this.clock.setInterval(() => this.broker.sweep(), SWEEP_MS);
  }

  /** A client that is connected. */
  client(id: string, options: TestClientOptions & ConnectOptions = {}): TestClient {
    const client = this.connect(id, options);
    if (client.connackReason !== 0) throw new Error(`${id} was refused: ${client.connackReason}`);
    return client;
  }

  /** A client that has tried to connect. */
  connect(id: string, options: TestClientOptions & ConnectOptions = {}): TestClient {
    const { version, address, autoAck, ...connect } = options;
    return this.stranger(id, {
      ...(version !== undefined && { version }),
      ...(address !== undefined && { address }),
      ...(autoAck !== undefined && { autoAck }),
    }).connect(connect);
  }

  /** A client that has not opened its transport. */
  stranger(id = '', options: TestClientOptions = {}): TestClient {
    return new TestClient(this, id, options);
  }

  accept(client: TestClient): void {
    const handler = this.broker.accept(client.transport, 'memory');
    if (handler === null) client.transport.closed = true;
    else {
      client.transport.attach(handler);
      this.#clients.push(client);
    }
  }

  /** Runs turns and transports until nothing happens any more. Time stands still. */
  settle(): void {
    for (let rounds = 0; this.step(); rounds++) if (rounds > MAX_ROUNDS) throw new Error('the broker never settles');
  }

  /** One turn of the event loop: every transport once, then the end of the turn. @returns whether anything happened */
  step(): boolean {
    let busy = false;
    for (const client of this.#clients) busy = client.transport.step() || busy;
    for (const run of this.#turns.splice(0)) {
      run();
      busy = true;
    }
    const fault = this.#faults.shift();
    if (fault !== undefined) throw new Error(fault);
    if (!busy) this.#forgetClosed();
    return busy;
  }

  /** Lets time pass in small steps, with everything that follows from it. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= SWEEP_MS) {
      this.clock.advance(Math.min(left, SWEEP_MS));
      this.settle();
    }
  }

  // ---- what it looks like from inside

  session(id: string, realm = 'default'): Session | null {
    return this.broker.realms.find(realm)?.sessions.get(id) ?? null;
  }

  registered(id: string, realm = 'default'): ConnectedClient | null {
    return this.broker.clients.find(realm, id);
  }

  dropped(reason: DropReason): number {
    return this.broker.counters.dropped.get(reason) ?? 0;
  }

  /** Publishes what a program hands to the node. */
  message(topic: string, payload: string, options: { qos?: Qos; retain?: boolean } = {}): Message {
    const realm = this.broker.realms.get('default');
    return Message.of(realm.topic(topic), Buffer.from(payload), { qos: 0, retain: false, ...options });
  }

  #forgetClosed(): void {
    for (let i = this.#clients.length - 1; i >= 0; i--) {
      if (this.#clients[i]!.transport.closed) this.#clients.splice(i, 1);
    }
  }
}
