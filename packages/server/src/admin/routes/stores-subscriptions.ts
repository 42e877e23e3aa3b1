import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { preValidationHookHandler } from 'fastify';
import { type Static, Type } from 'typebox';
import { isoTimeOfUs } from '../../lib/iso-time.ts';
import { eventJson } from '../../store/event-json.ts';
import type { Selector } from '../../store/selector.ts';
import type { StoreSubscriptions, Stores } from '../../store/store.ts';
import type { NewSubscription, ParkedEvent, SubscriptionInfo } from '../../store/subscription.ts';
import { sendJson } from '../json-answer.ts';
import { DEFAULT_LIMIT } from '../schemas.ts';
import { listingOf } from '../store-listing.ts';
import {
  Limit,
  NameListingQuery,
  NameParams,
  NewSubscriptionBody,
  NextName,
  ParkedAnswer,
  PositionsBody,
  StartFromSchema,
  StoreParams,
  SubscriptionAnswer,
  storeErrors,
  writeErrors,
} from '../store-schemas.ts';

const PATH = '/stores/:store/subscriptions';
/** A page of parked events ends with the one that reaches this. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Parked events fetched at a time: each may be as large as an event may be. */
const PARKED_SLICE = 10;

type ParkedPage = Awaited<ReturnType<StoreSubscriptions['listParked']>>;

/** Persistent subscriptions: making, watching and steering them. Consuming is in `stores-pull.ts`. */
export function subscriptionRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  const of = (store: string): StoreSubscriptions => stores.get(store, null).subscriptions;
  return async (app) => {
    const list = {
      summary: 'Persistent subscriptions of a store, in order of names',
      params: StoreParams,
      querystring: NameListingQuery,
      response: { 200: Type.Object({ subscriptions: Type.Array(SubscriptionAnswer), next: NextName }), ...storeErrors },
    };
    app.get(PATH, { schema: list }, async ({ params, query }) => {
      const { prefix, after, limit } = listingOf(query);
      const all = await of(params.store).list();
      const found = all.filter(
        ({ definition: { name } }) => name.startsWith(prefix) && (after === null || name > after),
      );
      const shown = found.slice(0, limit);
      return {
        subscriptions: shown.map(subscriptionAnswer),
        next: found.length > limit ? shown.at(-1)!.definition.name : null,
      };
    });

    const create = {
      summary: 'Create a persistent subscription',
      params: StoreParams,
      body: NewSubscriptionBody,
      response: { 201: SubscriptionAnswer, ...writeErrors },
    };
    app.post(PATH, { schema: create }, async ({ params, body }, reply) => {
      const created = await of(params.store).create({
        ...body,
        selector: body.selector as unknown as Selector,
      } as NewSubscription);
      return reply.code(201).send(subscriptionAnswer(created));
    });

    const get = {
      summary: 'One subscription: what it is, and how far',
      params: NameParams,
      response: { 200: SubscriptionAnswer, ...storeErrors },
    };
    app.get(`${PATH}/:name`, { schema: get }, async ({ params: { store, name } }) =>
      subscriptionAnswer(await of(store).get(name)),
    );

    const remove = {
      summary: 'Delete a subscription, and what is parked of it',
      params: NameParams,
      response: { 204: Type.Null(), ...writeErrors },
    };
    app.delete(`${PATH}/:name`, { schema: remove }, async ({ params: { store, name } }, reply) => {
      await of(store).delete(name);
      return reply.code(204).send(null);
    });
  };
}

/** Pause, resume, reset. */
export function subscriptionStateRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  const of = (store: string): StoreSubscriptions => stores.get(store, null).subscriptions;
  return async (app) => {
    const response = { 200: SubscriptionAnswer, ...writeErrors };
    const pause = {
      summary: 'Deliver nothing more; what is in hand may still be answered',
      params: NameParams,
      response,
    };
    app.post(`${PATH}/:name/pause`, { schema: pause }, async ({ params: { store, name } }) => {
      await of(store).pause(name);
      return subscriptionAnswer(await of(store).get(name));
    });

    const resume = {
      summary: 'Go on after a pause, or after a consumer stopped the subscription',
      params: NameParams,
      response,
    };
    app.post(`${PATH}/:name/resume`, { schema: resume }, async ({ params: { store, name } }) => {
      await of(store).resume(name);
      return subscriptionAnswer(await of(store).get(name));
    });

    const reset = {
      summary: 'Deliver again from there on; consumers are let go, parked events forgotten',
      params: NameParams,
      body: Type.Object({ to: StartFromSchema }, { additionalProperties: false }),
      response,
    };
    app.post(`${PATH}/:name/reset`, { schema: reset }, async ({ params: { store, name }, body }) => {
      await of(store).reset(name, body.to);
      return subscriptionAnswer(await of(store).get(name));
    });
  };
}

/** No body is one without members. */
const bodyIsOptional: preValidationHookHandler = (request, _reply, done) => {
  request.body ??= {};
  done();
};

/** Events that were given up on. */
export function parkedRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  const of = (store: string): StoreSubscriptions => stores.get(store, null).subscriptions;
  return async (app) => {
    const list = {
      summary: 'Events that were given up on, in order of position',
      description: 'A page ends early with the event that makes it larger than 4 MiB.',
      params: NameParams,
      querystring: Type.Object(
        {
          after: Type.Optional(
            Type.Integer({ minimum: -1, description: 'Only positions after this: `next` of the page before' }),
          ),
          limit: Limit,
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          parked: Type.Array(ParkedAnswer),
          next: Type.Union([Type.Integer(), Type.Null()], { description: 'To be passed as `after`' }),
        }),
        ...storeErrors,
      },
    };
    app.get(`${PATH}/:name/parked`, { schema: list }, async ({ params: { store, name }, query }, reply) => {
      const after = query.after ?? -1;
      return sendJson(reply, 200, await parkedJson(of(store), name, after, query.limit ?? DEFAULT_LIMIT));
    });

    const replay = {
      summary: 'Deliver parked events again',
      params: NameParams,
      body: PositionsBody,
      response: { 200: Type.Object({ replayed: Type.Integer() }), ...writeErrors },
    };
    app.post(
      `${PATH}/:name/parked/replay`,
      { schema: replay, preValidation: bodyIsOptional },
      async ({ params: { store, name }, body }) => ({
        replayed: await of(store).replayParked(name, body.positions ?? null),
      }),
    );

    const drop = {
      summary: 'Forget parked events',
      params: NameParams,
      body: PositionsBody,
      response: { 200: Type.Object({ dropped: Type.Integer() }), ...writeErrors },
    };
    app.post(
      `${PATH}/:name/parked/drop`,
      { schema: drop, preValidation: bodyIsOptional },
      async ({ params: { store, name }, body }) => ({
        dropped: await of(store).dropParked(name, body.positions ?? null),
      }),
    );
  };
}

/** @returns the body of an answer: `{"parked":[…],"next":…}` */
async function parkedJson(of: StoreSubscriptions, name: string, after: number, limit: number): Promise<string> {
  const texts: string[] = [];
  let bytes = 0;
  for (let next: number | null = after; next !== null; ) {
    const page: ParkedPage = await of.listParked(name, next, Math.min(PARKED_SLICE, limit - texts.length));
    next = page.next;
    for (const [i, parked] of page.items.entries()) {
      const text = parkedText(parked);
      texts.push(text);
      bytes += Buffer.byteLength(text);
      if (bytes < MAX_ANSWER_BYTES) continue;
      if (i < page.items.length - 1) next = parked.event.position;
      return parkedAnswer(texts, next);
    }
    if (texts.length >= limit) return parkedAnswer(texts, next);
  }
  return parkedAnswer(texts, null);
}

const parkedAnswer = (texts: readonly string[], next: number | null): string =>
  `{"parked":[${texts.join(',')}],"next":${next}}`;

const parkedText = ({ event, reason, attempts, parkedUs }: ParkedEvent): string =>
  JSON.stringify({ event: eventJson(event), reason, attempts, parkedAt: isoTimeOfUs(parkedUs) });

function subscriptionAnswer({ definition, createdUs, ...state }: SubscriptionInfo): Static<typeof SubscriptionAnswer> {
  return { ...definition, selector: { ...definition.selector }, ...state, created: isoTimeOfUs(createdUs) };
}
