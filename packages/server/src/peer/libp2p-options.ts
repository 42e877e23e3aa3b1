import { identify } from '@libp2p/identify';
import type { Transport } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { type TCPSocketOptions, tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Libp2pOptions } from 'libp2p';
import type { Identity } from './identity.ts';

/**
 * What a reader that does not read may be sent before the sender has to wait. Both ends begin at the 256 KiB of the yamux
 * specification, because each takes the other to; the receiver then doubles it while it keeps up.
 */
const MAX_STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
/** A stream is reset at this; the window stops the other end long before. */
const MAX_READ_BUFFER_BYTES = 2 * MAX_STREAM_WINDOW_BYTES;
/** Written to a socket and not yet taken by the system, at which writers are told to wait. */
const SOCKET_BUFFER_BYTES = 1024 * 1024;
/** Streams of one protocol on one connection, and of all. A program may have many MQTT clients on one. */
export const MAX_STREAMS_PER_PROTOCOL = 1024;
const MAX_STREAMS_PER_CONNECTION = 4096;
/** Connections per second from one address: a cluster may sit behind one, and all of it may start at once. */
const CONNECTION_RATE_PER_ADDRESS = 1000;
/** Connections that are not yet past their handshake. */
const MAX_PENDING_CONNECTIONS = 512;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Of the listening socket: connections that wait in the system. */
const BACKLOG = 1024;

export interface HostLimits {
  readonly maxConnections: number;
  /** Of the node, for `identify`. */
  readonly version: string;
}

type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];

/** Settings of libp2p for a server. Its defaults are those of an application on somebody's desk. */
export function libp2pOptions(
  identity: Identity,
  listen: string[],
  quic: ((components: never) => Transport) | null,
  limits: HostLimits,
): Libp2pOptions {
  const sockets = { noDelay: true, keepAlive: true, highWaterMark: SOCKET_BUFFER_BYTES } as TCPSocketOptions;
  const transports: TransportFactory[] = [
    tcp({
      // No idle connection is cut by the transport: who uses it knows whether it lives.
      inboundSocketInactivityTimeout: 0,
      outboundSocketInactivityTimeout: 0,
      backlog: BACKLOG,
      listenOpts: sockets,
      dialOpts: sockets,
    }),
  ];
  if (quic !== null) transports.push(quic as TransportFactory);
  return {
    privateKey: identity.privateKey,
    addresses: { listen },
    transports,
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
        maxOutboundStreams: MAX_STREAMS_PER_CONNECTION,
        streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES, maxReadBufferLength: MAX_READ_BUFFER_BYTES },
      }),
    ],
    connectionManager: {
      maxConnections: limits.maxConnections,
      inboundConnectionThreshold: CONNECTION_RATE_PER_ADDRESS,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      // Nobody is redialled behind the pool's back.
      reconnectRetries: 0,
    },
    // Links have heartbeats, MQTT has its keep-alive; a ping more per connection would tell nothing new.
    connectionMonitor: { enabled: false },
    nodeInfo: { name: 'plexus', version: limits.version, userAgent: `plexus/${limits.version}` },
    services: { identify: identify(), ping: ping() },
  };
}
