import { PlexusError } from '@plexus/protocol';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Gatekeeper, Link, LinkCloseReason, LinkEvents, LinkState, PeerFacts } from '../../peer/link-ports.ts';
import type { StoreLinkPool } from '../store-links.ts';

/** Where a frame lies in the buffer that its taker gets: not at the front. */
const FRAME_AT = 3;

export const NO_GATE: Gatekeeper = {
  greeting: () => new Uint8Array(0),
  welcomes: () => null,
  prove: () => new Uint8Array(0),
  check: () => null,
};

const facts = (peerId: string): PeerFacts => ({
  peerId,
  incarnation: 1,
  version: 2,
  features: 0,
  addresses: [],
  greeting: new Uint8Array(0),
});

/** One end of a link in memory: control frames only, each in a turn of the event loop of its own. */
class FakeLink {
  readonly purpose = 'store';
  readonly peer: PeerFacts;
  readonly owner: string;
  state: LinkState = 'up';
  other: FakeLink | null = null;
  readonly #net: FakeLinks;

  constructor(net: FakeLinks, owner: string, peer: string) {
    this.#net = net;
    this.owner = owner;
    this.peer = facts(peer);
  }

  get asLink(): Link {
    return this as unknown as Link;
  }

  control(type: number, body: Uint8Array): void {
    if (this.state !== 'up') return;
    const bytes = new Uint8Array(FRAME_AT + body.length);
    bytes.set(body, FRAME_AT);
    this.#net.bytes += body.length;
    const channel = this.#net.channel;
    setImmediate(() => {
      const { other } = this;
      if (other === null || channel !== this.#net.channel || other.state !== 'up') return;
      if (this.#net.passes?.(this.owner, other.owner, type) === false) return;
      this.#net.events(other.owner).onControl(other.asLink, type, bytes, FRAME_AT, bytes.length);
    });
  }

  close(reason: LinkCloseReason): void {
    if (this.state === 'closed') return;
    this.#net.closed.push(reason);
    for (const end of [this, this.other!]) {
      end.state = 'closed';
      this.#net.events(end.owner).onClosed(end.asLink, reason, []);
    }
  }
}

/** Link pools of nodes that reach each other in memory. */
export class FakeLinks {
  /** Looks at each frame as it arrives; false: it is lost. */
  passes: ((from: string, to: string, type: number) => boolean) | null = null;
  /** Bytes that were sent. */
  bytes = 0;
  /** Reasons of links that were closed. */
  readonly closed: LinkCloseReason[] = [];
  /** What was sent over a channel before is lost with it. */
  channel = 0;
  readonly #events = new Map<string, LinkEvents>();
  readonly #links: FakeLink[] = [];
  readonly #unreachable = new Set<string>();

  pool(nodeId: string): StoreLinkPool {
    return {
      open: (_purpose, _gatekeeper, events) => void this.#events.set(nodeId, events),
      getOrCreate: async (_purpose, { peerId }: PeerTarget) => this.#link(nodeId, peerId!).asLink,
    };
  }

  events(nodeId: string): LinkEvents {
    return this.#events.get(nodeId)!;
  }

  /** The channel between two nodes breaks; what was under way is lost. They cannot reach each other until `resume`. */
  cut(a: string, b: string): void {
    this.channel++;
    this.#unreachable.add(pairOf(a, b));
    for (const link of this.#between(a, b)) {
      if (link.state !== 'up') continue;
      link.state = 'lost';
      this.events(link.owner).onLost(link.asLink, 'channel_lost');
    }
  }

  /** The same link goes on over another channel. */
  resume(a: string, b: string): void {
    this.#unreachable.delete(pairOf(a, b));
    for (const link of this.#between(a, b)) {
      if (link.state !== 'lost') continue;
      link.state = 'up';
      this.events(link.owner).onResumed(link.asLink);
    }
  }

  /** A node is gone for good. */
  drop(nodeId: string): void {
    this.channel++;
    for (const link of this.#links) if (link.owner === nodeId || link.peer.peerId === nodeId) link.close('down');
  }

  #between(a: string, b: string): FakeLink[] {
    return this.#links.filter(({ owner, peer }) => pairOf(owner, peer.peerId) === pairOf(a, b));
  }

  #link(from: string, to: string): FakeLink {
    if (this.#unreachable.has(pairOf(from, to)) || !this.#events.has(to)) {
      throw new PlexusError('store_unavailable', { store: '', reason: `${to} is cut off` });
    }
    const known = this.#links.find(({ owner, peer, state }) => owner === from && peer.peerId === to && state === 'up');
    if (known !== undefined) return known;
    const [near, far] = [new FakeLink(this, from, to), new FakeLink(this, to, from)];
    near.other = far;
    far.other = near;
    this.#links.push(near, far);
    for (const link of [far, near]) this.events(link.owner).onUp(link.asLink);
    return near;
  }
}

const pairOf = (a: string, b: string): string => [a, b].sort().join(' ');
