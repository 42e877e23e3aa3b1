import type { PlexusError } from '@plexus/protocol';
import type { Asked, RemoteRoute } from './remote-route.ts';
import type { Opened, OpenStream } from './store-caller.ts';
import type { Fields } from './store-wire.ts';

/** What has something open at a store of other nodes. */
export interface StreamOwner {
  /** As it is asked for now: where it was lost, from where it was. */
  asked(): Asked;
  onItem(item: Fields): void;
  /** Nothing comes any more; `open` opens it anew. */
  onLost(error: PlexusError): void;
}

/** Something open at a store of other nodes, which may be opened again when its link breaks. */
export class RemoteStream {
  readonly #route: RemoteRoute;
  readonly #owner: StreamOwner;
  /** UUID of the store that it was opened at first: positions and subscriptions are those of that store. */
  #uuid: string | null = null;
  #opened: Opened | null = null;
  #isClosed = false;

  constructor(route: RemoteRoute, owner: StreamOwner) {
    this.#route = route;
    this.#owner = owner;
  }

  /**
   * Tries for as long as the retry policy has it.
   * @param known makes an error another, which may be one that is worth another try
   * @returns what the other node answers; null: it was closed meanwhile
   */
  open(known: (error: unknown) => unknown = (error) => error): Promise<unknown> {
    const uuid = this.#uuid ?? this.#route.uuid;
    return this.#route.repeated(uuid, async () => {
      try {
        return await this.#try(uuid);
      } catch (error) {
        throw known(error);
      }
    });
  }

  /** Says more. @returns false: it is not open now */
  more(message: Fields): boolean {
    this.#opened?.more(message);
    return this.#opened !== null;
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#opened?.close();
    this.#opened = null;
  }

  async #try(uuid: string): Promise<unknown> {
    if (this.#isClosed) return null;
    let lost: PlexusError | null = null;
    let isOpen = false;
    const stream: OpenStream = {
      onItem: (item) => this.#owner.onItem(item),
      onLost: (error) => {
        lost = error;
        if (!isOpen || this.#isClosed) return;
        this.#opened = null;
        this.#owner.onLost(error);
      },
    };
    const opened = await this.#route.open(uuid, this.#owner.asked(), stream);
    if (lost !== null) throw lost;
    if (this.#isClosed) {
      opened.close();
      return null;
    }
    isOpen = true;
    this.#uuid = uuid;
    this.#opened = opened;
    return opened.result;
  }
}
