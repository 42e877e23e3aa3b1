import { ByteSink } from '../../lib/byte-sink.ts';
import type { CausationRequest, CausationResult } from '../reads.ts';
import type { RecordedEvent } from '../recorded-event.ts';
import type { MemoryLog } from './memory-log.ts';
import { causeOf, eventById, writeEvent } from './memory-reads.ts';

/** @throws {PlexusError} event_not_found */
export function causation(log: MemoryLog, { id, what, limit }: CausationRequest): CausationResult {
  const start = eventById(log, id);
  const byId = new Map(log.events.map((event) => [event.id, event]));
  const cause = (event: RecordedEvent): RecordedEvent | null => byId.get(causeOf(event) ?? '') ?? null;
  const effects = (event: RecordedEvent): RecordedEvent[] => log.events.filter((other) => causeOf(other) === event.id);
  const all = {
    effects: () => effects(start),
    cause: () => [cause(start)].filter((event) => event !== null),
    chain: () => chain(start, cause),
    correlated: () =>
      start.correlationId === null
        ? [start]
        : log.events.filter((event) => event.correlationId === start.correlationId),
    graph: () => connected(start, (event) => [...effects(event), cause(event)].filter((other) => other !== null)),
  }[what]();
  // A chain keeps its root: what is nearest to the event can be asked for from the event.
  const kept = all.slice(0, limit);
  const shown = new Set(kept);
  const hasEdges = what === 'graph' || what === 'chain';
  const edges = kept
    .map((event) => ({ event, from: cause(event) }))
    .filter(({ from }) => hasEdges && from !== null && shown.has(from))
    .map(({ event, from }) => ({ from: from!.id, to: event.id }));
  const sink = new ByteSink();
  for (const event of kept) writeEvent(sink, event, 'frames');
  return {
    bytes: sink.take(),
    count: kept.length,
    edges,
    roots: kept.filter((event) => cause(event) === null).map((event) => event.id),
    truncated: kept.length < all.length,
    cyclic: kept.some((event) => isInCircle(event, cause)),
  };
}

/** From the root down to `start`; in a circle, once round. */
function chain(start: RecordedEvent, cause: (event: RecordedEvent) => RecordedEvent | null): RecordedEvent[] {
  const found: RecordedEvent[] = [];
  for (let at: RecordedEvent | null = start; at !== null && !found.includes(at); at = cause(at)) found.unshift(at);
  return found;
}

/** Everything reached from `start`, by position. */
function connected(start: RecordedEvent, next: (event: RecordedEvent) => RecordedEvent[]): RecordedEvent[] {
  const found = new Set([start]);
  for (const event of found) for (const other of next(event)) found.add(other);
  return [...found].sort((a, b) => a.position - b.position);
}

function isInCircle(event: RecordedEvent, cause: (event: RecordedEvent) => RecordedEvent | null): boolean {
  const seen = new Set<RecordedEvent>();
  for (let at = cause(event); at !== null && !seen.has(at); at = cause(at)) {
    if (at === event) return true;
    seen.add(at);
  }
  return false;
}
