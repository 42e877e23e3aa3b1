import type { Connection } from '@libp2p/interface';
import type { Clock, Timer } from '../lib/clock.ts';

/** How long a connection without a stream of ours is kept for the next one. */
const IDLE_MS = 10_000;
/** The same for one that nobody gets again. A reader that is paused may hear only from its end that the other end is gone. */
const SUSPECT_MS = 500;
/** Streams that libp2p opens by itself; they do not keep a connection. */
const ATTENDANTS = ['/ipfs/id/', '/ipfs/ping/'];

/** Idle connections that are kept for longer, because they are wanted. */
const MAX_KEPT = 128;

interface Entry {
  channels: number;
  /** One of those. */
  kept: boolean;
  /** A channel on it broke: whoever dials gets another. */
  suspect: boolean;
  idle: Timer | null;
}

/** The connections under the channels: which one the next channel may use, and which one nobody needs any more. */
export class ConnectionTable {
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #isWanted: (peerId: string) => boolean;
  readonly #isPlace: (peerId: string) => boolean;
  readonly #entries = new Map<Connection, Entry>();
  #kept = 0;

  /**
   * @param isWanted whether an idle connection to a peer is worth keeping: it will be asked something again, over another protocol
   * @param isPlace whether one end has a place with the other as its relay: that ends with the connection
   */
  constructor(
    clock: Pick<Clock, 'setTimeout'>,
    isWanted: (peerId: string) => boolean = () => false,
    isPlace: (peerId: string) => boolean = () => false,
  ) {
    this.#clock = clock;
    this.#isWanted = isWanted;
    this.#isPlace = isPlace;
  }

  /** An open one to that peer which can be trusted to work, not over a relay: whoever dials may find a better one. null: none */
  usable(peerId: string): Connection | null {
    for (const [connection, entry] of this.#entries) {
      if (entry.suspect || connection.status !== 'open' || connection.limits !== undefined) continue;
      if (connection.remotePeer.toString() === peerId) return connection;
    }
    return null;
  }

  opened(connection: Connection): void {
    this.#settle(connection, this.#entry(connection));
  }

  closed(connection: Connection): void {
    const entry = this.#entries.get(connection);
    if (entry === undefined) return;
    entry.idle?.cancel();
    this.#release(entry);
    this.#entries.delete(connection);
  }

  /** @returns what to call when the channel is gone */
  take(connection: Connection): (broken: boolean) => void {
    const entry = this.#entry(connection);
    entry.channels++;
    entry.idle?.cancel();
    entry.idle = null;
    return (broken) => {
      entry.channels--;
      entry.suspect ||= broken;
      this.#settle(connection, entry);
    };
  }

  suspect(connection: Connection): void {
    const entry = this.#entry(connection);
    entry.suspect = true;
    entry.idle?.cancel();
    entry.idle = null;
    this.#settle(connection, entry);
  }

  stop(): void {
    for (const { idle } of this.#entries.values()) idle?.cancel();
    this.#entries.clear();
    this.#kept = 0;
  }

  #entry(connection: Connection): Entry {
    let entry = this.#entries.get(connection);
    if (entry === undefined) {
      entry = { channels: 0, kept: false, suspect: false, idle: null };
      if (connection.status === 'open') this.#entries.set(connection, entry);
    }
    return entry;
  }

  #settle(connection: Connection, entry: Entry): void {
    if (entry.channels > 0 || entry.idle !== null || this.#entries.get(connection) !== entry) return;
    entry.idle = this.#clock.setTimeout(
      () => {
        entry.idle = null;
        // Other protocols than ours may be on it.
        const isUsed = connection.streams.some(({ protocol }) => isOfUse(protocol));
        if (isUsed || this.#mayStay(connection, entry)) this.#settle(connection, entry);
        else connection.close().catch((error: Error) => connection.abort(error));
      },
      entry.suspect ? SUSPECT_MS : IDLE_MS,
    );
  }

  /** Those that came first stay; in a large mesh the others are opened again when they are needed. */
  #mayStay(connection: Connection, entry: Entry): boolean {
    this.#release(entry);
    const peerId = connection.remotePeer.toString();
    if (entry.suspect) return false;
    // As many as have places, which have a bound of their own.
    if (connection.limits === undefined && this.#isPlace(peerId)) return true;
    if (this.#kept >= MAX_KEPT || !this.#isWanted(peerId)) return false;
    entry.kept = true;
    this.#kept++;
    return true;
  }

  #release(entry: Entry): void {
    if (entry.kept) this.#kept--;
    entry.kept = false;
  }
}

function isOfUse(protocol: string): boolean {
  return protocol !== '' && !ATTENDANTS.some((prefix) => protocol.startsWith(prefix));
}
