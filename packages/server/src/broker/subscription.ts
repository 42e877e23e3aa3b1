import { type SubscribeRequest, TrieEntry } from '@plexus/protocol';
import type { Session } from './session.ts';

/** One session's filter with its options, as it stands in the trie of its realm. */
export class Subscription extends TrieEntry {
  readonly session: Session;
  /** Replaced when the client subscribes to the same filter again. */
  request: SubscribeRequest;

  constructor(session: Session, request: SubscribeRequest) {
    super();
    this.session = session;
    this.request = request;
  }
}
