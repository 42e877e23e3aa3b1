import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { eventJson } from '../../store/event-json.ts';
import { decodePage } from '../../store/page.ts';
import type { Stores } from '../../store/store.ts';
import { sendJson } from '../json-answer.ts';
import { DEFAULT_LIMIT } from '../schemas.ts';
import { CausationAnswer, Limit, storeErrors } from '../store-schemas.ts';

const What = Type.Union(
  [
    Type.Literal('effects'),
    Type.Literal('cause'),
    Type.Literal('chain'),
    Type.Literal('correlated'),
    Type.Literal('graph'),
  ],
  {
    description:
      'effects: what names the event as its cause; cause: the one that it names; chain: from the root down to it; ' +
      'correlated: all of its correlation id; graph: everything that hangs together with it by causes. ' +
      'There is no next page of an answer that is truncated. Of effects and correlated it has the first ones: read the events of ' +
      'the store with causationId (the id of the event) or correlationId, which gives the same in pages. Of a chain it has those ' +
      'from the root down: go up from the event by cause',
  },
);

export function causationRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  return async (app) => {
    const schema = {
      summary: 'What an event led to, or came from',
      params: Type.Object({ store: Type.String(), id: Type.String({ description: 'Of the event to start from' }) }),
      querystring: Type.Object({ what: What, limit: Limit }, { additionalProperties: false }),
      response: { 200: CausationAnswer, ...storeErrors },
    };
    app.get('/stores/:store/causation/:id', { schema }, async ({ params: { store, id }, query }, reply) => {
      const { what, limit = DEFAULT_LIMIT } = query;
      const result = await stores.get(store, null).read('causation', { id, what, limit });
      const { edges, roots, truncated, cyclic } = result;
      const events = decodePage(result).map(eventJson);
      return sendJson(reply, 200, JSON.stringify({ events, edges, roots, truncated, cyclic }));
    });
  };
}
