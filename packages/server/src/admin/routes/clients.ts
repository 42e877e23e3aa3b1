import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { Type } from 'typebox';
import type { Clients, PageQuery, Sessions } from '../ports.ts';
import { ClientInfo, DEFAULT_LIMIT, ErrorAnswer, Next, Page, SessionInfo } from '../schemas.ts';

interface Query {
  realm?: string;
  cursor?: string;
  limit?: number;
}

const pageOf = ({ realm, cursor, limit }: Query): PageQuery => ({
  ...(realm === undefined ? {} : { realm }),
  after: cursor ?? null,
  limit: limit ?? DEFAULT_LIMIT,
});

export function clientRoutes(clients: Clients): FastifyPluginAsyncTypebox {
  return async (app) => {
    const realm = Type.Optional(Type.String());
    const list = {
      summary: 'Connected clients',
      querystring: Type.Object(
        { realm, endpoint: Type.Optional(Type.String()), ...Page },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ clients: Type.Array(ClientInfo), next: Next }) },
    };
    app.get('/clients', { schema: list }, ({ query }) => {
      const { endpoint } = query;
      const { items, next } = clients.list({ ...pageOf(query), ...(endpoint === undefined ? {} : { endpoint }) });
      return { clients: items, next };
    });

    // The router has percent-decoded both: a client id may hold any character.
    const params = Type.Object({ realm: Type.String(), clientId: Type.String() });
    const get = { summary: 'One client', params, response: { 200: ClientInfo, 404: ErrorAnswer } };
    app.get('/clients/:realm/:clientId', { schema: get }, ({ params: { realm, clientId } }) => {
      const client = clients.get(realm, clientId);
      if (client === null) throw new PlexusError('client_not_found', { realm, clientId });
      return client;
    });

    const kick = { summary: 'Disconnect a client', params, response: { 204: Type.Null(), 404: ErrorAnswer } };
    app.delete('/clients/:realm/:clientId', { schema: kick }, ({ params: { realm, clientId } }, reply) => {
      if (!clients.kick(realm, clientId)) throw new PlexusError('client_not_found', { realm, clientId });
      reply.code(204).send(null);
    });
  };
}

export function sessionRoutes(sessions: Sessions): FastifyPluginAsyncTypebox {
  return async (app) => {
    const schema = {
      summary: 'Sessions, connected or not',
      querystring: Type.Object({ realm: Type.Optional(Type.String()), ...Page }, { additionalProperties: false }),
      response: { 200: Type.Object({ sessions: Type.Array(SessionInfo), next: Next }) },
    };
    app.get('/sessions', { schema }, ({ query }) => {
      const { items, next } = sessions.list(pageOf(query));
      return { sessions: items, next };
    });
  };
}
