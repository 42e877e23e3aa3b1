import type { RecentTopic } from '@plexus/protocol';

/** Aliases used towards one client, whatever it would allow: its table and ours cost memory. */
const MAX_ALIASES = 64;
/** Topics not longer than this gain nothing: the alias property takes three bytes, and the empty topic none. */
const MIN_TOPIC_BYTES = 4;

/** What a PUBLISH says of its topic. */
export interface AliasUse {
  readonly alias: number;
  /** Whether the client knows the alias already, so that the topic can be left out. */
  readonly known: boolean;
}

/**
 * The topic aliases of one connection, from us to the client: MQTT 5.0 §3.3.2.3.4. Chosen by use: a topic gets one when it
 * comes a second time, and once all are given out, in place of the one used longest ago.
 */
export class TopicAliases {
  readonly #most: number;
  /** By topic, least recently used first. */
  readonly #aliases = new Map<string, number>();
  /** Topics that came once; as many as there are aliases. */
  readonly #once = new Set<string>();

  /** @param most the client's topic alias maximum, at least 1 */
  constructor(most: number) {
    this.#most = Math.min(most, MAX_ALIASES);
  }

  /** What to say for a message on `topic` that is certain to be sent next. null: just the topic. */
  use(topic: RecentTopic): AliasUse | null {
    const { name } = topic;
    const alias = this.#aliases.get(name);
    if (alias !== undefined) {
      this.#aliases.delete(name);
      this.#aliases.set(name, alias);
      return { alias, known: true };
    }
    if (topic.bytes.length < MIN_TOPIC_BYTES) return null;
    if (!this.#once.delete(name)) {
      this.#remember(name);
      return null;
    }
    const free = this.#free();
    this.#aliases.set(name, free);
    return { alias: free, known: false };
  }

  #free(): number {
    if (this.#aliases.size < this.#most) return this.#aliases.size + 1;
    const [oldest] = this.#aliases;
    if (oldest === undefined) throw new Error('no alias is in use, and none is free');
    this.#aliases.delete(oldest[0]);
    return oldest[1];
  }

  #remember(name: string): void {
    if (this.#once.size >= this.#most) {
      const [oldest] = this.#once;
      if (oldest !== undefined) this.#once.delete(oldest);
    }
    this.#once.add(name);
  }
}
