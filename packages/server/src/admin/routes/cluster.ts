import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError, topicNameProblem } from '@plexus/protocol';
import { type Static, Type } from 'typebox';
import type { FilterCount } from '../../cluster/ports.ts';
import { ClusterAnswer, InterestAnswer } from '../cluster-schemas.ts';
import type { ClusterView, LocalInterest } from '../ports.ts';
import { ErrorAnswer, Realm } from '../schemas.ts';
import type { PublishLimits } from './publish.ts';

const DEFAULT_REALM = 'default';
type TopicLimits = Pick<PublishLimits, 'maxTopicBytes' | 'maxTopicLevels'>;
type Interest = Static<typeof InterestAnswer>;

export function clusterRoutes(
  cluster: ClusterView,
  local: LocalInterest,
  limits: TopicLimits,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    const show = { summary: 'The cluster, as this node sees it', response: { 200: ClusterAnswer } };
    app.get('/cluster', { schema: show }, () => ({
      name: cluster.name,
      members: cluster.members().map((member) => ({ ...member, addresses: [...member.addresses] })),
      sought: [...cluster.status().sought],
    }));

    const interest = {
      summary: 'Which nodes a message on a topic would go to, if it were published here',
      querystring: Type.Object({ realm: Type.Optional(Realm), topic: Type.String() }, { additionalProperties: false }),
      response: { 200: InterestAnswer, 400: ErrorAnswer },
    };
    app.get('/cluster/interest', { schema: interest }, ({ query: { realm = DEFAULT_REALM, topic } }) => {
      const reason = topicNameProblem(topic, limits);
      if (reason !== null) throw new PlexusError('topic_invalid', { topic, reason });
      return interestIn(realm, topic, cluster, local);
    });

    const leave = {
      summary: 'Leave the cluster, in good order, and go on alone until the next start',
      response: { 204: Type.Null(), 409: ErrorAnswer },
    };
    app.post('/cluster/leave', { schema: leave }, async (_request, reply) => {
      if (cluster.name === null) throw new PlexusError('not_in_cluster');
      await cluster.leave();
      return reply.code(204).send(null);
    });
  };
}

function interestIn(realm: string, topic: string, cluster: ClusterView, local: LocalInterest): Interest {
  const here = local.match(realm, topic);
  const { nodes, shares } = cluster.route(realm, topic);
  const holders = new Map<string, Interest['shares'][number]['holders']>();
  const add = (share: string, nodeId: string, self: boolean, { online, away }: FilterCount): void => {
    const known = holders.get(share);
    const holder = { nodeId, self, online, away };
    if (known === undefined) holders.set(share, [holder]);
    else known.push(holder);
  };
  if (here.shares.length > 0) {
    const { nodeId } = cluster.members().find(({ self }) => self)!;
    for (const { key, count } of here.shares) add(key, nodeId, true, count);
  }
  for (const { key, holders: others } of shares) {
    for (const { nodeId, count } of others) add(key, nodeId, false, count);
  }
  return {
    realm,
    topic,
    local: here.subscribed,
    nodes: [...nodes],
    shares: Array.from(holders, ([share, of]) => ({ share, holders: of })),
  };
}
