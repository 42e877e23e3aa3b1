import type { Connection } from '@libp2p/interface';
import type { Clock, Timer } from '../lib/clock.ts';

/** How long a connection without a stream of ours is kept for the next one. */
const IDLE_MS = 10_000;
/** The same for one that nobody gets again. A reader that is paused may hear only from its end that the other end is gone. */
const SUSPECT_MS = 500;
/** Streams that libp2p opens by itself; they do not keep a connection. */
const ATTENDANTS = ['/ipfs/id/', '/ipfs/ping/'];

interface Entry {
  channels: number;
  /** A channel on it broke: whoever dials gets another. */
  suspect: boolean;
  idle: Timer | null;
}

/** The connections under the channels: which one the next channel may use, and which one nobody needs any more. */
export class ConnectionTable {
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #entries = new Map<Connection, Entry>();

  constructor(clock: Pick<Clock, 'setTimeout'>) {
    this.#clock = clock;
  }

  /** An open one to that peer which can be trusted to work; null: none. */
  usable(peerId: string): Connection | null {
    for (const [connection, entry] of this.#entries) {
      if (entry.suspect || connection.status !== 'open') continue;
      if (connection.remotePeer.toString() === peerId) return connection;
    }
    return null;
  }

  opened(connection: Connection): void {
    this.#settle(connection, this.#entry(connection));
  }

  closed(connection: Connection): void {
    this.#entries.get(connection)?.idle?.cancel();
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
  }

  #entry(connection: Connection): Entry {
    let entry = this.#entries.get(connection);
    if (entry === undefined) {
      entry = { channels: 0, suspect: false, idle: null };
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
        if (connection.streams.some(({ protocol }) => isOfUse(protocol))) this.#settle(connection, entry);
        else connection.close().catch((error: Error) => connection.abort(error));
      },
      entry.suspect ? SUSPECT_MS : IDLE_MS,
    );
  }
}

function isOfUse(protocol: string): boolean {
  return protocol !== '' && !ATTENDANTS.some((prefix) => protocol.startsWith(prefix));
}
