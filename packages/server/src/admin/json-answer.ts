import type { FastifyReply } from 'fastify';

const JSON_HEADER = 'application/json; charset=utf-8';

/** Answers with what is JSON text already: the framework does not look at it, whatever the schema says. */
export function sendJson(reply: FastifyReply, status: number, json: string | Uint8Array): FastifyReply {
  return reply.code(status).header('content-type', JSON_HEADER).send(json);
}

/** Answers with the error, as everything that is thrown is answered. */
export function sendError(reply: FastifyReply, error: unknown): void {
  reply.send(error);
}
