import type { Message } from './message.ts';

/** The last retained message of each topic. Every implementation passes `retained-store.conformance.ts`. */
export interface RetainedStore {
  readonly messages: number;
  /** Sum of what the messages and their topics take, roughly. */
  readonly bytes: number;
  /** Whether `set` would keep the message. */
  fits(realm: string, message: Message): boolean;
  /** Keeps `message` for its topic in place of an earlier one. @returns false, and keeps the earlier one, when that would pass a bound */
  set(realm: string, message: Message): boolean;
  /** @returns whether there was one */
  delete(realm: string, topic: string): boolean;
  /**
   * The topics that match `filter` and have a retained message. They are found as they are asked for: a change made
   * meanwhile may be seen or not. One call of `next` looks at a bounded number of places; null means that it found
   * nothing there, and that there are more.
   */
  match(realm: string, filter: string): Iterator<string | null, undefined>;
  /** The retained message of a topic. */
  get(realm: string, topic: string): Message | null;
  /** Takes out messages whose expiry has passed; looks at `most` of them, and goes on from there the next time. */
  expire(wallMs: number, most: number): void;
  /** Called for each that `expire` has taken out. Set by whoever has to know. */
  onExpired: (realm: string, topic: string) => void;
}
