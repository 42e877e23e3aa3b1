import { endpointOf } from '../../lib/peer-address.ts';
import type { PeerChannel, PeerChannelHandler } from '../../peer/channel.ts';
import type { AcceptConnection, Listener, Transport, TransportHandler } from '../transport.ts';

/** MQTT, as on a TCP connection, on a channel between peers. */
export const MQTT_OVER_PEERS = '/plexus/mqtt/1';

/** What a listener needs of the peer network, which listens by itself. */
export interface PeerDoor {
  /** Where it listens. */
  readonly port: number;
  /** @returns how to stop */
  accept(protocol: string, take: (channel: PeerChannel) => void): () => void;
}

/** MQTT over the connections of peers: `plexus://`. */
export class PeerListener implements Listener {
  readonly name = 'peer';
  readonly #door: PeerDoor;
  readonly #accept: AcceptConnection;
  #stop: (() => void) | null = null;

  constructor(door: PeerDoor, accept: AcceptConnection) {
    this.#door = door;
    this.#accept = accept;
  }

  start(): Promise<number> {
    this.#stop = this.#door.accept(MQTT_OVER_PEERS, (channel) => this.#serve(channel));
    return Promise.resolve(this.#door.port);
  }

  stopAccepting(): Promise<void> {
    this.#stop?.();
    this.#stop = null;
    return Promise.resolve();
  }

  #serve(channel: PeerChannel): void {
    const transport = new ChannelTransport(channel);
    const handler = this.#accept(transport, this.name);
    if (handler === null) channel.destroy();
    else transport.attach(handler);
  }
}

class ChannelTransport implements Transport, PeerChannelHandler {
  readonly remoteAddress: string;
  readonly #channel: PeerChannel;
  #handler: TransportHandler | null = null;
  /** `onWritten` is owed. */
  #writing = false;

  constructor(channel: PeerChannel) {
    this.#channel = channel;
    this.remoteAddress = hostOf(channel.remoteAddress);
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
    this.#channel.handler = this;
  }

  /** In one piece, and in memory of the channel's own: what is handed to it may wait there for longer than the broker leaves it. */
  write(slices: readonly Uint8Array[], count: number): void {
    this.#writing = true;
    const bytes = Buffer.concat(count === slices.length ? slices : slices.slice(0, count));
    if (this.#channel.write(bytes)) queueMicrotask(this.#written);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  end(graceMs: number): void {
    this.#channel.end(graceMs);
  }

  destroy(): void {
    this.#channel.destroy();
  }

  onData(chunk: Uint8Array): void {
    this.#handler?.onData(chunk);
  }

  onDrain(): void {
    this.#written();
  }

  onClosed(error: Error | null): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.onClosed(error);
  }

  readonly #written = (): void => {
    if (!this.#writing) return;
    this.#writing = false;
    this.#handler?.onWritten();
  };
}

/** `/ip4/192.0.2.1/tcp/9443` → `192.0.2.1`; what is no such address stays as it is. */
function hostOf(address: string): string {
  return endpointOf(address)
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
