import type { Timer } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Link } from '../peer/link-ports.ts';
import type { Member, MemberState } from './ports.ts';

/** A peer that the link pool dials whenever there is no link to it. */
export interface Kept {
  /** Where the peer is now said to listen. */
  update(addresses: readonly string[]): void;
  /** Idempotent. Does not close its link. */
  stop(): void;
}

/**
 * What happened to a member. Each `joined` is followed by exactly one `left` or `down`, perhaps with `leaving` between. A fast restart
 * is `left` and `joined`, with another incarnation.
 */
export interface MemberChange {
  readonly kind: 'joined' | 'leaving' | 'left' | 'down';
  readonly member: Member;
}

export class MemberRecord implements Member {
  readonly nodeId: string;
  readonly incarnation: number;
  state: MemberState;
  addresses: readonly string[];
  /** Where this node has reached it: it may not know that address itself. */
  reachedAt: string | null = null;
  link: Link | null = null;
  sinceMs: number;
  /** null only for a moment, or when this node leaves. */
  kept: Kept | null = null;
  /** While its channel is lost: when it counts as down. */
  deadline: Timer | null = null;
  /** Monotonic, when anybody last said that it is up. */
  heardMs: number;

  constructor(nodeId: string, incarnation: number, addresses: readonly string[], wallMs: number, nowMs: number) {
    this.nodeId = nodeId;
    this.incarnation = incarnation;
    this.state = 'joining';
    this.addresses = addresses;
    this.sinceMs = wallMs;
    this.heardMs = nowMs;
  }

  get target(): PeerTarget {
    const { nodeId, addresses, reachedAt } = this;
    if (reachedAt === null || addresses.includes(reachedAt)) return { peerId: nodeId, addresses };
    return { peerId: nodeId, addresses: [reachedAt, ...addresses] };
  }

  /** Whether it has a link, with a channel at the moment or without. */
  get isLinked(): boolean {
    return this.link !== null;
  }

  cancelDeadline(): void {
    this.deadline?.cancel();
    this.deadline = null;
  }
}
