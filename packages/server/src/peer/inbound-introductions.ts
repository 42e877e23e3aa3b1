import type { Clock } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import type { PeerChannel } from './channel.ts';
import type { InboundAttempt } from './contact.ts';
import { guardedIntroducer, type IntroductionGuard } from './guarded-introducer.ts';
import { type Introduced, type Introducer, Introduction, type IntroductionRefused } from './introduction.ts';
import type { LinkCloseReason, LinkPurpose, PeerFacts } from './link-ports.ts';
import { refuseChannel } from './refuse-channel.ts';

/** A peer has few purposes, and a few tries of each that it has given up may not be over here. */
const MAX_PER_PEER = 8;

export interface InboundLimits {
  /** Introductions under way at once. */
  readonly maxIntroductions: number;
  readonly introductionsPerS: number;
  readonly introductionBurst: number;
}

export interface InboundPorts {
  readonly introducer: Introducer;
  readonly clock: Clock;
  welcomes(purpose: LinkPurpose, facts: PeerFacts): LinkCloseReason | null;
  /** The peer has proven itself. @returns why it may not go on all the same */
  commit(purpose: LinkPurpose, peerId: string, attempt: InboundAttempt): LinkCloseReason | null;
  introduced(introduced: Introduced, attempt: InboundAttempt): void;
  /** @param purpose null: it did not get as far as that */
  failed(purpose: LinkPurpose | null, result: IntroductionRefused, attempt: InboundAttempt | null): void;
}

/** Channels that peers have opened, until they are links; bounded in number and rate, whoever opens them. */
export class InboundIntroductions {
  readonly #ports: InboundPorts;
  readonly #limits: InboundLimits;
  readonly #bucket: TokenBucket;
  readonly #open = new Set<Attempt>();
  readonly #ofPeer = new Map<string, number>();
  #count = 0;

  constructor(ports: InboundPorts, limits: InboundLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#bucket = new TokenBucket(limits.introductionsPerS, limits.introductionBurst, ports.clock.now());
  }

  get size(): number {
    return this.#open.size;
  }

  take(channel: PeerChannel): void {
    const { peerId } = channel;
    const ofPeer = this.#ofPeer.get(peerId) ?? 0;
    const hasRoom = ofPeer < MAX_PER_PEER && this.#open.size < this.#limits.maxIntroductions;
    if (!hasRoom || !this.#bucket.take(this.#ports.clock.now())) {
      const detail = hasRoom ? 'too many introductions in a short time' : 'too many introductions at once';
      refuseChannel(channel, 'refused_rate', detail);
      this.#ports.failed(null, { refused: 'refused_rate', detail, byPeer: false, peerId }, null);
      return;
    }
    this.#ofPeer.set(peerId, ofPeer + 1);
    const attempt = new Attempt(this.#ports, channel, ++this.#count, () => this.#over(attempt, peerId));
    this.#open.add(attempt);
  }

  abort(reason: LinkCloseReason): void {
    for (const attempt of this.#open) attempt.abort(reason);
  }

  #over(attempt: Attempt, peerId: string): void {
    this.#open.delete(attempt);
    const left = (this.#ofPeer.get(peerId) ?? 0) - 1;
    if (left > 0) this.#ofPeer.set(peerId, left);
    else this.#ofPeer.delete(peerId);
  }
}

class Attempt implements InboundAttempt, IntroductionGuard {
  readonly number: number;
  readonly #ports: InboundPorts;
  readonly #peerId: string;
  readonly #introduction: Introduction;
  #purpose: LinkPurpose | null = null;

  constructor(ports: InboundPorts, channel: PeerChannel, number: number, over: () => void) {
    this.number = number;
    this.#ports = ports;
    this.#peerId = channel.peerId;
    this.#introduction = new Introduction(channel, guardedIntroducer(ports.introducer, this), null, (result) => {
      over();
      if ('refused' in result) ports.failed(this.#purpose, result, this);
      else ports.introduced(result.introduced, this);
    });
  }

  abort(reason: LinkCloseReason): void {
    this.#introduction.abort(reason);
  }

  purposeKnown(purpose: LinkPurpose): void {
    this.#purpose = purpose;
  }

  welcomes(purpose: LinkPurpose, facts: PeerFacts): LinkCloseReason | null {
    return this.#ports.welcomes(purpose, facts);
  }

  proven(purpose: LinkPurpose): LinkCloseReason | null {
    return this.#ports.commit(purpose, this.#peerId, this);
  }
}
