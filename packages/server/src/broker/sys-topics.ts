import type { Broker } from './broker.ts';
import { Message } from './message.ts';
import type { Realm } from './realm.ts';

/** A topic under `$SYS/broker/` and what stands there. */
type SysTopic = readonly [name: string, value: (broker: Broker, realm: Realm) => string | number];

/**
 * The topics that brokers have by custom. Each realm has its own, with what is true of that realm alone: no number tells
 * one realm what goes on in another.
 */
const TOPICS: readonly SysTopic[] = [
  ['clients/connected', (broker, realm) => broker.clients.count(realm.name)],
  ['clients/total', (_broker, realm) => realm.sessions.size],
  ['clients/disconnected', (broker, realm) => realm.sessions.size - broker.clients.count(realm.name)],
  ['subscriptions/count', (_broker, realm) => realm.subscriptions],
  ['messages/received', (_broker, realm) => realm.messagesIn],
  ['messages/sent', (_broker, realm) => realm.messagesOut],
  ['messages/stored', (_broker, realm) => queued(realm)],
];

/** Publishes `$SYS/#`, retained, in every realm. Nobody else may [MQTT-4.7.2-1]. */
export class SysTopics {
  readonly #broker: Broker;
  readonly #version: string;
  readonly #startedMs: number;
  /** By realm and topic: what was published last, so that only changes are. */
  readonly #published = new Map<string, string>();

  constructor(broker: Broker, version: string) {
    this.#broker = broker;
    this.#version = version;
    this.#startedMs = broker.context.now();
  }

  publish(): void {
    for (const realm of this.#broker.realms.all()) {
      const uptimeS = Math.floor((this.#broker.context.now() - this.#startedMs) / 1000);
      this.#publish(realm, 'version', `Plexus ${this.#version}`);
      this.#publish(realm, 'uptime', `${uptimeS} seconds`);
      for (const [name, value] of TOPICS) this.#publish(realm, name, `${value(this.#broker, realm)}`);
    }
  }

  #publish(realm: Realm, name: string, value: string): void {
    const topic = `$SYS/broker/${name}`;
    const key = `${realm.name}\0${topic}`;
    if (this.#published.get(key) === value) return;
    this.#published.set(key, value);
    const message = Message.of(realm.topic(topic), Buffer.from(value), { qos: 1, retain: true });
    this.#broker.context.router.publish(realm, message, null);
  }
}

function queued(realm: Realm): number {
  let count = 0;
  for (const session of realm.sessions.values()) count += session.state.queuedMessages;
  return count;
}
