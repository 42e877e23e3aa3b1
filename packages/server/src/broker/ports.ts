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
