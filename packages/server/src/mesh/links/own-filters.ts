import { utf8Length } from '@plexus/protocol';
import { FrameType } from '../../peer/frame-types.ts';
import type { KeyPath, Wants } from '../ports.ts';
import { encodeChanges, encodeWhole, MAX_FILTER_BYTES } from './link-frames.ts';
import type { MeshLinkOptions } from './link-options.ts';
import type { PeerRealm } from './link-peer.ts';
import type { Refusals } from './refusals.ts';
import type { TokenExchange } from './token-exchange.ts';

/** A key of ours that some peer hears of. */
interface HeardOf {
  readonly realm: string;
  readonly path: KeyPath;
  /** As it was at the end of the last turn. */
  said: ReadonlySet<string>;
  /** Those that have asked, or are told. */
  readonly hearers: Set<PeerRealm>;
}

export interface OwnFiltersSetup {
  readonly wants: Pick<Wants, 'filters'>;
  readonly tokens: Pick<TokenExchange, 'own'>;
  readonly refusals: Refusals;
  readonly options: MeshLinkOptions;
  /** There is something to do at the end of the turn. */
  schedule(): void;
}

/** Says our filters to those who publish under their keys, whether they have asked or we have found them, and keeps them current. */
export class OwnFilters {
  readonly #setup: OwnFiltersSetup;
  /** By realm and path. */
  readonly #paths = new Map<string, HeardOf>();
  readonly #changed = new Set<HeardOf>();
  /** To be said in whole at the end of the turn. */
  readonly #wholes = new Map<PeerRealm, Set<KeyPath>>();

  constructor(setup: OwnFiltersSetup) {
    this.#setup = setup;
  }

  /** We have filters there, and the peer publishes. @returns whether there is something that it cannot be told now */
  tell(to: PeerRealm, path: KeyPath): boolean {
    const { options, refusals } = this.#setup;
    if (to.told.has(path)) return to.missed.has(path);
    if (to.peer.told >= options.maxPathsPerPeer) {
      refusals.count('too_many_paths', to.peer.peerId, to.realm);
      return false;
    }
    to.told.add(path);
    to.peer.told++;
    this.#join(to, path);
    if (to.hasRights && to.peer.isUp) this.#later(to, path);
    else to.missed.add(path);
    return to.missed.has(path);
  }

  /** The peer publishes there, and asks. */
  onAsked(by: PeerRealm, paths: readonly KeyPath[], isAnew: boolean): void {
    const { options, refusals } = this.#setup;
    if (isAnew) this.dropWanted(by);
    for (const path of paths) {
      if (!by.wanted.has(path)) {
        if (by.peer.wanted >= options.maxPathsPerPeer) {
          refusals.count('too_many_paths', by.peer.peerId, by.realm);
          continue;
        }
        by.wanted.add(path);
        by.peer.wanted++;
        this.#join(by, path);
      }
      this.#later(by, path);
    }
  }

  /** The peer does not publish there any more: it need not be told either. */
  onUnasked(by: PeerRealm, paths: readonly KeyPath[]): void {
    for (const path of paths) {
      if (by.wanted.delete(path)) by.peer.wanted--;
      this.#untell(by, path);
      this.#leave(by, path);
    }
  }

  dropWanted(by: PeerRealm): void {
    const paths = [...by.wanted];
    by.wanted.clear();
    by.peer.wanted -= paths.length;
    for (const path of paths) this.#leave(by, path);
  }

  dropTold(to: PeerRealm): void {
    for (const path of [...to.told]) {
      this.#untell(to, path);
      this.#leave(to, path);
    }
  }

  changed(realm: string, path: KeyPath): void {
    const known = this.#paths.get(keyOf(realm, path));
    if (known === undefined) return;
    this.#changed.add(known);
    this.#setup.schedule();
  }

  /** Everything that the peer is told, from the beginning. What it asks for it asks anew by itself. */
  sayAll(to: PeerRealm): void {
    // What it has asked for, perhaps in this very turn, is still to be answered.
    const asked = this.#wholes.get(to);
    for (const path of to.told) {
      asked?.delete(path);
      this.#sayWhole(to, path);
    }
    to.missed.clear();
  }

  endOfTurn(): void {
    for (const known of this.#changed) this.#sayChanges(known);
    this.#changed.clear();
    for (const [to, paths] of this.#wholes) for (const path of paths) this.#sayWhole(to, path);
    this.#wholes.clear();
  }

  #later(to: PeerRealm, path: KeyPath): void {
    const paths = this.#wholes.get(to);
    if (paths === undefined) this.#wholes.set(to, new Set([path]));
    else paths.add(path);
    this.#setup.schedule();
  }

  #sayWhole(to: PeerRealm, path: KeyPath): void {
    const filters = this.#forPeer(to, this.#setup.wants.filters(to.realm, path));
    if (filters === null) return;
    for (const body of encodeWhole(to.realm, path, filters)) to.peer.link!.control(FrameType.MeshFilters, body);
  }

  #sayChanges(known: HeardOf): void {
    const { realm, path, said, hearers } = known;
    const now = new Set(this.#setup.wants.filters(realm, path));
    known.said = now;
    const added = [...now].filter((filter) => !said.has(filter));
    const gone = [...said].filter((filter) => !now.has(filter));
    for (const hearer of [...hearers]) {
      const isWhole = this.#wholes.get(hearer)?.has(path) === true;
      const [come, left] = [this.#forPeer(hearer, added), this.#forPeer(hearer, gone)];
      if (come === null || left === null) hearer.missed.add(path);
      else if (!isWhole) {
        for (const body of encodeChanges(realm, path, come, left)) {
          hearer.peer.link!.control(FrameType.MeshFilters, body);
        }
      }
      // Whoever could not be told hears it with the next link.
      if (now.size > 0 || come === null) continue;
      this.#untell(hearer, path);
      this.#leave(hearer, path);
    }
  }

  /** Only what our token allows us to have, and what its own allows the peer to publish. null: nothing may be said now */
  #forPeer({ peer, realm, token, hasRights }: PeerRealm, filters: readonly string[]): string[] | null {
    const own = this.#setup.tokens.own(realm);
    if (!hasRights || !peer.isUp || own === null || token === null) return null;
    const fits = (filter: string): boolean => utf8Length(filter) <= MAX_FILTER_BYTES;
    return filters.filter((filter) => fits(filter) && own.maySubscribe(filter) && token.couldPublish(filter));
  }

  #join(hearer: PeerRealm, path: KeyPath): void {
    const key = keyOf(hearer.realm, path);
    let known = this.#paths.get(key);
    if (known === undefined) {
      const said = new Set(this.#setup.wants.filters(hearer.realm, path));
      known = { realm: hearer.realm, path, said, hearers: new Set() };
      this.#paths.set(key, known);
    }
    known.hearers.add(hearer);
  }

  #leave(hearer: PeerRealm, path: KeyPath): void {
    if (hearer.told.has(path) || hearer.wanted.has(path)) return;
    this.#wholes.get(hearer)?.delete(path);
    hearer.missed.delete(path);
    const key = keyOf(hearer.realm, path);
    const known = this.#paths.get(key);
    if (known === undefined) return;
    known.hearers.delete(hearer);
    if (known.hearers.size > 0) return;
    this.#paths.delete(key);
    this.#changed.delete(known);
  }

  #untell(hearer: PeerRealm, path: KeyPath): void {
    if (hearer.told.delete(path)) hearer.peer.told--;
  }
}

function keyOf(realm: string, path: KeyPath): string {
  return `${realm}\0${path}`;
}
