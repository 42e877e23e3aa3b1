import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { eventJson } from '../../store/event-json.ts';
import { decodePage } from '../../store/page.ts';
import type { EventFilter } from '../../store/reads.ts';
import { checkSelector } from '../../store/selectors/check-selector.ts';
import type { Store, Stores } from '../../store/store.ts';
import { eventFilter, type FilterQuery, parseJson } from '../event-filter.ts';
import { sendJson } from '../json-answer.ts';
import { DEFAULT_LIMIT, MAX_LIMIT } from '../schemas.ts';
import { type Reading, readJson } from '../store-reads.ts';
import {
  EventAnswer,
  EventsAnswer,
  StoreParams,
  StoreReadQuery,
  StreamParams,
  StreamReadQuery,
  storeErrors,
} from '../store-schemas.ts';
import { answerLines, answerLive, type Following, NDJSON_TYPE, SSE_TYPE, type Streaming } from '../store-streaming.ts';

/** HEAD would read all of it, and show nothing. */
const noHead = { exposeHeadRoute: false } as const;

interface Query extends FilterQuery {
  readonly from?: string;
  readonly limit?: number;
  readonly direction?: 'forwards' | 'backwards';
  readonly selector?: string;
}

/** One read, in one of three forms: JSON, lines of JSON, or server-sent events that go on with what comes. */
export function readRoutes(stores: Stores, streaming: Streaming): FastifyPluginAsyncTypebox {
  return async (app) => {
    const response = { 200: threeForms(EventsAnswer), ...storeErrors, 410: storeErrors[404], 429: storeErrors[404] };
    const headers = Type.Object({
      accept: Type.Optional(Type.String({ description: `${NDJSON_TYPE}, ${SSE_TYPE}, or anything else for JSON` })),
      'last-event-id': Type.Optional(
        Type.String({
          description: 'With text/event-stream: goes on after this version or position, whatever `from` says',
        }),
      ),
    });
    const ofStream = {
      summary: 'Events of a stream, from a version on',
      params: StreamParams,
      querystring: StreamReadQuery,
      headers,
      response,
    };
    app.get('/stores/:store/streams/:stream/events', { schema: ofStream, ...noHead }, (request, reply) => {
      const { store, stream } = request.params;
      return read(streaming, stores.get(store, null), stream, request, reply);
    });

    const ofStore = {
      summary: 'Events of the store, from a position on',
      params: StoreParams,
      querystring: StoreReadQuery,
      headers,
      response,
    };
    app.get('/stores/:store/events', { schema: ofStore, ...noHead }, (request, reply) =>
      read(streaming, stores.get(request.params.store, null), null, request, reply),
    );

    const one = {
      summary: 'One event',
      params: Type.Object({ store: Type.String(), id: Type.String() }),
      response: { 200: EventAnswer, ...storeErrors },
    };
    app.get('/stores/:store/events/:id', { schema: one }, async ({ params: { store, id } }, reply) => {
      const page = await stores.get(store, null).read('eventById', { id });
      return sendJson(reply, 200, JSON.stringify(eventJson(decodePage(page)[0]!)));
    });
  };
}

function read(
  streaming: Streaming,
  store: Store,
  stream: string | null,
  { query, headers }: Pick<FastifyRequest, 'query' | 'headers'>,
  reply: FastifyReply,
): Promise<unknown> {
  const { from, limit, direction = 'forwards', selector, ...filterQuery } = query as Query;
  const filter = eventFilter(filterQuery);
  const accept = headers.accept ?? '';
  if (accept.includes(SSE_TYPE)) {
    if (direction === 'backwards') throw refuse('what is live goes forwards');
    const following = followingOf({ from, selector, filter, stream, lastEventId: headers['last-event-id'] });
    return answerLive(streaming, reply, { store, following, limit: limit ?? null });
  }
  if (from === 'now' || selector !== undefined) throw refuse(`from=now and selector are for ${SSE_TYPE}`);
  const reading: Reading = { stream, filter, direction, from: from === undefined ? null : Number(from) };
  if (accept.includes(NDJSON_TYPE)) return answerLines(streaming, reply, { store, reading, limit: limit ?? null });
  if (limit !== undefined && limit > MAX_LIMIT) throw refuse(`limit is ${MAX_LIMIT} at most, or use ${NDJSON_TYPE}`);
  return answerJson(store, reading, limit ?? DEFAULT_LIMIT, reply);
}

async function answerJson(store: Store, reading: Reading, limit: number, reply: FastifyReply): Promise<FastifyReply> {
  return sendJson(reply, 200, await readJson(store, reading, limit));
}

interface LiveRequest {
  readonly from: string | undefined;
  readonly selector: string | undefined;
  readonly filter: EventFilter;
  readonly stream: string | null;
  readonly lastEventId: string | string[] | undefined;
}

function followingOf({ from, selector, filter, stream, lastEventId }: LiveRequest): Following {
  if (filter.untilUs !== undefined) throw refuse('what is live has no end, so until cannot be given');
  const after = lastEventId === undefined || lastEventId === '' ? null : lastEventNumber(lastEventId);
  const onlyNew = after === null && from === 'now';
  const at = after !== null ? after + 1 : from === undefined || from === 'now' ? null : Number(from);
  if (selector === undefined) {
    return { kind: 'filter', reading: { stream, filter, direction: 'forwards', from: at }, onlyNew };
  }
  if (Object.keys(filter).length > 0) throw refuse('give either a selector or a filter');
  const parsed = parseJson('selector', selector);
  checkSelector(parsed);
  return { kind: 'selector', selector: parsed, from: at ?? 'start', onlyNew };
}

function lastEventNumber(given: string | string[]): number {
  // -1: there was nothing yet when it began.
  if (typeof given !== 'string' || !/^(\d{1,15}|-1)$/.test(given))
    throw refuse('Last-Event-ID is a number that was an id');
  return Number(given);
}

const threeForms = (json: TSchema) => ({
  description:
    'JSON; or with the Accept that asks for it, the whole read as lines, or history and then what comes as a stream',
  content: {
    'application/json': { schema: json },
    [NDJSON_TYPE]: { schema: Type.String({ description: 'One event per line, without end of page' }) },
    [SSE_TYPE]: {
      schema: Type.String({
        description:
          '`id` is the version (of a stream) or position, `data` the event as JSON. With from=now an `id` alone comes first: ' +
          'the last one that there is, -1 for none',
      }),
    },
  },
});

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
