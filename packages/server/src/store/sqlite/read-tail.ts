import type { Database, Statement } from '../../lib/sqlite/database.ts';
import type { Condition, TailHint } from './read-filter.ts';
import type { StoreView } from './read-view.ts';
import { EVENT_ID } from './schema.ts';

/** Looks through the events that no index has yet, in SQL, where it costs little. */
export class TailLookup {
  readonly #find: Statement<readonly [number]>;
  readonly #findId: Statement<readonly [number]>;

  constructor(db: Database) {
    // A tag is looked for as a number in the JSON list: between a bracket or a comma on either side.
    this.#find = db.prepareRows(`
      SELECT position FROM events WHERE position > ?1
        AND (?2 IS NULL OR stream = ?2)
        AND (?3 IS NULL OR type IN (SELECT value FROM json_each(?3)))
        AND (?4 IS NULL OR tags GLOB ?4)
        AND (?5 IS NULL OR correlation = ?5)
        AND (?6 IS NULL OR causation = ?6)
      ORDER BY position`);
    this.#findId = db.prepareRows(`SELECT position FROM events WHERE position > ? AND ${EVENT_ID} = ?`);
  }

  /**
   * @param stream row id; null: whatever stream
   * @returns ascending positions, among them all for which the conditions hold
   */
  positions(view: StoreView, stream: number | null, conditions: readonly Condition[]): number[] {
    if (!view.hasTail) return [];
    const hint: TailHint = Object.assign({}, ...conditions.map(({ tail }) => tail));
    const types = hint.types === undefined ? null : JSON.stringify(hint.types);
    const tag = hint.tag === undefined ? null : `*[[,]${hint.tag}[],]*`;
    const { correlation = null, causation = null } = hint;
    return this.#find.all(view.indexed, stream, types, tag, correlation, causation).map(([position]) => position);
  }

  /** @param id 16 bytes @returns position of the event with this id, or null */
  positionOfId(view: StoreView, id: Uint8Array): number | null {
    return view.hasTail ? (this.#findId.get(view.indexed, id)?.[0] ?? null) : null;
  }
}
