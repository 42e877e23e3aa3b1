import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { Type } from 'typebox';
import { eventJson } from '../../store/event-json.ts';
import { nameProblem } from '../../store/names.ts';
import type { Stores } from '../../store/store.ts';
import { sendJson } from '../json-answer.ts';
import type { PullConsumers, PullKey } from '../pull-consumers.ts';
import { DEFAULT_LIMIT } from '../schemas.ts';
import { AckBody, AnsweredAnswer, NackBody, NameParams, PullAnswer, PullBody, writeErrors } from '../store-schemas.ts';

const PATH = '/stores/:store/subscriptions/:name';
const DEFAULT_WAIT_MS = 1000;

/** Consuming a persistent subscription by asking for events, for whoever has nothing but HTTP. */
export function pullRoutes(stores: Stores, consumers: PullConsumers): FastifyPluginAsyncTypebox {
  const keyOf = (params: { store: string; name: string }, consumer: string): PullKey => {
    const problem = nameProblem(consumer);
    if (problem !== null) throw new PlexusError('bad_request', { reason: `body/consumer ${problem}` });
    return { store: stores.get(params.store, null), subscription: params.name, consumer };
  };
  return async (app) => {
    const pull = {
      summary: 'Ask for events; the first pull joins the consumer group',
      description:
        'Every event must be acknowledged or refused within the `ackTimeoutMs` of the subscription. A consumer that asks and ' +
        'answers nothing for so long is let go, and what it had in hand goes to others.',
      params: NameParams,
      body: PullBody,
      response: { 200: PullAnswer, ...writeErrors },
    };
    app.post(`${PATH}/pull`, { schema: pull }, async ({ params, body }, reply) => {
      const { consumer, limit = DEFAULT_LIMIT, waitMs = DEFAULT_WAIT_MS } = body;
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const deliveries = await consumers.pull(keyOf(params, consumer), limit, waitMs, gone.signal);
      const events = deliveries.map(({ event, attempt }) => ({ ...eventJson(event), attempt }));
      return sendJson(reply, 200, JSON.stringify({ events }));
    });

    const ack = {
      summary: 'Acknowledge events, by position',
      params: NameParams,
      body: AckBody,
      response: { 200: AnsweredAnswer, ...writeErrors },
    };
    app.post(`${PATH}/ack`, { schema: ack }, async ({ params, body: { consumer, positions } }) => {
      await consumers.ack(keyOf(params, consumer), positions);
      return { answered: positions.length };
    });

    const nack = {
      summary: 'Refuse events: again later (retry), put aside (park), as if acknowledged (skip), or stop there (stop)',
      params: NameParams,
      body: NackBody,
      response: { 200: AnsweredAnswer, ...writeErrors },
    };
    app.post(`${PATH}/nack`, { schema: nack }, async ({ params, body }) => {
      const { consumer, positions, action = 'retry', reason = '' } = body;
      await consumers.nack(keyOf(params, consumer), positions, action, reason);
      return { answered: positions.length };
    });

    const leave = {
      summary: 'Leave the consumer group; what is in hand goes to others at once',
      params: NameParams,
      body: Type.Object({ consumer: PullBody.properties.consumer }, { additionalProperties: false }),
      response: { 204: Type.Null(), ...writeErrors },
    };
    app.post(`${PATH}/leave`, { schema: leave }, async ({ params, body }, reply) => {
      await consumers.leave(keyOf(params, body.consumer));
      return reply.code(204).send(null);
    });
  };
}
