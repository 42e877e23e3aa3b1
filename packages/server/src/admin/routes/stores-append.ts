import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { isoTimeOfUs } from '../../lib/iso-time.ts';
import type { AppendCondition, AppendRequest, AppendResult, ExpectedVersion, StreamWrite } from '../../store/append.ts';
import type { Stores } from '../../store/store.ts';
import { sendError, sendJson } from '../json-answer.ts';
import { appendStatus, type EventBody, type MultiAppend, newEvents, streamWrites } from '../store-events.ts';
import {
  AppendAnswer,
  AppendBody,
  MultiAppendAnswer,
  MultiAppendBody,
  StoreParams,
  StreamParams,
  writeErrors,
} from '../store-schemas.ts';

export function appendRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  return async (app) => {
    const append = {
      summary: 'Append events to a stream',
      description: '201; 200 with the first answer for a retry with the same ids and content.',
      params: StreamParams,
      body: AppendBody,
      response: { 200: AppendAnswer, 201: AppendAnswer, ...writeErrors },
    };
    // Answers are written as text, and without a promise of the framework's: this is the route that has to be fast.
    app.post('/stores/:store/streams/:stream/events', { schema: append }, ({ params, body }, reply) => {
      const { expectedVersion, events } = body as { expectedVersion?: ExpectedVersion; events: EventBody[] };
      const write: StreamWrite = { stream: params.stream, events: newEvents(events) };
      const writes = [expectedVersion === undefined ? write : { ...write, expectedVersion }];
      stores
        .get(params.store, null)
        .append({ writes })
        .then(
          (result) =>
            void sendJson(reply, appendStatus(result), `{"version":${result.versions[0]},${commonMembers(result)}}`),
          (error: unknown) => sendError(reply, error),
        );
    });

    const appendMany = {
      summary: 'Append to several streams at once, or under a condition; all or nothing',
      description:
        '`writes` has events by stream, each with what is expected of it. `events` names the stream of each event; those of one ' +
        'stream are written together, streams in the order in which they first come.',
      params: StoreParams,
      body: MultiAppendBody,
      response: { 200: MultiAppendAnswer, 201: MultiAppendAnswer, ...writeErrors },
    };
    app.post('/stores/:store/events', { schema: appendMany }, ({ params, body }, reply) => {
      const { condition } = body as { condition?: AppendCondition };
      const writes = streamWrites(body as MultiAppend);
      const request: AppendRequest = condition === undefined ? { writes } : { writes, condition };
      stores
        .get(params.store, null)
        .append(request)
        .then(
          (result) => {
            const versions = writes.map(({ stream }, i) => ({ stream, version: result.versions[i] }));
            sendJson(reply, appendStatus(result), `{"versions":${JSON.stringify(versions)},${commonMembers(result)}}`);
          },
          (error: unknown) => sendError(reply, error),
        );
    });
  };
}

const commonMembers = ({ position, timeUs, duplicate }: AppendResult): string =>
  `"position":${position},"time":"${isoTimeOfUs(timeUs)}","duplicate":${duplicate}`;
