import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { Type } from 'typebox';
import type { Metrics } from '../metrics.ts';
import type { Readiness } from '../ports.ts';
import { ErrorAnswer, WARNINGS, type Warning } from '../schemas.ts';

/** For probes, which call by address: answered under every Host. */
export function healthRoutes(readiness: Readiness, warnings: () => readonly Warning[]): FastifyPluginAsyncTypebox {
  return async (app) => {
    const live = Type.Object({ status: Type.Literal('live') });
    app.get('/health/live', { schema: { summary: 'Whether the process answers', response: { 200: live } } }, () => ({
      status: 'live' as const,
    }));

    const ready = Type.Object({
      status: Type.Literal('ready'),
      warnings: Type.Array(Type.Enum(WARNINGS), { description: 'Each once; `GET /api/v1/node` says more' }),
    });
    const schema = { summary: 'Whether clients should be sent here', response: { 200: ready, 503: ErrorAnswer } };
    app.get('/health/ready', { schema }, () => {
      const unmet = readiness.unmet();
      if (unmet.length > 0) throw new PlexusError('not_ready', { unmet });
      return { status: 'ready' as const, warnings: [...new Set(warnings().map(({ code }) => code))] };
    });
  };
}

export function metricsRoute(metrics: Metrics): FastifyPluginAsyncTypebox {
  return async (app) => {
    const schema = { summary: 'Metrics in the text format of Prometheus', produces: ['text/plain'] };
    app.get('/metrics', { schema }, async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  };
}
