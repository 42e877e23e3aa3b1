import { PlexusError } from '@plexus/protocol';
import type { CausationRequest, CausationResult, EventFilter } from '../reads.ts';
import { causeId } from './cause-id.ts';
import type { Facts } from './facts.ts';
import { framesOf } from './frames-page.ts';
import { type Condition, conditionsOf } from './read-filter.ts';
import { Budget } from './read-lists.ts';
import { planOf } from './read-plan.ts';
import { MAX_BATCH } from './read-rows.ts';
import type { StoreTables } from './read-tables.ts';
import type { StoreView } from './read-view.ts';
import { ListedWalk } from './read-walks.ts';
import type { StoredRow } from './stored-row.ts';

/** Records of one answer together; what goes beyond is cut off as by `limit`. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Causes that are looked up on the way to a root, or to find out whether an event is in a circle, besides the events of the answer. */
const MAX_CAUSES_BEYOND = 4096;

/** What is kept of an event that is looked up on the way: events are large, and ways are long. */
type Link = Pick<StoredRow, 'id' | 'position' | 'causation'>;

/** Answers what comes from what. */
export class Causation {
  readonly #file: string;
  readonly #tables: StoreTables;
  readonly #facts: Facts;

  constructor(file: string, tables: StoreTables, facts: Facts) {
    this.#file = file;
    this.#tables = tables;
    this.#facts = facts;
  }

  /** @throws {PlexusError} event_not_found, store_damaged */
  find(view: StoreView, { id, what, limit }: CausationRequest): CausationResult {
    const start = this.#facts.findById(view, id);
    if (start === null) throw new PlexusError('event_not_found', { id });
    const causes = new Causes((cause) => this.#facts.findById(view, cause), start, limit + MAX_CAUSES_BEYOND);
    const found = new Found(limit);
    if (what === 'effects') this.#addAll(view, { causationId: start.id }, found);
    else if (what === 'cause') this.#addCause(start, causes, found);
    else if (what === 'chain') this.#addChain(start, causes, found);
    else if (what === 'graph') this.#addGraph(view, start, causes, found);
    else if (start.correlation === null) found.add(start);
    else this.#addAll(view, { correlationId: start.correlation }, found);
    const rows = what === 'chain' ? found.rows : found.rows.sort((a, b) => a.position - b.position);
    return {
      bytes: framesOf(rows),
      count: rows.length,
      edges: what === 'graph' || what === 'chain' ? edgesOf(rows, causes) : [],
      roots: rows.filter((row) => causes.of(row) === null).map((row) => row.id),
      truncated: found.isTruncated,
      cyclic: rows.some((row) => causes.isInCircle(row)),
    };
  }

  /** Adds what matches, by position. */
  #addAll(view: StoreView, filter: EventFilter, found: Found): void {
    const conditions = conditionsOf(filter, this.#tables);
    const walk = this.#walk(view, conditions);
    for (let rows = walk.next(MAX_BATCH, MAX_BYTES); rows !== null; rows = walk.next(MAX_BATCH, MAX_BYTES)) {
      for (const row of rows) {
        if (conditions.every((condition) => condition.holds(row)) && !found.add(row)) return;
      }
    }
  }

  #walk(view: StoreView, conditions: readonly Condition[]): ListedWalk {
    const { rows, sources, tail, believe } = this.#tables;
    // What is found bounds it.
    const budget = new Budget(Number.POSITIVE_INFINITY);
    const list = planOf(conditions, { file: this.#file, isForwards: true, budget, believe })!;
    return new ListedWalk({
      ...{ file: this.#file, rows, sources, list, isForwards: true, budget, stream: null },
      tail: () => tail.positions(view, null, conditions),
      range: { low: 0, high: view.lastPosition },
    });
  }

  /** @returns false if there is a cause, and no room for it */
  #addCause(row: StoredRow, causes: Causes, found: Found): boolean {
    const cause = causes.of(row);
    return cause === null || found.has(cause) || found.add(this.#rowOf(cause));
  }

  /** From the root down to the event; in a circle, once round. What is cut off is the end at the event. */
  #addChain(start: StoredRow, causes: Causes, found: Found): void {
    const path = new Map<number, Link>();
    let at: Link | null = start;
    while (at !== null && !path.has(at.position) && causes.mayLookUp) {
      path.set(at.position, at);
      at = causes.of(at);
    }
    if (at !== null && !path.has(at.position)) found.cut();
    for (const link of [...path.values()].reverse()) if (!found.add(this.#rowOf(link))) return;
  }

  #rowOf({ position }: Link): StoredRow {
    return this.#tables.rows.one(position);
  }

  /** Everything that is reached from the event through causes and effects. */
  #addGraph(view: StoreView, start: StoredRow, causes: Causes, found: Found): void {
    found.add(start);
    // It grows while it is gone through.
    for (const row of found.rows) {
      if (!this.#addCause(row, causes, found)) return;
      const effects = new Found(found.room + 1);
      this.#addAll(view, { causationId: row.id }, effects);
      for (const effect of effects.rows) if (!found.add(effect)) return;
      if (!effects.isTruncated) continue;
      found.cut();
      return;
    }
  }
}

/** Events of an answer, each once. */
class Found {
  readonly rows: StoredRow[] = [];
  readonly #positions = new Set<number>();
  readonly #limit: number;
  #bytes = 0;
  #isTruncated = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  get room(): number {
    return this.#limit - this.rows.length;
  }

  /** @returns false if there was no room for it */
  add(row: StoredRow): boolean {
    if (this.#positions.has(row.position)) return true;
    this.#bytes += row.bytes;
    if (this.room <= 0 || (this.#bytes > MAX_BYTES && this.rows.length > 0)) {
      this.cut();
      return false;
    }
    this.#positions.add(row.position);
    this.rows.push(row);
    return true;
  }

  has({ position }: Link): boolean {
    return this.#positions.has(position);
  }

  cut(): void {
    this.#isTruncated = true;
  }
}

function edgesOf(rows: readonly StoredRow[], causes: Causes): { from: string; to: string }[] {
  const shown = new Set(rows.map(({ position }) => position));
  const edges: { from: string; to: string }[] = [];
  for (const row of rows) {
    const cause = causes.of(row);
    if (cause !== null && shown.has(cause.position)) edges.push({ from: cause.id, to: row.id });
  }
  return edges;
}

/** The cause of each event; an event has at most one. */
class Causes {
  readonly #find: (id: string) => StoredRow | null;
  /** By id. */
  readonly #known = new Map<string, Link | null>();
  /** By position: whether the event is in a circle. */
  readonly #circles = new Map<number, boolean>();
  #left: number;

  /** @param most lookups; an event whose cause is not looked up any more counts as one that is in no circle */
  constructor(find: (id: string) => StoredRow | null, start: StoredRow, most: number) {
    this.#find = find;
    this.#left = most;
    this.#known.set(start.id, linkOf(start));
  }

  /** Whether there are lookups left. */
  get mayLookUp(): boolean {
    return this.#left > 0;
  }

  /** @returns null: it names none, or one that is not in the store */
  of({ causation }: Link): Link | null {
    if (causation === null) return null;
    const id = causeId(causation);
    let cause = this.#known.get(id);
    if (cause === undefined) {
      const row = this.#find(id);
      cause = row === null ? null : linkOf(row);
      this.#known.set(id, cause);
      this.#left--;
    }
    return cause;
  }

  isInCircle(row: Link): boolean {
    const path: Link[] = [];
    const places = new Map<number, number>();
    let at: Link | null = row;
    while (at !== null && !this.#circles.has(at.position) && !places.has(at.position) && this.mayLookUp) {
      places.set(at.position, path.length);
      path.push(at);
      at = this.of(at);
    }
    // Those from where the path has come back to are in a circle; those that lead there are not.
    const back = at === null ? path.length : (places.get(at.position) ?? path.length);
    for (let i = 0; i < path.length; i++) this.#circles.set(path[i]!.position, i >= back);
    return this.#circles.get(row.position) ?? false;
  }
}

const linkOf = ({ id, position, causation }: StoredRow): Link => ({ id, position, causation });
