import { PlexusError } from '@plexus/protocol';
import { ByteSink } from '../../lib/byte-sink.ts';
import { isUuid } from '../../lib/uuid.ts';
import { eventJson } from '../event-json.ts';
import { type FrameHeader, writeFrame } from '../frame.ts';
import type { NameListing } from '../operations.ts';
import { matchesQuery } from '../query.ts';
import type { EventFilter, NameCount, NamePage, Page, ReadRequest, StreamInfo } from '../reads.ts';
import type { RecordedEvent } from '../recorded-event.ts';
import type { MemoryLog, MemoryStream } from './memory-log.ts';

/** Whether `event` is one that `filter` asks for: the plain statement that every plan of a reader must agree with. */
export function matchesFilter(filter: EventFilter, event: RecordedEvent): boolean {
  const { types, typePrefix, streamPattern, tags, query, correlationId, causationId, sinceUs, untilUs } = filter;
  if (types !== undefined && !types.includes(event.type)) return false;
  if (typePrefix !== undefined && !event.type.startsWith(typePrefix)) return false;
  if (streamPattern !== undefined && !matchesPattern(streamPattern, event.stream)) return false;
  if (tags?.match === 'any' && !tags.tags.some((tag) => event.tags.includes(tag))) return false;
  if (tags?.match === 'all' && !tags.tags.every((tag) => event.tags.includes(tag))) return false;
  if (query !== undefined && !matchesQuery(query, event.type, event.tags)) return false;
  if (correlationId !== undefined && event.correlationId !== correlationId) return false;
  if (causationId !== undefined && causeOf(event) !== lower(causationId)) return false;
  if (sinceUs !== undefined && event.timeUs < sinceUs) return false;
  return untilUs === undefined || event.timeUs <= untilUs;
}

/** Id of the event that this one names as its cause, in lower case if it is a UUID; null: none. */
export function causeOf(event: RecordedEvent): string | null {
  return event.causationId === null ? null : lower(event.causationId);
}

export const lower = (id: string): string => (isUuid(id) ? id.toLowerCase() : id);

function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join('.*')}$`, 'su').test(name);
}

/** The stream, if a read may look into it. @throws {PlexusError} stream_not_found, stream_deleted, stream_tombstoned */
function readable(log: MemoryLog, name: string): MemoryStream {
  const stream = log.stream(name);
  if (stream.deleted === 'tombstone') throw new PlexusError('stream_tombstoned', { stream: name });
  if (stream.deleted === 'soft') throw new PlexusError('stream_deleted', { stream: name });
  return stream;
}

/** @param maxLooked most events that are looked at for one page */
export function readEvents(log: MemoryLog, request: ReadRequest, maxLooked: number): Page {
  const { stream, filter, direction, from, limit, maxBytes, form } = request;
  const source = stream === null ? null : readable(log, stream);
  const all = source === null ? log.events : source.events.slice(source.first);
  const place = (event: RecordedEvent): number => (source === null ? event.position : event.version);
  const isForwards = direction === 'forwards';
  const ordered = isForwards ? all : all.toReversed();
  const ahead = ordered.filter((event) => from === null || (isForwards ? place(event) >= from : place(event) <= from));
  const sink = new ByteSink();
  let count = 0;
  let looked = 0;
  while (looked < ahead.length && looked < maxLooked && count < limit && sink.length < maxBytes) {
    const event = ahead[looked++]!;
    if (!matchesFilter(filter, event)) continue;
    writeEvent(sink, event, form);
    count++;
  }
  const next = looked < ahead.length ? place(ahead[looked]!) : null;
  return { bytes: sink.take(), count, next, lastPosition: log.lastPosition };
}

export function writeEvent(sink: ByteSink, event: RecordedEvent, form: ReadRequest['form']): void {
  if (form === 'frames') writeFrame(sink, frameHeader(event), event.record);
  else sink.utf8(`${JSON.stringify(eventJson(event))}\n`);
}

/** Row ids are an engine's own: here there are none, though as many of tags as in any frame. */
function frameHeader({ position, version, timeUs, tags }: RecordedEvent): FrameHeader {
  return { position, version, timeUs, stream: 0, type: 0, tags: tags.map(() => 0), part: 0 };
}

/** @throws {PlexusError} event_not_found */
export function eventById(log: MemoryLog, id: string): RecordedEvent {
  const event = log.events.find((candidate) => candidate.id === id.toLowerCase());
  if (event === undefined) throw new PlexusError('event_not_found', { id });
  return event;
}

export function streamInfo({ name, events, first, deleted }: MemoryStream): StreamInfo {
  return {
    stream: name,
    version: events.length - 1,
    exists: deleted === 'no',
    tombstoned: deleted === 'tombstone',
    count: events.length - first,
    createdUs: events[0]!.timeUs,
    lastWrittenUs: events.at(-1)!.timeUs,
  };
}

/** Names in the order of their UTF-8, one page of them. */
export function listNames<T>(items: ReadonlyMap<string, T>, { prefix, after, limit }: NameListing): NamePage<T> {
  const names = [...items.keys()]
    .filter((name) => name.startsWith(prefix) && (after === null || byName(name, after) > 0))
    .sort(byName);
  const shown = names.slice(0, limit);
  return {
    items: shown.map((name) => items.get(name)!),
    next: shown.length < names.length ? (shown.at(-1) ?? null) : null,
  };
}

const byName = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** By name: how many events have it. */
export function counted(
  events: readonly RecordedEvent[],
  namesOf: (event: RecordedEvent) => readonly string[],
): Map<string, NameCount> {
  const counts = new Map<string, NameCount>();
  for (const name of events.flatMap(namesOf)) counts.set(name, { name, count: (counts.get(name)?.count ?? 0) + 1 });
  return counts;
}
