import type { Clock, Timer } from '../lib/clock.ts';
import type { DialCode, PeerChannel, PeerTarget } from './channel.ts';
import type { Dial } from './dial.ts';
import type { Introduced, Introduction, IntroductionResult } from './introduction.ts';
import type { LinkCloseReason, LinkPurpose } from './link-ports.ts';
import type { PeerLink } from './peer-link.ts';

/** Between tries after the peer has said that its own channel is on the way: half of it for certain, half at random. */
const DUPLICATE_PAUSE_MS = 200;

/** Why there is no link. */
export interface ContactFailure {
  readonly code: DialCode | 'peer_not_admitted' | 'quota_exceeded' | 'shutting_down';
  /** With `peer_not_admitted`. */
  readonly reason: LinkCloseReason | null;
}

export type ContactOutcome = { readonly link: PeerLink } | { readonly failure: ContactFailure };

/** Somebody who wants a link. `at`: who knows of it, until `done` is called. */
export interface Waiter {
  at: { remove(waiter: Waiter): void } | null;
  done(outcome: ContactOutcome): void;
}

/** An introduction that the peer has begun. */
export interface InboundAttempt {
  /** Grows with every channel that came. */
  readonly number: number;
  abort(reason: LinkCloseReason): void;
}

export interface ContactPorts {
  readonly ownPeerId: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long it is tried again, where that makes sense. */
  readonly patienceMs: number;
  dial(target: PeerTarget, done: (result: PeerChannel | DialCode) => void): Dial;
  introduce(channel: PeerChannel, purpose: LinkPurpose, done: (result: IntroductionResult) => void): Introduction;
  /** Makes a link of it, or goes on with the one that is there, and calls `succeed`. @returns whether there is a link now */
  introduced(introduced: Introduced): boolean;
  /** It is over, and not to be used again. */
  ended(contact: Contact): void;
}

/**
 * All that is under way towards a link with one peer, for one purpose: our dial and introduction, and the introduction that the peer
 * has begun. At most one of the two gets as far as a link. Both ends decide the same, by the order of their peer ids:
 *
 * - The peer's introduction counts from its proof on. While it is under way, our dial goes no further than to a channel.
 * - If our introduction is already under way then, that of the smaller peer id goes on and the other is closed with `duplicate`.
 * - Of two that the same end has begun, the newer goes on.
 *
 * So whoever comes over a channel of its own, though we have a link that seems alive, has lost that one or never had it.
 */
export class Contact {
  readonly purpose: LinkPurpose;
  readonly peerId: string;
  readonly #ports: ContactPorts;
  readonly #waiters = new Set<Waiter>();
  #addresses: readonly string[];
  /** Those of the last dial. */
  #tried: readonly string[] | null = null;
  #deadlineMs = 0;
  #dial: Dial | null = null;
  #outbound: Introduction | null = null;
  #inbound: InboundAttempt | null = null;
  #pause: Timer | null = null;

  constructor(ports: ContactPorts, purpose: LinkPurpose, peerId: string, addresses: readonly string[]) {
    this.#ports = ports;
    this.purpose = purpose;
    this.peerId = peerId;
    this.#addresses = addresses;
    this.#beginPatience();
  }

  /** Dials, unless something is under way. @param addresses if any, win over those that were known */
  add(waiter: Waiter, addresses: readonly string[]): void {
    if (addresses.length > 0) this.#addresses = addresses;
    if (this.#waiters.size === 0) this.#beginPatience();
    waiter.at = this;
    this.#waiters.add(waiter);
    if (!this.#isActive() && this.#inbound === null) this.#start();
  }

  /** It does not want a link any more. */
  remove(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.at = null;
    if (this.#waiters.size > 0) return;
    this.#stopOwn('duplicate');
    if (this.#inbound === null) this.#ports.ended(this);
  }

  /** A channel that we have opened without knowing whose it would be. */
  adopt(channel: PeerChannel): void {
    if (this.#inbound !== null || this.#outbound !== null) {
      channel.destroy();
      return;
    }
    this.#stopOwn('duplicate');
    this.#introduce(channel);
  }

  /** The peer has proven itself on a channel of its own. @returns why that may not go on; null: it may */
  commit(inbound: InboundAttempt): LinkCloseReason | null {
    if (this.#inbound !== null && this.#inbound.number > inbound.number) return 'duplicate';
    if (this.#outbound !== null) {
      if (this.#ports.ownPeerId < this.peerId) return 'duplicate';
      const outbound = this.#outbound;
      this.#outbound = null;
      outbound.abort('duplicate');
    }
    const older = this.#inbound;
    this.#inbound = inbound;
    older?.abort('duplicate');
    return null;
  }

  /** What the peer had begun came to nothing. */
  inboundFailed(inbound: InboundAttempt): void {
    if (this.#inbound !== inbound) return;
    this.#inbound = null;
    if (this.#isActive()) return;
    if (this.#waiters.size === 0) this.#ports.ended(this);
    else if (this.#isPatient()) this.#start();
    else this.#fail({ code: 'peer_unreachable', reason: null });
  }

  /** There is a link, whoever has dialled. */
  succeed(link: PeerLink): void {
    const inbound = this.#inbound;
    this.#inbound = null;
    this.#stopOwn('duplicate');
    inbound?.abort('duplicate');
    this.#end({ link });
  }

  /** Gives all of it up. */
  stop(reason: LinkCloseReason, failure: ContactFailure): void {
    const inbound = this.#inbound;
    this.#inbound = null;
    this.#stopOwn(reason);
    inbound?.abort(reason);
    this.#end({ failure });
  }

  #beginPatience(): void {
    this.#deadlineMs = this.#ports.clock.now() + this.#ports.patienceMs;
  }

  #isPatient(): boolean {
    return this.#ports.clock.now() < this.#deadlineMs;
  }

  #isActive(): boolean {
    return this.#dial !== null || this.#outbound !== null || this.#pause !== null;
  }

  #start(): void {
    this.#tried = this.#addresses;
    if (this.#addresses.length === 0) {
      this.#fail({ code: 'peer_unreachable', reason: null });
      return;
    }
    this.#dial = this.#ports.dial({ peerId: this.peerId, addresses: this.#addresses }, (result) => {
      this.#dial = null;
      if (typeof result === 'string') this.#fail({ code: result, reason: null });
      else this.#opened(result);
    });
  }

  #opened(channel: PeerChannel): void {
    if (channel.peerId !== this.peerId) {
      channel.destroy();
      this.#fail({ code: 'peer_identity', reason: null });
    } else if (this.#inbound !== null) channel.destroy();
    else this.#introduce(channel);
  }

  #introduce(channel: PeerChannel): void {
    const introduction = this.#ports.introduce(channel, this.purpose, (result) => {
      // Given up meanwhile: whoever did that has seen to the rest.
      if (this.#outbound !== introduction) return;
      this.#outbound = null;
      if ('refused' in result) this.#refused(result.refused, channel);
      else if (!this.#ports.introduced(result.introduced))
        this.#fail({ code: 'peer_not_admitted', reason: 'forgotten' });
    });
    this.#outbound = introduction;
  }

  /** A relayed channel may also end because the two nodes have found a direct way meanwhile. */
  #refused(reason: LinkCloseReason, { transport }: PeerChannel): void {
    const isMoved = reason === 'channel_lost' && transport === 'relay' && this.#inbound === null;
    if (isMoved && this.#waiters.size > 0 && this.#isPatient()) this.#startLater();
    else this.#fail({ code: 'peer_not_admitted', reason });
  }

  #fail(failure: ContactFailure): void {
    // The peer's own introduction may still come to a link.
    if (this.#inbound !== null) return;
    const isWanted = this.#waiters.size > 0;
    if (isWanted && this.#tried !== null && !sameTexts(this.#tried, this.#addresses)) {
      // However long the addresses before took.
      this.#beginPatience();
      this.#start();
    } else if (isWanted && failure.reason === 'duplicate' && this.#isPatient()) this.#startLater();
    else this.#end({ failure });
  }

  #startLater(): void {
    const delayMs = (DUPLICATE_PAUSE_MS / 2) * (1 + this.#ports.random());
    this.#pause = this.#ports.clock.setTimeout(() => {
      this.#pause = null;
      if (this.#inbound === null) this.#start();
    }, delayMs);
  }

  #stopOwn(reason: LinkCloseReason): void {
    this.#pause?.cancel();
    this.#pause = null;
    this.#dial?.cancel();
    this.#dial = null;
    const outbound = this.#outbound;
    this.#outbound = null;
    outbound?.abort(reason);
  }

  #end(outcome: ContactOutcome): void {
    this.#ports.ended(this);
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) {
      waiter.at = null;
      waiter.done(outcome);
    }
  }
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
