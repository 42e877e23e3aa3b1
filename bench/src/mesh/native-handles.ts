import { readdirSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';

/** What a process holds of the system. */
export interface Handles {
  /** Open files that are sockets, of any kind. */
  readonly sockets: number;
  /** TCP sockets that Node.js waits for. */
  readonly active: number;
  /** Objects of Node.js for sockets, open or not, that nothing has let go of. */
  readonly socketObjects: number;
  /** The same for connections and streams of the native code for QUIC. */
  readonly quicConnections: number;
  readonly quicStreams: number;
}

type Constructor = abstract new (...args: never[]) => unknown;

/** The classes that are made of native code; its package does not export them. */
async function quicClasses(): Promise<{ Connection: Constructor; Stream: Constructor }> {
  return await import(new URL('napi.js', import.meta.resolve('@chainsafe/libp2p-quic')).href);
}

const COLLECTIONS = 3;
const PAUSE_MS = 500;

/** Of this process, after collections of the whole heap: what is counted is held by somebody. */
export async function countHandles(): Promise<Handles> {
  const { Connection, Stream } = await quicClasses();
  // What native code gives back, it gives back some turns after a collection.
  for (let round = 0; round < COLLECTIONS; round++) {
    queryObjects(Connection as never);
    await sleep(PAUSE_MS);
  }
  const of = (made: Constructor): number => queryObjects(made as never, { format: 'count' });
  return {
    sockets: openSockets(),
    active: process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length,
    socketObjects: of(Socket),
    quicConnections: of(Connection),
    quicStreams: of(Stream),
  };
}

function openSockets(): number {
  let count = 0;
  for (const file of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${file}`).startsWith('socket:')) count++;
    } catch {
      // It was the one that read the directory.
    }
  }
  return count;
}
