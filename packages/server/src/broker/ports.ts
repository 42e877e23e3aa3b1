import type { RecentTopic } from '@plexus/protocol';
import type { Message } from './message.ts';
import type { PublishRun } from './publish-run.ts';
import type { Realm } from './realm.ts';
import type { CommitTarget } from './session-store.ts';

/** Where the broker's messages go. The router implements it, and sends them on to every place with interest. */
export interface MessageRouter {
  /** QoS 0 messages that are not retained: nobody waits for an answer. */
  publishRun(realm: Realm, run: PublishRun): void;
  /**
   * Any other message.
   * @param commit the publisher's acknowledgement, which further obligations may be added to; null if nobody waits
   * @returns the reason for the publisher: Success, NoMatchingSubscribers, or a refusal (0x80 and above), in which case
   * the message went nowhere
   */
  publish(realm: Realm, message: Message, commit: CommitTarget | null): number;
  /** Whether a message on `topic` would go to anybody. */
  isWanted(realm: Realm, topic: RecentTopic): boolean;
  /** Whether a shared subscription, by its filter with `$share/{group}/`, has a member with a connection on another node. */
  hasMemberElsewhere(realm: Realm, share: string): boolean;
  /** Gives what a member of a shared subscription had not got to a member on another node. @returns whether there is one */
  handOver(realm: Realm, share: string, message: Message): boolean;
}

/** Hears what the sessions of this node want, so that other nodes can know. */
export interface InterestSink {
  /**
   * How many sessions want a filter, `$share/{group}/…` too. Both 0: nobody any more. A filter that is not shared is told of
   * when the first comes and when the last goes.
   * @param away of sessions without a connection that have messages kept for them
   */
  changed(realm: string, filter: string, online: number, away: number): void;
}

/** Hears who is connected, so that a client id has one connection among several nodes. */
export interface ClientDirectory {
  connected(realm: string, clientId: string): void;
  gone(realm: string, clientId: string): void;
}

/** Who a connection is. */
export interface Identity {
  readonly realm: string;
  /** null: anonymous */
  readonly username: string | null;
}

export type AuthResult = Identity | 'bad_credentials' | 'not_authorized' | 'server_busy';

export interface Authenticator {
  /**
   * A promise only where there is something to wait for.
   * @param wanted whether anybody still waits; asked before work that takes long
   */
  authenticate(
    username: string | null,
    password: Uint8Array | null,
    wanted: () => boolean,
  ): AuthResult | Promise<AuthResult>;
}
