import { PlexusError } from '@plexus/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AdminLog } from './ports.ts';

/** What a framework throws: a status for the client, and a code of its own. */
interface HttpFault {
  statusCode?: number;
  code?: string;
  message?: string;
}

/** Turns whatever was thrown into an error of the one table. What is not foreseen is logged, and not told. */
export function asPlexusError(thrown: unknown, maxBytes: number, log: AdminLog): PlexusError {
  if (thrown instanceof PlexusError) return thrown;
  const { statusCode, code, message } = (thrown ?? {}) as HttpFault;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new PlexusError('payload_too_large', { maxBytes });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new PlexusError('unsupported_media_type');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new PlexusError('bad_request', { reason: message ?? 'not understood' });
  }
  log.error({ err: thrown }, 'an HTTP request failed');
  return new PlexusError('internal');
}

/** An error handler: the error as JSON, and when to come again if the error says so (RFC 9110 §10.2.3). */
export function answerErrors(maxBytes: number, log: AdminLog) {
  return (thrown: unknown, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = asPlexusError(thrown, maxBytes, log);
    const { retryAfterMs } = error.details;
    // In whole seconds: a client that reads the body knows it better.
    if (typeof retryAfterMs === 'number') reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)));
    return reply.code(error.httpStatus).type('application/json').send(JSON.stringify(error));
  };
}
