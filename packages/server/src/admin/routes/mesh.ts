import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError, topicNameProblem } from '@plexus/protocol';
import { Type } from 'typebox';
import { NO_MESH_ANSWER } from '../alone.ts';
import { AdvertisementAnswer, MeshAnswer, PendingAnswer, SearchAnswer } from '../mesh-schemas.ts';
import type { MeshView } from '../ports.ts';
import { DEFAULT_LIMIT, ErrorAnswer, Next, Page, Realm } from '../schemas.ts';
import type { PublishLimits } from './publish.ts';

const DEFAULT_REALM = 'default';

/** @param mesh null: this node takes no part in it */
export function meshRoutes(
  mesh: MeshView | null,
  nodeId: string,
  limits: Pick<PublishLimits, 'maxTopicBytes' | 'maxTopicLevels'>,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    const show = { summary: 'The mesh, as this node sees it', response: { 200: MeshAnswer } };
    app.get('/mesh', { schema: show }, () => answerOf(mesh, nodeId));

    const lookup = {
      summary: 'Who wants a topic: asks the directory and whoever it names, and waits for the answers',
      querystring: Type.Object({ realm: Type.Optional(Realm), topic: Type.String() }, { additionalProperties: false }),
      response: { 200: SearchAnswer, 400: ErrorAnswer, 409: ErrorAnswer, 429: ErrorAnswer },
    };
    app.get('/mesh/lookup', { schema: lookup }, async ({ query: { realm = DEFAULT_REALM, topic } }) => {
      const reason = topic.startsWith('$') ? 'it stays in its cluster' : topicNameProblem(topic, limits);
      if (reason !== null) throw new PlexusError('topic_invalid', { topic, reason });
      if (mesh === null) throw new PlexusError('not_in_mesh');
      const { keys, mayPublish, peers } = await mesh.lookup(realm, topic);
      return {
        realm,
        topic,
        keys: keys.map(({ path, isComplete, subscribers }) => ({
          path,
          complete: isComplete,
          subscribers: [...subscribers],
        })),
        mayPublish,
        peers: [...peers],
      };
    });

    const advertisements = {
      summary: 'Keys under which this node can be found, or should be, in the order in which they were added',
      querystring: Type.Object(Page, { additionalProperties: false }),
      response: {
        200: Type.Object({ advertisements: Type.Array(AdvertisementAnswer), next: Next }),
        400: ErrorAnswer,
      },
    };
    app.get(
      '/mesh/advertisements',
      { schema: advertisements },
      ({ query: { cursor = '0', limit = DEFAULT_LIMIT } }) => {
        if (!/^\d{1,15}$/.test(cursor)) {
          throw new PlexusError('bad_request', { reason: 'cursor is not one that was given out' });
        }
        const { items, next } = mesh?.advertisements(Number(cursor), limit) ?? { items: [], next: null };
        return { advertisements: [...items], next: next === null ? null : String(next) };
      },
    );

    const pending = {
      summary: 'What is being found out, and the messages that wait for it',
      querystring: Type.Object({ limit: Page.limit }, { additionalProperties: false }),
      response: { 200: PendingAnswer, 400: ErrorAnswer },
    };
    app.get('/mesh/pending', { schema: pending }, ({ query: { limit = DEFAULT_LIMIT } }) => {
      const { queries, topics } = mesh?.pending() ?? { queries: [], topics: [] };
      return {
        queries: oldest(queries, limit),
        queryCount: queries.length,
        topics: oldest(topics, limit),
        topicCount: topics.length,
      };
    });
  };
}

function answerOf(mesh: MeshView | null, nodeId: string): MeshAnswer {
  if (mesh === null) return { ...NO_MESH_ANSWER, nodeId };
  const status = mesh.status();
  const { reachability } = status;
  return {
    ...status,
    enabled: true,
    nodeId,
    reachability: reachability && { ...reachability, relays: [...reachability.relays] },
    realms: [...status.realms],
    peers: status.peers.map((peer) => ({ ...peer, realms: [...peer.realms] })),
  };
}

function oldest<T extends { readonly ageMs: number }>(all: readonly T[], limit: number): T[] {
  return all.toSorted((a, b) => b.ageMs - a.ageMs).slice(0, limit);
}
