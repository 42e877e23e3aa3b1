import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Where the build of packages/dashboard puts the pages: `index.html`, and `assets/` with a hash in every name. */
const BUILT_PAGES = fileURLToPath(new URL('../../../../dashboard/dist/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * What the pages may do: run and load what this node serves, and connect anywhere over WebSocket and to this node over
 * HTTP, for a person may try another broker.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  vary: 'Accept-Encoding',
};

const NOT_BUILT = `The pages of this node are not built yet.

In its checkout, run:

    npm start

or, beside a node that runs, to build them alone:

    sh scripts/setup.sh

and load this address again. Everything else works without them.
`;

interface Page {
  readonly body: Buffer;
  readonly zipped: Buffer;
  readonly type: string;
}

type Pages = ReadonlyMap<string, Page>;

/**
 * The pages for people. They are read into memory when the first is asked for after they were built, and stay what they were
 * until the node starts again: page and scripts always belong together.
 */
export function pageRoutes(directory: string = BUILT_PAGES): FastifyPluginAsyncTypebox {
  let pages: Promise<Pages | null> | null = null;
  const load = async (): Promise<Pages | null> => {
    pages ??= readPages(directory);
    let loaded: Pages | null = null;
    try {
      loaded = await pages;
    } finally {
      // Not built, or not readable: the next request looks again.
      if (loaded === null) pages = null;
    }
    return loaded;
  };

  return async (app) => {
    const schema = { hide: true };
    app.get('/', { schema }, async (request, reply) => {
      const index = (await load())?.get('index.html');
      // No schema of answers: a text for a person, as the page would be.
      if (index === undefined)
        return reply.code(503).headers(HEADERS).type('text/plain; charset=utf-8').send(NOT_BUILT);
      // Its name has no hash, so that browsers must ask; what it names never changes.
      return send(request, reply.header('cache-control', 'no-cache'), index);
    });
    app.get<{ Params: { name: string } }>('/assets/:name', { schema }, async (request, reply) => {
      const asset = (await load())?.get(`assets/${request.params.name}`);
      if (asset === undefined) throw new PlexusError('not_found', { path: `GET ${request.url}` });
      return send(request, reply.header('cache-control', 'public, max-age=31536000, immutable'), asset);
    });
  };
}

function send(request: FastifyRequest, reply: FastifyReply, { body, zipped, type }: Page): FastifyReply {
  reply.headers(HEADERS).type(type);
  const takesZipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|\s|$))/.test(request.headers['accept-encoding'] ?? '');
  return takesZipped ? reply.header('content-encoding', 'gzip').send(zipped) : reply.send(body);
}

/** @returns null before the first build */
async function readPages(directory: string): Promise<Pages | null> {
  try {
    const assets = await readdir(join(directory, 'assets'));
    const names = ['index.html', ...assets.map((name) => `assets/${name}`)].filter((name) => extname(name) in TYPES);
    return new Map(await Promise.all(names.map(async (name) => [name, await readPage(directory, name)] as const)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function readPage(directory: string, name: string): Promise<Page> {
  const body = await readFile(join(directory, name));
  return { body, zipped: await promisify(gzip)(body, { level: 9 }), type: TYPES[extname(name)]! };
}
