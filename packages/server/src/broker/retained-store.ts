import type { Message } from './message.ts';

/** The last retained message of each topic. Every implementation passes `retained-store.conformance.ts`. */
export interface RetainedStore {
  readonly messages: number;
  /** Sum of `costBytes`. */
  readonly bytes: number;
  /** Whether `set` would keep the message. */
  fits(realm: string, message: Message): boolean;
  /** Keeps `message` for its topic in place of an earlier one. @returns false, and keeps the earlier one, when that would pass a bound */
  set(realm: string, message: Message): boolean;
  /** @returns whether there was one */
  delete(realm: string, topic: string): boolean;
  /**
   * The retained messages whose topic matches `filter`. They are found as they are asked for: a change made meanwhile may be seen
   * or not, but what is yielded is the topic's message at that moment.
   */
  match(realm: string, filter: string): Iterator<Message>;
}
