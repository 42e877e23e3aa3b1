import type { Clock, Timer } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Resolver } from '../peer/resolver.ts';
import { isAddress, parseSeed, resolveSeed, type Seed } from '../peer/seed.ts';
import type { Kept } from './member.ts';

export interface SeedsSetup {
  /** Addresses to join at, as configured. */
  readonly join: readonly string[];
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly options: SeedsOptions;
  /** Dials until there is a link. */
  keep(target: PeerTarget): Kept;
  /** Whether there is a link to nobody. */
  isAlone(): boolean;
  /** Whether the node at an address is this one, or one that there is a link to. */
  isKnown(target: PeerTarget): boolean;
}

export interface SeedsOptions {
  /** How often names are resolved again. */
  readonly resolveMs: number;
  /** The same, while there is a link to nobody. */
  readonly aloneResolveMs: number;
}

export const SEEDS_DEFAULTS: SeedsOptions = { resolveMs: 30_000, aloneResolveMs: 3000 };

interface Place {
  readonly target: PeerTarget;
  /** null: there is a link to the node there, or it is this one. */
  kept: Kept | null;
  /** This node answered there. */
  isSelf: boolean;
}

/**
 * The addresses to join at. Each is dialled as long as there is no link to the node behind it, also when others could be reached: two
 * parts of a cluster that have lost each other may know each other only from here. Names are resolved again and again, because what
 * stands behind them changes with the nodes; while a name server is silent, what it said last counts.
 */
export class Seeds {
  readonly #setup: SeedsSetup;
  readonly #seeds: readonly Seed[];
  /** What each seed was resolved to, in its order. */
  readonly #resolved: string[][];
  readonly #places = new Map<string, Place>();
  #timer: Timer | null = null;
  #stopped = false;

  constructor(setup: SeedsSetup) {
    this.#setup = setup;
    this.#seeds = setup.join.map(parseSeed);
    this.#resolved = this.#seeds.map(() => []);
  }

  start(): void {
    void this.#resolve();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const place of this.#places.values()) place.kept?.stop();
    this.#places.clear();
  }

  /** Whether there is any address to join at. */
  get hasAny(): boolean {
    return this.#seeds.length > 0;
  }

  /** Addresses that are dialled at the moment. */
  get sought(): string[] {
    return [...this.#places].filter(([, place]) => place.kept !== null).map(([address]) => address);
  }

  /** To be called when members come and go. */
  refresh(): void {
    for (const place of this.#places.values()) {
      const wanted = !place.isSelf && !this.#setup.isKnown(place.target);
      if (wanted) place.kept ??= this.#setup.keep(place.target);
      else this.#release(place);
    }
  }

  /** This node answers at an address of its own: nobody needs to hear of it. */
  foundSelf(target: PeerTarget): void {
    for (const address of target.addresses) {
      const place = this.#places.get(address);
      if (place === undefined) continue;
      place.isSelf = true;
      this.#release(place);
    }
  }

  async #resolve(): Promise<void> {
    const { resolver, clock, options } = this.#setup;
    const found = await Promise.all(this.#seeds.map((seed) => resolveSeed(seed, resolver)));
    if (this.#stopped) return;
    for (const [i, addresses] of found.entries()) if (addresses.length > 0) this.#resolved[i] = addresses;
    this.#update();
    if (this.#seeds.every(({ host, port }) => port !== null && isAddress(host))) return;
    const ms = this.#setup.isAlone() ? options.aloneResolveMs : options.resolveMs;
    this.#timer = clock.setTimeout(() => void this.#resolve(), ms);
  }

  #update(): void {
    const gone = new Set(this.#places.keys());
    for (const [i, { peerId }] of this.#seeds.entries()) {
      for (const address of this.#resolved[i]!) {
        gone.delete(address);
        const place = this.#places.get(address);
        // Behind an address that stands for several nodes there may be another the next time.
        if (place !== undefined) place.isSelf &&= !this.#setup.isAlone();
        if (place !== undefined) continue;
        this.#places.set(address, { target: { peerId, addresses: [address] }, kept: null, isSelf: false });
      }
    }
    for (const address of gone) {
      this.#release(this.#places.get(address)!);
      this.#places.delete(address);
    }
    this.refresh();
  }

  #release(place: Place): void {
    place.kept?.stop();
    place.kept = null;
  }
}
