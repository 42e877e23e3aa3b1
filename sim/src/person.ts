import type { Qos } from '@plexus/protocol';
import type { ConnectionRecord, MessageRecord } from './history/ledger.ts';
import type { Random } from './random.ts';
import { type ClientEvents, SimClient } from './sim-client.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** Publishes at QoS 1 that may be unanswered at once. */
const WINDOW = 20;
const GRANTED_MAX = 2;
/** Reason of MQTT 5: session taken over. */
const TAKEN_OVER = 0x8e;

/** Somebody with a client id, over all their connections. Comes back when a connection is lost, unless it was taken over. */
export class Person implements ClientEvents {
  readonly id: string;
  readonly realm: string;
  /** Where the next connection goes to. */
  home: SimNode;
  readonly #world: World;
  readonly #random: Random;
  /** What is subscribed to on every connection: filter → QoS. */
  readonly #wanted = new Map<string, Qos>();
  readonly #records = new Map<SimClient, ConnectionRecord>();
  readonly #open = new Map<number, MessageRecord>();
  #client: SimClient | null = null;
  #retired = false;

  constructor(world: World, id: string, realm: string, home: SimNode) {
    this.#world = world;
    this.id = id;
    this.realm = realm;
    this.home = home;
    this.#random = world.random.fork(`person ${realm}/${id}`);
  }

  get isConnected(): boolean {
    return this.#client?.state === 'connected';
  }

  get filters(): string[] {
    return [...this.#wanted.keys()];
  }

  /** Does not come back any more. */
  retire(): void {
    this.#retired = true;
  }

  connect(): void {
    const run = this.home.running;
    if (this.#retired) return;
    if (run === null) {
      this.#again();
      return;
    }
    const { ledger } = this.#world.history;
    const record = ledger.opened(this.id, this.realm, run.life);
    const { time } = this.#world;
    const random = this.#random.fork(`connection ${record.number}`);
    const place = { time, random, process: run.process, accept: run.accept };
    const client = new SimClient(this.id, this.realm, record.number, place, this);
    this.#records.set(client, record);
    this.home.opened(client.transport);
    this.#client = client;
    this.#open.clear();
  }

  /** Connects somewhere else, and leaves the old connection to its fate. */
  move(home: SimNode): void {
    this.home = home;
    this.connect();
  }

  /** The connection breaks; another follows. */
  hangUp(): void {
    this.#client?.hangUp();
  }

  subscribe(filter: string, qos: Qos): void {
    this.#wanted.set(filter, qos);
    if (this.isConnected) this.#subscribe(filter, qos);
  }

  unsubscribe(filter: string): void {
    if (!this.#wanted.delete(filter) || !this.isConnected) return;
    this.#world.history.ledger.unsubscribing(this.#records.get(this.#client!)!, filter);
    this.#client!.unsubscribe(filter);
  }

  /** Does nothing while not connected, or while too much is unanswered. */
  publish(topic: string, qos: Qos, retain = false, padding = 0): void {
    if (!this.isConnected || (qos > 0 && this.#open.size >= WINDOW)) return;
    const record = this.#records.get(this.#client!)!;
    const message = this.#world.history.ledger.sending(record, topic, qos, retain);
    const packetId = this.#client!.publish(topic, `${message.id} `.padEnd(padding), qos, retain);
    if (qos > 0) this.#open.set(packetId, message);
  }

  /** Takes a retained message away. */
  clearRetained(topic: string): void {
    if (this.isConnected) this.#client!.publish(topic, '', 0, true);
  }

  // ---- what happens to the connection

  onConnected(client: SimClient): void {
    this.#world.history.ledger.connected(this.#records.get(client)!);
    if (client !== this.#client) return;
    for (const [filter, qos] of this.#wanted) this.#subscribe(filter, qos);
  }

  onSubscribed(client: SimClient, filter: string, reason: number): void {
    const record = this.#records.get(client)!;
    if (reason > GRANTED_MAX) {
      this.#world.checker.violated('subscriptions are granted', `${this.id} was refused ${filter}: ${reason}`);
      return;
    }
    this.#world.history.ledger.subscribed(record, filter);
    this.#changed(record, filter);
  }

  onUnsubscribed(client: SimClient, filter: string): void {
    this.#changed(this.#records.get(client)!, filter);
  }

  onMessage(client: SimClient, topic: string, payload: string, qos: Qos, retain: boolean, dup: boolean): void {
    // A retained message was taken away: nothing that could be told from another such.
    if (payload.length === 0) return;
    const receipt = this.#world.history.ledger.received(this.#records.get(client)!, payload, topic, qos, retain, dup);
    this.#world.trace.note(this.id, `gets ${receipt.message.id} on ${topic} at QoS ${qos}${retain ? ' retained' : ''}`);
    this.#world.checker.received(receipt);
  }

  onAnswered(client: SimClient, packetId: number, reason: number): void {
    const message = client === this.#client ? this.#open.get(packetId) : undefined;
    if (message === undefined) return;
    this.#open.delete(packetId);
    this.#world.trace.note(this.id, `is answered ${message.id} with ${reason}`);
    this.#world.history.ledger.answered(message, reason);
  }

  onGone(client: SimClient, reason: number | null): void {
    const record = this.#records.get(client)!;
    this.#records.delete(client);
    this.#world.trace.note(this.id, `connection ${record.number} on ${record.life.nodeId} is gone (${reason})`);
    this.#world.history.ledger.gone(record, reason);
    if (client !== this.#client) return;
    this.#client = null;
    if (reason !== TAKEN_OVER) this.#again();
  }

  #subscribe(filter: string, qos: Qos): void {
    this.#world.history.ledger.subscribing(this.#records.get(this.#client!)!, filter, qos);
    this.#client!.subscribe(filter, qos);
  }

  #changed(record: ConnectionRecord, filter: string): void {
    const subscription = record.subscriptions.findLast((each) => each.filter === filter);
    if (subscription !== undefined) this.#world.checker.subscriptionChanged(subscription);
  }

  #again(): void {
    this.#world.time.after(this.#random.between(100, 600), () => {
      if (this.#client === null) this.connect();
    });
  }
}
