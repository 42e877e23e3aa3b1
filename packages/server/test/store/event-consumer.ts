import { connectAsync, type MqttClient } from 'mqtt';
import type { Random } from './random.ts';
import type { ShownEvent, StoreProcess } from './store-process.ts';

const MAX_PAUSE_MS = 20;

/** A persistent subscription, consumed by several MQTT clients in turn with crashes of the node. */
export class EventConsumers {
  readonly name: string;
  readonly #definition: object;
  readonly #wants: (event: ShownEvent) => boolean;
  readonly #clients: number;
  readonly #random: Random;
  /** Positions, in the order in which they first came, by stream. */
  readonly #first = new Map<string, number[]>();
  readonly #received = new Set<number>();
  readonly #acknowledged = new Set<number>();
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

  /** Joins with all clients. */
  async join(node: StoreProcess): Promise<void> {
    this.#connections = await Promise.all(
      Array.from({ length: this.#clients }, async () => {
        const client = await connectAsync(node.mqttUrl, { protocolVersion: 5, reconnectPeriod: 0, clean: true });
        client.on('error', () => {});
        // MQTT.js acknowledges when this is done.
        client.handleMessage = (packet, done) => {
          const properties = (packet as { properties?: { userProperties?: Record<string, string> } }).properties;
          const { position, stream } = properties?.userProperties ?? {};
          this.#hear(Number(position), String(stream));
          const acknowledge = (): void => {
            this.#acknowledged.add(Number(position));
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

  /** What is wrong with the checkpoint of a store that holds `events`: it may not be past an event that nobody acknowledged. */
  async checkpointFaults(node: StoreProcess, events: readonly ShownEvent[]): Promise<string[]> {
    const { status, body } = await node.ask('GET', `/subscriptions/${this.name}`);
    if (status !== 200) return [`${this.name} is gone: ${status}`];
    const open = events.find((event) => this.#wants(event) && !this.#acknowledged.has(event.position));
    if (open === undefined || (body.checkpoint ?? -1) < open.position) return [];
    return [`${this.name}: its checkpoint is ${body.checkpoint}, but ${open.position} was not acknowledged`];
  }

  /** Whether everything came that should. */
  hasAll(events: readonly ShownEvent[]): boolean {
    return events.every((event) => !this.#wants(event) || this.#received.has(event.position));
  }

  /** Events that came and should not have, and streams whose events first came in another order than they have. */
  faultsOf(events: readonly ShownEvent[]): string[] {
    const faults: string[] = [];
    for (const position of this.#received) {
      const event = events[position];
      if (event === undefined || !this.#wants(event)) faults.push(`${this.name}: ${position} came and is not wanted`);
    }
    for (const [stream, positions] of this.#first) {
      if (positions.some((position, i) => i > 0 && position < positions[i - 1]!)) {
        faults.push(`${this.name}: events of ${stream} came out of order`);
      }
    }
    return faults;
  }

  #hear(position: number, stream: string): void {
    if (this.#received.has(position)) return;
    this.#received.add(position);
    const positions = this.#first.get(stream) ?? [];
    this.#first.set(stream, positions);
    positions.push(position);
  }
}
