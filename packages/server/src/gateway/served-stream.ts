import type { Clock } from '../lib/clock.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import { type Fields, sendMessage } from './store-wire.ts';

/** What of this node's stores is open for another node: a consumer, or a reader. */
export interface ServedStream {
  /** The other node says more. @throws {PlexusError} it makes no sense */
  more(message: Fields): void;
  /** Nobody is there any more. Idempotent. */
  close(): void;
}

/** What a served stream writes on. */
export class ServedChannel {
  readonly clock: Clock;
  readonly #link: Link;
  readonly #id: number;
  readonly #onEnd: () => void;
  isOver = false;

  /** @param onEnd it is forgotten */
  constructor(link: Link, id: number, clock: Clock, onEnd: () => void) {
    this.#link = link;
    this.#id = id;
    this.clock = clock;
    this.#onEnd = onEnd;
  }

  item(message: Fields): void {
    if (!this.isOver) sendMessage(this.#link, FrameType.Item, this.#id, message);
  }

  /** @param message the last one; null: the other end has gone */
  end(message: Fields | null): void {
    if (this.isOver) return;
    if (message !== null) this.item({ ...message, end: true });
    this.isOver = true;
    this.#onEnd();
  }
}
