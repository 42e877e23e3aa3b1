import { PlexusError } from '@plexus/protocol';
import type { Host } from './host.ts';
import type { PeerTarget } from './ports.ts';
import type { ChannelEnd } from './virtual-channel.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import type { VirtualProcess } from './virtual-process.ts';

/** When a system asks again for a connection that nobody has answered, and after how long it gives up. */
const KNOCK_AGAIN_MS = 1000;
const GIVE_UP_MS = 8000;

type Failure = 'peer_refused' | 'peer_unreachable' | 'peer_identity' | 'peer_unsupported';

/** One attempt to reach a peer, over one address after the other. */
export class Dialing {
  readonly #network: VirtualNetwork;
  readonly #from: Host;
  /** The program that dials. */
  readonly #process: VirtualProcess;
  readonly #target: PeerTarget;
  readonly #protocol: string;
  readonly #resolve: (end: ChannelEnd) => void;
  readonly #reject: (error: PlexusError) => void;
  #address = -1;
  #worst: Failure = 'peer_refused';
  #over = false;

  constructor(
    network: VirtualNetwork,
    from: Host,
    target: PeerTarget,
    protocol: string,
    resolve: (end: ChannelEnd) => void,
    reject: (error: PlexusError) => void,
  ) {
    this.#network = network;
    this.#from = from;
    this.#process = from.process!;
    this.#target = target;
    this.#protocol = protocol;
    this.#resolve = resolve;
    this.#reject = reject;
    if (target.addresses.length === 0) this.#worst = 'peer_unreachable';
  }

  next(): void {
    if (this.#over) return;
    const address = this.#target.addresses[++this.#address];
    if (address === undefined) this.fail(this.#worst);
    else this.#knock(this.#network.hostAt(address), this.#network.time.now + GIVE_UP_MS);
  }

  fail(code: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.#process.input(() =>
      this.#reject(new PlexusError(code, { peer: this.#target.peerId ?? this.#target.addresses.join(', ') })),
    );
  }

  #failed(code: Failure): void {
    if (code !== 'peer_refused') this.#worst = code;
    this.next();
  }

  #knock(host: Host | null, until: number): void {
    const { time } = this.#network;
    if (this.#over) return;
    if (time.now >= until) {
      this.#failed('peer_unreachable');
      return;
    }
    if (host === null || !this.#roundTrip(host, () => this.#answered(host))) {
      time.after(KNOCK_AGAIN_MS, () => this.#knock(host, until));
    }
  }

  /** @returns whether anything comes back */
  #roundTrip(host: Host, then: () => void): boolean {
    const { time } = this.#network;
    const [there, back] = [this.#network.path(this.#from, host), this.#network.path(host, this.#from)];
    if (there.blocked || back.blocked || !host.powered) return false;
    const ms = there.arrival(0) - time.now + (back.arrival(0) - time.now);
    time.after(ms, () => {
      if (!this.#over) then();
    });
    return true;
  }

  #answered(host: Host): void {
    if (host.process === null) this.#failed('peer_refused');
    // The kernel accepts for a program that is stopped; all that comes then waits for the program.
    else host.process.input(() => this.#introduced(host));
  }

  /** Both have proven who they are. */
  #introduced(host: Host): void {
    if (this.#over || this.#process.state === 'dead') return;
    const take = host.takers.get(this.#protocol);
    if (this.#target.peerId !== null && this.#target.peerId !== host.peerId) this.#failed('peer_identity');
    else if (take === undefined) this.#failed('peer_unsupported');
    else {
      const [near, far] = this.#network.join(this.#from, this.#process, host);
      take(far);
      const back = this.#network.path(host, this.#from);
      this.#network.time.after(back.arrival(0) - this.#network.time.now, () =>
        this.#process.input(() => this.#finish(near)),
      );
    }
  }

  #finish(near: ChannelEnd): void {
    if (this.#over) near.destroy();
    else {
      this.#over = true;
      this.#resolve(near);
    }
  }
}
