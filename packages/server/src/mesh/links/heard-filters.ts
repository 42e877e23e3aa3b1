import { topicFilterProblem } from '@plexus/protocol';
import { pathOfFilter } from '../key-paths.ts';
import type { KeyPath } from '../ports.ts';
import { type FiltersFrame, MAX_FILTER_BYTES } from './link-frames.ts';
import type { MeshLinkOptions } from './link-options.ts';
import { HeardPath, type PeerRealm } from './link-peer.ts';
import type { Refusal, Refusals } from './refusals.ts';
import type { FilterTable } from './remote-filters.ts';

/** What sessions here may subscribe to says nothing of others. */
const FILTER_LIMITS = { maxTopicBytes: MAX_FILTER_BYTES, maxTopicLevels: 200 };

export interface HeardFiltersSetup {
  readonly table: FilterTable;
  readonly refusals: Refusals;
  readonly options: MeshLinkOptions;
  /** All filters of a key have come. */
  answered(from: PeerRealm, path: KeyPath): void;
  /** Filters of the realm are others now. */
  remoteChanged(realm: string): void;
}

/** What peers say they want, as far as their tokens allow it. */
export class HeardFilters {
  readonly #setup: HeardFiltersSetup;

  constructor(setup: HeardFiltersSetup) {
    this.#setup = setup;
  }

  onFilters(from: PeerRealm, frame: FiltersFrame): void {
    const { path } = frame;
    if (frame.isWhole) from.gathering = { path, filters: new Set() };
    const gathering = from.gathering?.path === path ? from.gathering : null;
    if (gathering === null) {
      this.#change(from, frame);
      return;
    }
    for (const filter of frame.added) {
      if (gathering.filters.size >= this.#setup.options.maxFiltersPerPeer) this.#refuse(from, 'too_many_filters');
      else if (this.#isGood(from, path, filter)) gathering.filters.add(filter);
    }
    if (frame.hasMore) return;
    from.gathering = null;
    this.#replace(from, path, gathering.filters);
    this.#setup.answered(from, path);
  }

  /** The peer has said all that it tells without being asked: what it did not name is no more. */
  onAllSaid(from: PeerRealm): void {
    from.isAllSaid = true;
    for (const [path, heard] of from.heard) {
      if (heard.generation !== from.generation && !from.asks.has(path)) this.drop(from, path);
    }
  }

  /** Its token is another: it may cover less. */
  recheck(from: PeerRealm): void {
    const { token } = from;
    for (const [path, heard] of from.heard) {
      for (const filter of heard.filters.keys()) {
        if (token?.maySubscribe(filter) !== true) this.#remove(from, heard, filter);
      }
      this.#forgetIfEmpty(from, path, heard);
    }
  }

  drop(from: PeerRealm, path: KeyPath): void {
    const heard = from.heard.get(path);
    if (heard === undefined) return;
    for (const filter of heard.filters.keys()) this.#remove(from, heard, filter);
    from.heard.delete(path);
    from.peer.heardPaths--;
  }

  dropAll(from: PeerRealm): void {
    from.gathering = null;
    for (const path of [...from.heard.keys()]) this.drop(from, path);
  }

  #replace(from: PeerRealm, path: KeyPath, filters: ReadonlySet<string>): void {
    const heard = from.heard.get(path) ?? this.#begin(from, path, filters.size > 0);
    if (heard === null) return;
    heard.generation = from.generation;
    for (const filter of heard.filters.keys()) if (!filters.has(filter)) this.#remove(from, heard, filter);
    for (const filter of filters) this.#add(from, heard, filter);
    this.#forgetIfEmpty(from, path, heard);
  }

  #change(from: PeerRealm, { path, added, gone }: FiltersFrame): void {
    const heard = from.heard.get(path);
    // Changes of what was never said, or is of no interest any more.
    if (heard === undefined) return;
    for (const filter of gone) this.#remove(from, heard, filter);
    for (const filter of added) if (this.#isGood(from, path, filter)) this.#add(from, heard, filter);
    this.#forgetIfEmpty(from, path, heard);
  }

  /** null: there is no room, or nothing to keep */
  #begin(from: PeerRealm, path: KeyPath, hasFilters: boolean): HeardPath | null {
    const isAsked = from.asks.has(path);
    if (!hasFilters && !isAsked) return null;
    // What was asked has its own bound.
    if (!isAsked && from.peer.heardPaths >= 2 * this.#setup.options.maxPathsPerPeer) {
      this.#refuse(from, 'too_many_paths');
      return null;
    }
    const heard = new HeardPath(from.generation);
    from.heard.set(path, heard);
    from.peer.heardPaths++;
    return heard;
  }

  #forgetIfEmpty(from: PeerRealm, path: KeyPath, heard: HeardPath): void {
    if (heard.filters.size > 0 || from.asks.has(path)) return;
    from.heard.delete(path);
    from.peer.heardPaths--;
  }

  #add(from: PeerRealm, heard: HeardPath, filter: string): void {
    if (heard.filters.has(filter)) return;
    const { table, options } = this.#setup;
    if (from.peer.filters >= options.maxFiltersPerPeer || table.size >= options.maxFilters) {
      this.#refuse(from, 'too_many_filters');
      return;
    }
    heard.filters.set(filter, table.add(from.realm, from.peer.peerId, filter));
    from.peer.filters++;
    this.#setup.remoteChanged(from.realm);
  }

  #remove(from: PeerRealm, heard: HeardPath, filter: string): void {
    const entry = heard.filters.get(filter);
    if (entry === undefined) return;
    heard.filters.delete(filter);
    this.#setup.table.remove(from.realm, filter, entry);
    from.peer.filters--;
    this.#setup.remoteChanged(from.realm);
  }

  #isGood(from: PeerRealm, path: KeyPath, filter: string): boolean {
    // What begins with `$` stays within a cluster, and shares are nobody else's business.
    const isFilter = !filter.startsWith('$') && topicFilterProblem(filter, FILTER_LIMITS) === null;
    if (!isFilter || pathOfFilter(filter) !== path) this.#refuse(from, 'bad_filter');
    else if (from.token?.maySubscribe(filter) !== true) this.#refuse(from, 'beyond_subscribe');
    else return true;
    return false;
  }

  #refuse(from: PeerRealm, reason: Refusal): void {
    this.#setup.refusals.count(reason, from.peer.peerId, from.realm);
  }
}
