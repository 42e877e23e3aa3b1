import type { Clock, Timer } from '../lib/clock.ts';
import type { PeerTarget } from './channel.ts';
import type { Resolver } from './resolver.ts';
import { parseSeed, resolveSeed, type Seed } from './seed.ts';

export interface BootstrapSetup {
  /** Addresses to join at, as configured: a multiaddr, `host:port`, or a name alone. */
  readonly join: readonly string[];
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: () => number;
  /** How many nodes of the directory are known. */
  contacts(): number;
  /** Whether it is one of them. */
  isContact(peerId: string): boolean;
  /** Dials, and makes it a contact, if it is of the directory. @returns who is there; null: nobody */
  reach(target: PeerTarget, signal: AbortSignal): Promise<string | null>;
}

const FIRST_MS = 1000;
const MOST_MS = 60_000;
/** With fewer contacts than this, more are sought; the directory finds the rest by itself. */
const ENOUGH = 4;
/** What one target gets. */
const REACH_TIMEOUT_MS = 10_000;
/** Targets under way at once. */
const AT_ONCE = 16;
/** Of those that were offered; the one offered longest ago goes. */
const MAX_OFFERED = 64;

/**
 * The way into the directory, at the start and whenever everybody in it is lost: addresses that were configured, nodes on the local
 * network, and nodes that were known before. Those are tried again and again, less and less often, until there are enough contacts.
 */
export class Bootstrap {
  readonly #setup: BootstrapSetup;
  readonly #seeds: readonly Seed[];
  /** By peer id. */
  readonly #offered = new Map<string, PeerTarget>();
  /** Who answered at an address, so that it is not dialled while it is a contact. */
  readonly #answered = new Map<string, string>();
  #stop = new AbortController();
  #timer: Timer | null = null;
  #delayMs = FIRST_MS;
  #isRunning = false;
  #isStarted = false;

  constructor(setup: BootstrapSetup) {
    this.#setup = setup;
    this.#seeds = setup.join.map(parseSeed);
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#stop = new AbortController();
    this.hurry();
  }

  stop(): void {
    this.#isStarted = false;
    this.#timer?.cancel();
    this.#timer = null;
    this.#stop.abort();
  }

  /** Tries at once, and often again: everybody is lost. */
  hurry(): void {
    this.#delayMs = FIRST_MS;
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#isStarted) void this.#round();
  }

  /** A node that may be of the directory. */
  offer(target: PeerTarget): void {
    const { peerId } = target;
    if (peerId === null || target.addresses.length === 0) return;
    const before = this.#offered.get(peerId);
    const isNew = before === undefined || String(before.addresses) !== String(target.addresses);
    this.#offered.delete(peerId);
    this.#offered.set(peerId, target);
    for (const oldest of this.#offered.keys()) {
      if (this.#offered.size <= MAX_OFFERED) break;
      this.#offered.delete(oldest);
    }
    if (isNew && this.#isStarted && this.#isWanted(target)) void this.#reach(target);
  }

  async #round(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    if (this.#setup.contacts() < ENOUGH) {
      const targets = (await this.#targets()).filter((target) => this.#isWanted(target));
      for (let i = 0; i < targets.length; i += AT_ONCE) {
        await Promise.all(targets.slice(i, i + AT_ONCE).map((target) => this.#reach(target)));
      }
    }
    this.#isRunning = false;
    if (!this.#isStarted) return;
    const isEnough = this.#setup.contacts() >= ENOUGH;
    const ms = isEnough ? MOST_MS : this.#delayMs;
    // Half of it at random: nodes that lost the same peer do not come back together.
    this.#timer?.cancel();
    this.#timer = this.#setup.clock.setTimeout(() => void this.#round(), ms / 2 + (ms / 2) * this.#setup.random());
    this.#delayMs = isEnough ? FIRST_MS : Math.min(2 * this.#delayMs, MOST_MS);
  }

  async #targets(): Promise<PeerTarget[]> {
    const found = await Promise.all(this.#seeds.map((seed) => resolveSeed(seed, this.#setup.resolver)));
    const seeds = this.#seeds.flatMap(({ peerId }, i) =>
      found[i]!.map((address) => ({ peerId, addresses: [address] })),
    );
    return [...seeds, ...this.#offered.values()];
  }

  #isWanted({ peerId, addresses }: PeerTarget): boolean {
    if (this.#setup.contacts() >= ENOUGH) return false;
    const known = peerId ?? this.#answered.get(addresses[0]!);
    return known === undefined || !this.#setup.isContact(known);
  }

  async #reach(target: PeerTarget): Promise<void> {
    const limit = new AbortController();
    const timer = this.#setup.clock.setTimeout(() => limit.abort(), REACH_TIMEOUT_MS);
    const address = target.addresses[0]!;
    // Whoever answered before may be connected still; it may also be somebody else by now.
    const known = target.peerId ?? this.#answered.get(address) ?? null;
    this.#answered.delete(address);
    const signal = AbortSignal.any([limit.signal, this.#stop.signal]);
    const peerId = await this.#setup.reach({ ...target, peerId: known }, signal);
    timer.cancel();
    if (peerId === null || target.peerId !== null) return;
    this.#answered.set(address, peerId);
    for (const oldest of this.#answered.keys()) {
      if (this.#answered.size <= MAX_OFFERED) break;
      this.#answered.delete(oldest);
    }
  }
}
