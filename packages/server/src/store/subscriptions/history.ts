import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import { decodePage } from '../page.ts';
import type { EventFilter } from '../reads.ts';

const MiB = 1024 * 1024;

/** Of one page of history; a reader holds one at a time. */
export const PAGE_LIMITS = { events: 1000, bytes: MiB } as const;

/** A stretch of history. */
export interface HistoryPage {
  readonly events: readonly StoredEvent[];
  /** Everything before this position that passes the filter is in `events`, or was before `from`. */
  readonly readTo: number;
}

/** Reads the store forwards from position `from` on. */
export async function readHistory(
  engine: Engine,
  filter: EventFilter,
  from: number,
  limit: number = PAGE_LIMITS.events,
): Promise<HistoryPage> {
  const page = await engine.read('readEvents', {
    stream: null,
    filter,
    direction: 'forwards',
    from,
    limit,
    maxBytes: PAGE_LIMITS.bytes,
    form: 'frames',
  });
  return { events: decodePage(page), readTo: Math.max(from, page.next ?? page.lastPosition + 1) };
}
