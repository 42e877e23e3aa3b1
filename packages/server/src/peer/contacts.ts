import type { Clock } from '../lib/clock.ts';
import { AddressBook } from './address-book.ts';
import { AddressContact } from './address-contact.ts';
import type { DialCode, PeerChannel, PeerNetwork, PeerTarget } from './channel.ts';
import {
  Contact,
  type ContactFailure,
  type ContactOutcome,
  type ContactPorts,
  type InboundAttempt,
  type Waiter,
} from './contact.ts';
import { Dial } from './dial.ts';
import { guardedIntroducer } from './guarded-introducer.ts';
import { type Introduced, type Introducer, Introduction, type IntroductionRefused } from './introduction.ts';
import type { LinkCloseReason, LinkPurpose, PeerFacts } from './link-ports.ts';
import { linkKey } from './link-set.ts';
import type { PeerLink } from './peer-link.ts';
import type { PoolCounters } from './pool-counters.ts';

/** Peers whose addresses are remembered though there is no link with them. */
const MAX_REMEMBERED = 10_000;

export interface ContactsSetup {
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly random: () => number;
  readonly introducer: Introducer;
  readonly counters: PoolCounters;
  readonly dialTimeoutMs: number;
  readonly maxDials: number;
  /** The link, if it can be used. */
  alive(key: string): PeerLink | null;
  welcomes(purpose: LinkPurpose, facts: PeerFacts): LinkCloseReason | null;
  /** @returns whether there is a link now */
  introduced(introduced: Introduced): boolean;
  refused(purpose: LinkPurpose, result: IntroductionRefused): void;
}

/** Everything that is under way towards links: at most one contact per peer and purpose, however many wait for it. */
export class Contacts {
  readonly #setup: ContactsSetup;
  readonly #ports: ContactPorts;
  readonly #book = new AddressBook(MAX_REMEMBERED);
  readonly #byKey = new Map<string, Contact>();
  readonly #byAddress = new Map<string, AddressContact>();

  constructor(setup: ContactsSetup) {
    this.#setup = setup;
    const { clock, random, network, dialTimeoutMs } = setup;
    this.#ports = {
      ownPeerId: network.peerId,
      clock,
      random,
      patienceMs: dialTimeoutMs,
      dial: (target, done) => this.#dial(target, done),
      introduce: (channel, purpose, done) => {
        const guard = {
          purposeKnown() {},
          welcomes: setup.welcomes,
          proven: () => null,
        };
        return new Introduction(channel, guardedIntroducer(setup.introducer, guard), purpose, (result) => {
          if ('refused' in result) setup.refused(purpose, result);
          done(result);
        });
      },
      introduced: setup.introduced,
      ended: (contact) => this.#byKey.delete(linkKey(contact.purpose, contact.peerId)),
    };
  }

  /** How many are under way. */
  get size(): number {
    return this.#byKey.size + this.#byAddress.size;
  }

  /** Tells `waiter` of the link that is there, or of what comes of dialling. @param bounded whether `maxDials` counts for it */
  connect(purpose: LinkPurpose, target: PeerTarget, waiter: Waiter, bounded: boolean): void {
    const outcome =
      target.peerId === null
        ? this.#joinAddress(purpose, target.addresses, waiter, bounded)
        : this.#joinPeer(purpose, target.peerId, target.addresses, waiter, bounded);
    if (outcome !== null) waiter.done(outcome);
  }

  /** Opens another channel to a peer with which there is a link, unless something is under way. @param addresses null: those that are known */
  renew(purpose: LinkPurpose, peerId: string, addresses: readonly string[] | null, waiter: Waiter): void {
    const targets = addresses ?? this.#book.get(peerId);
    if (targets.length === 0 || this.#byKey.has(linkKey(purpose, peerId)) || this.size >= this.#setup.maxDials) return;
    this.#contact(purpose, peerId, targets).add(waiter, []);
  }

  /** A peer has proven itself on a channel that it opened. @returns why it may not go on all the same */
  commit(purpose: LinkPurpose, peerId: string, attempt: InboundAttempt): LinkCloseReason | null {
    return this.#contactOf(purpose, peerId).commit(attempt);
  }

  inboundFailed(purpose: LinkPurpose, peerId: string, attempt: InboundAttempt): void {
    this.#byKey.get(linkKey(purpose, peerId))?.inboundFailed(attempt);
  }

  /** There is a link. */
  succeed(link: PeerLink, introduced: Introduced): void {
    const { peerId, addresses } = introduced.peer;
    if (introduced.role === 'responder') this.#book.putIfNew(peerId, addresses);
    else {
      // What we have reached is known to be reachable.
      const { remoteAddress } = introduced.channel;
      const others = this.#book.get(peerId).filter((address) => address !== remoteAddress);
      this.#book.put(peerId, [remoteAddress, ...others]);
    }
    this.#byKey.get(linkKey(link.purpose, peerId))?.succeed(link);
  }

  stop(reason: LinkCloseReason, failure: ContactFailure): void {
    for (const contact of [...this.#byAddress.values()]) contact.fail({ failure });
    for (const contact of [...this.#byKey.values()]) contact.stop(reason, failure);
  }

  /** @returns null: `waiter` will be told */
  #joinPeer(
    purpose: LinkPurpose,
    peerId: string,
    addresses: readonly string[],
    waiter: Waiter,
    bounded: boolean,
  ): ContactOutcome | null {
    if (peerId === this.#ports.ownPeerId) return failed('peer_not_admitted', 'same_identity');
    this.#book.put(peerId, addresses);
    const key = linkKey(purpose, peerId);
    const link = this.#setup.alive(key);
    if (link !== null) return { link };
    let contact = this.#byKey.get(key);
    if (contact === undefined) {
      const known = this.#book.get(peerId);
      if (known.length === 0) return failed('peer_unreachable');
      if (bounded && this.size >= this.#setup.maxDials) return failed('quota_exceeded');
      contact = this.#contact(purpose, peerId, known);
    }
    // What is under way may be a try at some of its addresses only.
    contact.add(waiter, this.#book.get(peerId));
    return null;
  }

  #joinAddress(
    purpose: LinkPurpose,
    addresses: readonly string[],
    waiter: Waiter,
    bounded: boolean,
  ): ContactOutcome | null {
    const key = addressKey(purpose, addresses);
    let contact = this.#byAddress.get(key);
    if (contact === undefined) {
      if (addresses.length === 0) return failed('peer_unreachable');
      if (bounded && this.size >= this.#setup.maxDials) return failed('quota_exceeded');
      contact = new AddressContact(
        {
          dial: (target, done) => this.#dial(target, done),
          opened: (channel, waiters) => this.#opened(purpose, addresses, channel, waiters),
          failed: (code) => (code === 'peer_identity' ? this.#ourselves(purpose) : { code, reason: null }),
          ended: ({ key: over }) => this.#byAddress.delete(over),
        },
        key,
        addresses,
      );
      this.#byAddress.set(key, contact);
    }
    contact.add(waiter);
    return null;
  }

  /** Now it is known who answers: from here on it is as if that one had been dialled. */
  #opened(purpose: LinkPurpose, addresses: readonly string[], channel: PeerChannel, waiters: readonly Waiter[]): void {
    const { peerId } = channel;
    const link = this.#setup.alive(linkKey(purpose, peerId));
    if (link !== null) {
      channel.destroy();
      for (const waiter of waiters) waiter.done({ link });
      return;
    }
    this.#book.put(peerId, addresses);
    const contact = this.#contactOf(purpose, peerId);
    contact.adopt(channel);
    for (const waiter of waiters) contact.add(waiter, []);
  }

  /** Nobody is somebody else where anybody will do: it is this node that answers there. */
  #ourselves(purpose: LinkPurpose): ContactFailure {
    const peerId = this.#ports.ownPeerId;
    this.#setup.refused(purpose, { refused: 'same_identity', detail: 'it is this node', byPeer: false, peerId });
    return { code: 'peer_not_admitted', reason: 'same_identity' };
  }

  #contactOf(purpose: LinkPurpose, peerId: string): Contact {
    return this.#byKey.get(linkKey(purpose, peerId)) ?? this.#contact(purpose, peerId, this.#book.get(peerId));
  }

  #contact(purpose: LinkPurpose, peerId: string, addresses: readonly string[]): Contact {
    const contact = new Contact(this.#ports, purpose, peerId, addresses);
    this.#byKey.set(linkKey(purpose, peerId), contact);
    return contact;
  }

  #dial(target: PeerTarget, done: (result: PeerChannel | DialCode) => void): Dial {
    const { network, clock, dialTimeoutMs, counters } = this.#setup;
    counters.dials++;
    return new Dial(network, clock, target, dialTimeoutMs, (result) => {
      if (typeof result === 'string') counters.dialFailed(result);
      done(result);
    });
  }
}

/** Names whoever answers at some addresses, where a peer id is not known. */
export function addressKey(purpose: LinkPurpose, addresses: readonly string[]): string {
  return `${purpose} ${addresses.join(' ')}`;
}

function failed(code: ContactFailure['code'], reason: LinkCloseReason | null = null): ContactOutcome {
  return { failure: { code, reason } };
}
