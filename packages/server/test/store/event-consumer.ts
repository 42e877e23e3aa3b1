import { connectAsync, type MqttClient } from 'mqtt';
import type { Random } from './random.ts';
import { type ShownEvent, type StoreProcess, until } from './store-process.ts';

const MAX_PAUSE_MS = 20;
const CATCH_UP_MS = 30_000;

/** What came from one start of the node to its end. */
class Life {
  /** As the node had it when it began: everything up to there was acknowledged, and the node knew of it. */
  readonly checkpoint: number;
  /** Positions, in the order in which they first came in this life, by stream. */
  readonly first = new Map<string, number[]>();
  readonly received = new Set<number>();
  readonly acknowledged = new Set<number>();

  constructor(checkpoint: number) {
    this.checkpoint = checkpoint;
  }

  hear(position: number, stream: string): void {
    if (this.received.has(position)) return;
    this.received.add(position);
    const positions = this.first.get(stream) ?? [];
    this.first.set(stream, positions);
    positions.push(position);
  }
}

/** A persistent subscription, consumed by several MQTT clients in turn with crashes of the node. */
export class EventConsumers {
  readonly name: string;
  readonly #definition: object;
  readonly #wants: (event: ShownEvent) => boolean;
  readonly #clients: number;
  readonly #random: Random;
  /** In any life. An acknowledgement has no answer: what was sent just before a kill may not have come to the node. */
  readonly #acknowledged = new Set<number>();
  /** null: the node has not begun yet. */
  #life: Life | null = null;
  #connections: MqttClient[] = [];

  constructor(name: string, selector: object, wants: (event: ShownEvent) => boolean, clients: number, random: Random) {
    this.name = name;
    this.#definition = { name, selector, window: 20, poolSize: clients };
    this.#wants = wants;
    this.#clients = clients;
    this.#random = random;
  }

  async create(node: StoreProcess): Promise<void> {
    const { status, body } = await node.ask('POST', '/subscriptions', this.#definition);
    if (status !== 201) throw new Error(`creating ${this.name}: ${status} ${JSON.stringify(body)}`);
  }

  /** Begins the next life, before anybody joins. @returns what is wrong with the last one, and with the checkpoint that it left */
  async begin(node: StoreProcess, events: readonly ShownEvent[]): Promise<string[]> {
    const faults = this.#life === null ? [] : this.#lifeFaults(this.#life, events);
    const { status, body } = await node.ask('GET', `/subscriptions/${this.name}`);
    if (status !== 200) return [...faults, `${this.name} is gone: ${status}`];
    const checkpoint = body.checkpoint ?? -1;
    const before = this.#life?.checkpoint ?? -1;
    this.#life = new Life(checkpoint);
    if (checkpoint < before) faults.push(`${this.name}: its checkpoint went back from ${before} to ${checkpoint}`);
    // All that comes now begins after the checkpoint, so at or before the first that nobody acknowledged.
    const open = this.#wanted(events).find(({ position }) => !this.#acknowledged.has(position));
    if (open !== undefined && checkpoint >= open.position) {
      faults.push(`${this.name}: its checkpoint is ${checkpoint}, but ${open.position} was not acknowledged`);
    }
    return faults;
  }

  /** Joins with all clients. */
  async join(node: StoreProcess): Promise<void> {
    const life = this.#life!;
    this.#connections = await Promise.all(
      Array.from({ length: this.#clients }, async () => {
        const client = await connectAsync(node.mqttUrl, { protocolVersion: 5, reconnectPeriod: 0, clean: true });
        client.on('error', () => {});
        // MQTT.js acknowledges when this is done.
        client.handleMessage = (packet, done) => {
          const properties = (packet as { properties?: { userProperties?: Record<string, string> } }).properties;
          const { position, stream } = properties?.userProperties ?? {};
          life.hear(Number(position), String(stream));
          const acknowledge = (): void => {
            // Without a connection nothing is sent.
            if (client.connected) {
              life.acknowledged.add(Number(position));
              this.#acknowledged.add(Number(position));
            }
            done();
          };
          if (this.#random(10) === 0) setTimeout(acknowledge, this.#random(MAX_PAUSE_MS));
          else acknowledge();
        };
        await client.subscribeAsync(`$subscription/default/${this.name}`, { qos: 1 });
        return client;
      }),
    );
  }

  leave(): void {
    for (const client of this.#connections.splice(0)) client.end(true);
  }

  /**
   * Waits until everything is acknowledged to this node, but what an earlier one has put behind its checkpoint, and until
   * the checkpoint is at the end. @returns what did not happen
   */
  async endFaults(node: StoreProcess, events: readonly ShownEvent[]): Promise<string[]> {
    const life = this.#life!;
    const faults: string[] = [];
    const missing = () =>
      this.#wanted(events).filter(({ position }) => position > life.checkpoint && !life.acknowledged.has(position));
    try {
      await until(`everything is acknowledged to ${this.name}`, CATCH_UP_MS, () => missing().length === 0);
    } catch (error) {
      const left = missing().map(({ position }) => position);
      faults.push(`${(error as Error).message}: ${left.length} are missing, from ${left[0]} on`);
    }
    faults.push(...this.#lifeFaults(life, events));
    try {
      const isAtEnd = async () => (await this.#checkpoint(node)) === events.length - 1;
      await until(`the checkpoint of ${this.name} reaches ${events.length - 1}`, CATCH_UP_MS, isAtEnd);
    } catch (error) {
      faults.push(`${(error as Error).message}: it is ${await this.#checkpoint(node)}`);
    }
    return faults;
  }

  /** Of a node that was begun after another had come to the end: it knows so. */
  async restartFaults(node: StoreProcess, events: readonly ShownEvent[]): Promise<string[]> {
    const checkpoint = await this.#checkpoint(node);
    if (checkpoint === events.length - 1) return [];
    return [`${this.name}: its checkpoint was ${events.length - 1}, and is ${checkpoint} after a restart`];
  }

  async #checkpoint(node: StoreProcess): Promise<number> {
    return (await node.ask('GET', `/subscriptions/${this.name}`)).body.checkpoint ?? -1;
  }

  #wanted(events: readonly ShownEvent[]): ShownEvent[] {
    return events.filter((event) => this.#wants(event));
  }

  /** Of each stream must have come, in order, what follows the checkpoint, without a gap; and nothing that is not wanted. */
  #lifeFaults(life: Life, events: readonly ShownEvent[]): string[] {
    const faults: string[] = [];
    const due = new Map<string, number[]>();
    for (const { stream, position } of this.#wanted(events)) {
      if (position <= life.checkpoint) continue;
      const positions = due.get(stream) ?? [];
      due.set(stream, positions);
      positions.push(position);
    }
    for (const [stream, came] of life.first) {
      const expected = due.get(stream) ?? [];
      const i = came.findIndex((position, at) => position !== expected[at]);
      if (i < 0) continue;
      const where = `${this.name}: after checkpoint ${life.checkpoint}, as number ${i} of ${stream}`;
      faults.push(`${where} ${came[i]} came, and ${expected[i] ?? 'none'} was due`);
    }
    return faults;
  }
}
