import type {
  ComponentLogger,
  Metrics,
  MultiaddrConnection,
  PrivateKey,
  StreamMuxerFactory,
  Transport,
  Upgrader,
} from '@libp2p/interface';
import { type NativeStream, QuicStream } from './quic-stream.ts';

interface QuicComponents {
  metrics?: Metrics;
  logger: ComponentLogger;
  privateKey: PrivateKey;
}

/** Of one connection, and of one stream, that its reader does not take yet. */
const CONNECTION_WINDOW_BYTES = 32 * 1024 * 1024;
const STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const MAX_STREAMS = 1024;

/**
 * QUIC for libp2p. This file alone knows the library, so that it can be replaced; it is loaded only where QUIC is on, since that loads
 * native code. The library's streams read on while they are paused, until they are reset for it: ours take their place.
 */
export async function quicTransport(): Promise<(components: QuicComponents) => Transport> {
  const { quic } = await import('@chainsafe/libp2p-quic');
  const make = quic({
    maxConcurrentStreamLimit: MAX_STREAMS,
    maxStreamData: STREAM_WINDOW_BYTES,
    maxConnectionData: CONNECTION_WINDOW_BYTES,
  });
  return (components) => withOwnStreams(make(components));
}

function withOwnStreams(transport: Transport): Transport {
  const dial = transport.dial.bind(transport);
  const createListener = transport.createListener.bind(transport);
  transport.dial = (address, options) => dial(address, { ...options, upgrader: withOwnMuxer(options.upgrader) });
  transport.createListener = (options) => createListener({ ...options, upgrader: withOwnMuxer(options.upgrader) });
  return transport;
}

type UpgradeOptions = Parameters<Upgrader['upgradeInbound']>[1];

/** The transport hands its muxer to the upgrader; on the way it learns to make our streams. */
function withOwnMuxer(upgrader: Upgrader): Upgrader {
  const changed = <T extends UpgradeOptions>(options: T): T =>
    options.muxerFactory === undefined ? options : { ...options, muxerFactory: ownMuxers(options.muxerFactory) };
  const own = Object.create(upgrader) as Upgrader;
  own.upgradeInbound = (connection: MultiaddrConnection, options: UpgradeOptions) =>
    upgrader.upgradeInbound(connection, changed(options));
  own.upgradeOutbound = (connection: MultiaddrConnection, options: UpgradeOptions) =>
    upgrader.upgradeOutbound(connection, changed(options));
  return own;
}

/** What the library's muxer has inside. */
interface LibraryMuxer {
  readonly init: {
    readonly connection: { id(): string; outboundStream(): Promise<NativeStream> };
    readonly logger: ComponentLogger;
  };
  readonly controller: AbortController;
  readonly streams: QuicStream[];
  onInboundStream(native: NativeStream): void;
  createStream(): Promise<QuicStream>;
  cleanUpStream(stream: QuicStream): void;
  safeDispatchEvent(type: 'stream', detail: { detail: QuicStream }): void;
}

function ownMuxers(factory: StreamMuxerFactory): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer: (connection) => {
      const muxer = factory.createStreamMuxer(connection);
      useOwnStreams(muxer as unknown as LibraryMuxer);
      return muxer;
    },
  };
}

function useOwnStreams(muxer: LibraryMuxer): void {
  const { connection, logger } = muxer.init;
  const adopt = (native: NativeStream, direction: 'inbound' | 'outbound'): QuicStream => {
    const id = String(native.id());
    const log = logger.forComponent(`libp2p:quic:stream:${connection.id()}:${id}:${direction}`);
    const stream = new QuicStream({ id, native, direction, log });
    muxer.streams.push(stream);
    muxer.cleanUpStream(stream);
    return stream;
  };
  muxer.onInboundStream = (native) => muxer.safeDispatchEvent('stream', { detail: adopt(native, 'inbound') });
  muxer.createStream = async () => {
    const native = await connection.outboundStream();
    muxer.controller.signal.throwIfAborted();
    return adopt(native, 'outbound');
  };
}
