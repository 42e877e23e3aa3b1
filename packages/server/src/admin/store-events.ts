import { PlexusError } from '@plexus/protocol';
import type { AppendResult, ExpectedVersion, StreamWrite } from '../store/append.ts';
import { JSON_TYPE, type NewEvent } from '../store/event.ts';
import { fromBase64 } from './base64.ts';

/** An event of a request: as a program hands it in, only that bytes come as base64. */
export type EventBody = NewEvent & { readonly dataBase64?: string };

/** @throws {PlexusError} bad_request */
export function newEvents(bodies: readonly EventBody[]): readonly NewEvent[] {
  // Most appends have no bytes in them, and go on as they came.
  return bodies.some((body) => body.dataBase64 !== undefined) ? bodies.map(newEvent) : bodies;
}

function newEvent(body: EventBody, index: number): NewEvent {
  const { dataBase64, ...event } = body;
  if (dataBase64 === undefined) return event;
  const where = `events/${index}/dataBase64`;
  if ('data' in event) throw refuse(`give either data or dataBase64 (body/${where})`);
  if (event.contentType === JSON_TYPE) throw refuse(`${JSON_TYPE} stands in data, not in body/${where}`);
  return { ...event, data: fromBase64(dataBase64, where) };
}

export interface MultiAppend {
  readonly writes?: readonly { stream: string; expectedVersion?: ExpectedVersion; events: readonly EventBody[] }[];
  readonly events?: readonly (EventBody & { stream: string })[];
}

/** Events by stream, in the order in which the streams first come. */
export function streamWrites({ writes, events }: MultiAppend): StreamWrite[] {
  if (writes !== undefined) return writes.map((write) => ({ ...write, events: newEvents(write.events) }));
  const byStream = new Map<string, NewEvent[]>();
  for (const [index, body] of events!.entries()) {
    const { stream, ...rest } = body;
    const event = newEvent(rest, index);
    const before = byStream.get(stream);
    if (before === undefined) byStream.set(stream, [event]);
    else before.push(event);
  }
  return [...byStream].map(([stream, list]) => ({ stream, events: list }));
}

/** A new append is something created; the answer to a retry is the first one again. */
export const appendStatus = ({ duplicate }: AppendResult): 200 | 201 => (duplicate ? 200 : 201);

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
