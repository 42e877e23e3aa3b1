import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { AdminPorts } from '../ports.ts';
import { BrokerStats, NodeDescription } from '../schemas.ts';

export function nodeRoutes(ports: Pick<AdminPorts, 'node' | 'readiness' | 'stats'>): FastifyPluginAsyncTypebox {
  return async (app) => {
    const answer = Type.Object({
      ...NodeDescription.properties,
      ready: Type.Boolean(),
      unmet: Type.Array(Type.String()),
      stats: BrokerStats,
    });
    app.get('/node', { schema: { summary: 'This node', response: { 200: answer } } }, () => {
      const unmet = ports.readiness.unmet();
      return { ...ports.node.describe(), ready: unmet.length === 0, unmet, stats: ports.stats.snapshot() };
    });
  };
}
