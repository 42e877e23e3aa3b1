import type { AbortOptions, PeerId } from '@libp2p/interface';

/** For so long whoever did not answer is not dialled again to be asked. */
const SILENT_MS = 60_000;
const MAX_SILENT = 4096;

export interface ContactPingsSetup {
  /** Fails unless the peer is a node of the directory. */
  ask(peer: PeerId, options: AbortOptions): Promise<void>;
  isConnected(peer: PeerId): boolean;
  now(): number;
}

/**
 * Asks peers whether they are nodes of the directory, which kad-dht does whenever one is named to it: with every answer, and of those in
 * records too. Anybody can put records there that lead to somebody else, so a peer that did not answer is dialled once in a while at most.
 */
export class ContactPings {
  readonly #setup: ContactPingsSetup;
  /** When they did not answer, by id; the longest ago first. */
  readonly #silent = new Map<string, number>();

  constructor(setup: ContactPingsSetup) {
    this.#setup = setup;
  }

  /** @throws when it is not there, or was not a moment ago */
  async ping(peer: PeerId, options: AbortOptions = {}): Promise<void> {
    const { ask, isConnected, now } = this.#setup;
    const peerId = peer.toString();
    const sinceMs = this.#silent.get(peerId);
    // One that is connected costs no dial.
    if (sinceMs !== undefined && now() - sinceMs < SILENT_MS && !isConnected(peer)) {
      throw new Error('it did not answer a moment ago');
    }
    this.#silent.delete(peerId);
    try {
      await ask(peer, options);
    } catch (error) {
      this.#remember(peerId);
      throw error;
    }
  }

  #remember(peerId: string): void {
    this.#silent.delete(peerId);
    this.#silent.set(peerId, this.#setup.now());
    for (const oldest of this.#silent.keys()) {
      if (this.#silent.size <= MAX_SILENT) break;
      this.#silent.delete(oldest);
    }
  }
}
