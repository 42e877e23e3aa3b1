import { Dialing } from './dialing.ts';
import { Host } from './host.ts';
import { FAIR_WEATHER, NetworkPath, type Weather } from './network-path.ts';
import type { PeerChannel, PeerNetwork, PeerTarget } from './ports.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';
import { ChannelEnd } from './virtual-channel.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a plant does to the channels of a network: it may put something of its own in front of the real end. */
export type ChannelWrapper = (channel: PeerChannel, host: Host) => PeerChannel;

/** Machines, and what lies between them. */
export class VirtualNetwork {
  readonly time: VirtualTime;
  readonly hosts = new Map<string, Host>();
  /** For plants; identity in an honest world. */
  wrap: ChannelWrapper = (channel) => channel;
  /** Of paths that nobody has used yet. */
  weather: Weather = FAIR_WEATHER;
  /** A channel between two machines is gone. */
  onClosed: (a: Host, b: Host) => void = () => {};
  readonly #random: Random;
  readonly #splits: Random;
  readonly #trace: Trace;
  readonly #paths = new Map<string, NetworkPath>();
  readonly #byAddress = new Map<string, Host>();

  constructor(time: VirtualTime, random: Random, trace: Trace) {
    this.time = time;
    this.#random = random;
    this.#splits = random.fork('splits');
    this.#trace = trace;
  }

  /** A machine that is new here; its address follows from how many there are. */
  addHost(peerId: string): Host {
    const number = this.hosts.size + 1;
    const host = new Host(peerId, `/ip4/10.0.${number >> 8}.${number & 255}/tcp/9443`);
    this.hosts.set(peerId, host);
    this.#byAddress.set(host.address, host);
    return host;
  }

  hostAt(address: string): Host | null {
    return this.#byAddress.get(address) ?? null;
  }

  path(from: Host, to: Host): NetworkPath {
    const key = `${from.peerId} ${to.peerId}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = new NetworkPath(this.time, this.#random.fork(key));
      path.weather = this.weather;
      this.#paths.set(key, path);
    }
    return path;
  }

  /** Of one program on one machine: what it has dies with it. */
  networkOf(host: Host): PeerNetwork {
    return {
      peerId: host.peerId,
      addresses: [host.address],
      dial: (target, protocol, signal) => this.#dial(host, target, protocol, signal),
      accept: (protocol, take) => {
        if (host.takers.has(protocol)) throw new Error(`somebody takes ${protocol} already`);
        const wrapped = (channel: PeerChannel): void => take(this.wrap(channel, host));
        host.takers.set(protocol, wrapped);
        return () => {
          if (host.takers.get(protocol) === wrapped) host.takers.delete(protocol);
        };
      },
    };
  }

  /** A channel between two running programs, at once. */
  join(from: Host, process: VirtualProcess, to: Host): [near: ChannelEnd, far: ChannelEnd] {
    const near = this.#end(from, to, 'outbound', process);
    const far = this.#end(to, from, 'inbound', to.process!);
    ChannelEnd.join(near, far);
    return [near, far];
  }

  /** Breaks every channel between two machines, as a router does that was restarted. @returns how many */
  breakChannels(one: Host, other: Host): number {
    const ends = [...one.ends].filter((end) => end.peerId === other.peerId);
    for (const end of ends) end.break();
    return ends.length;
  }

  /** Whether anything on the way from one to the other is held up. */
  isBlocked(from: Host, to: Host): boolean {
    return this.#paths.get(`${from.peerId} ${to.peerId}`)?.blocked ?? false;
  }

  /** Bytes that have set out on all paths. */
  get bytes(): number {
    let bytes = 0;
    for (const path of this.#paths.values()) bytes += path.bytes;
    return bytes;
  }

  #dial(host: Host, target: PeerTarget, protocol: string, signal: AbortSignal): Promise<PeerChannel> {
    return new Promise((resolve, reject) => {
      const dialing = new Dialing(this, host, target, protocol, (end) => resolve(this.wrap(end, host)), reject);
      signal.addEventListener('abort', () => dialing.fail('peer_unreachable'), { once: true });
      if (signal.aborted) dialing.fail('peer_unreachable');
      else dialing.next();
    });
  }

  #end(host: Host, peer: Host, direction: 'outbound' | 'inbound', process: VirtualProcess): ChannelEnd {
    const [path, wayBack] = [this.path(host, peer), this.path(peer, host)];
    const note = (what: string, bytes: Uint8Array | null): void =>
      this.#trace.note(`${peer.peerId}>${host.peerId}`, what, bytes);
    const onClosed = (): void => this.onClosed(host, peer);
    const parts = { time: this.time, random: this.#splits, host, peer, direction, path, wayBack, note, onClosed };
    const end = new ChannelEnd(parts, process);
    host.ends.add(end);
    return end;
  }
}
