import { topicMatches } from '@plexus/protocol';
import type { VirtualTime } from '../virtual-time.ts';
import { Disturbances } from './disturbances.ts';
import { Ledger } from './ledger.ts';
import { Lives } from './lives.ts';
import { Memberships } from './memberships.ts';
import { Moments } from './moment.ts';

/** What really happened in a world, as nobody within it knows it. */
export class History {
  readonly time: VirtualTime;
  readonly moments: Moments;
  readonly lives: Lives;
  readonly memberships: Memberships;
  readonly disturbances: Disturbances;
  readonly ledger: Ledger;

  readonly #matches = new Map<string, Map<string, boolean>>();

  constructor(time: VirtualTime) {
    this.time = time;
    this.moments = new Moments(time);
    this.lives = new Lives(this.moments);
    this.memberships = new Memberships(this.moments);
    this.disturbances = new Disturbances(time);
    this.ledger = new Ledger(this.moments);
  }

  /** `topicMatches`, remembered: the same few are asked for again and again. */
  matches(filter: string, topic: string): boolean {
    let byTopic = this.#matches.get(filter);
    if (byTopic === undefined) {
      byTopic = new Map();
      this.#matches.set(filter, byTopic);
    }
    let result = byTopic.get(topic);
    if (result === undefined) {
      result = topicMatches(filter, topic);
      byTopic.set(topic, result);
    }
    return result;
  }
}
