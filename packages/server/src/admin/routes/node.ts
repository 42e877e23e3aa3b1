import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { AdminPorts } from '../ports.ts';
import { BrokerStats, NodeDescription, Warning } from '../schemas.ts';

interface NodePorts extends Pick<AdminPorts, 'node' | 'readiness' | 'stats'> {
  warnings(): Warning[];
}

export function nodeRoutes(ports: NodePorts): FastifyPluginAsyncTypebox {
  return async (app) => {
    const answer = Type.Object({
      ...NodeDescription.properties,
      ready: Type.Boolean(),
      unmet: Type.Array(Type.String()),
      warnings: Type.Array(Warning, { description: 'What somebody should look at, though the node does its work' }),
      stats: BrokerStats,
    });
    app.get('/node', { schema: { summary: 'This node', response: { 200: answer } } }, () => {
      const unmet = ports.readiness.unmet();
      const ready = unmet.length === 0;
      return {
        ...ports.node.describe(),
        ready,
        unmet,
        warnings: ports.warnings(),
        stats: ports.stats.snapshot(),
      };
    });
  };
}
