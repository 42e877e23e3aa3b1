import { identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';

type Transport = 'tcp' | 'quic';

/** As on the server's side. */
const MAX_STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const MAX_READ_BUFFER_BYTES = 2 * MAX_STREAM_WINDOW_BYTES;

/** A libp2p node that listens nowhere, made for the first who needs it, and stopped after the last. */
class SharedNode {
  readonly #make: () => Promise<Libp2p>;
  #node: Promise<Libp2p> | null = null;
  #users = 0;

  constructor(make: () => Promise<Libp2p>) {
    this.#make = make;
  }

  /** Everybody who calls this calls `giveBack`, also if it fails. */
  borrow(): Promise<Libp2p> {
    this.#users++;
    this.#node ??= this.#make();
    return this.#node;
  }

  giveBack(): void {
    if (--this.#users > 0) return;
    const node = this.#node;
    this.#node = null;
    node?.then((node) => node.stop()).catch(() => {});
  }
}

/** QUIC loads native code, so that only those who dial with it have a node that can. */
export const sharedNodes: Readonly<Record<Transport, SharedNode>> = {
  tcp: new SharedNode(() => makeNode([])),
  quic: new SharedNode(async () => makeNode([(await import('@chainsafe/libp2p-quic')).quic()])),
};

type Transports = NonNullable<Parameters<typeof createLibp2p>[0]>['transports'];

async function makeNode(more: NonNullable<Transports>): Promise<Libp2p> {
  const node = await createLibp2p({
    // MQTT has its keep-alive: no idle connection is cut here.
    transports: [tcp({ outboundSocketInactivityTimeout: 0 }), ...more],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES, maxReadBufferLength: MAX_READ_BUFFER_BYTES },
      }),
    ],
    connectionManager: { reconnectRetries: 0 },
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  return node as unknown as Libp2p;
}
