import { isUtf8 } from 'node:buffer';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { Type } from 'typebox';
import { LIMITS } from '../../store/event.ts';
import type { Stores } from '../../store/store.ts';
import { verifyAll } from '../../store/verify-all.ts';
import { answerErrors } from '../error-answer.ts';
import { knownStores, statusOf } from '../known-stores.ts';
import type { AdminPorts } from '../ports.ts';
import type { PullConsumers } from '../pull-consumers.ts';
import { Realm } from '../schemas.ts';
import { listingOf } from '../store-listing.ts';
import {
  NameCounts,
  NameListingQuery,
  NextName,
  StoreAnswer,
  StoreListingAnswer,
  StoreParams,
  storeErrors,
  VerifyAnswer,
  writeErrors,
} from '../store-schemas.ts';
import type { Streaming } from '../store-streaming.ts';
import { appendRoutes } from './stores-append.ts';
import { causationRoutes } from './stores-causation.ts';
import { pullRoutes } from './stores-pull.ts';
import { readRoutes } from './stores-reads.ts';
import { snapshotRoutes } from './stores-snapshots.ts';
import { streamRoutes } from './stores-streams.ts';
import { parkedRoutes, subscriptionRoutes, subscriptionStateRoutes } from './stores-subscriptions.ts';

/** Base64 and escapes make JSON longer than what it says; an append of short events has more names than data. */
const MAX_BODY_BYTES = 2 * LIMITS.maxAppendBytes + 1024 * 1024;

export interface StorePorts extends Streaming, Pick<AdminPorts, 'node' | 'clusterStores'> {
  readonly stores: Stores;
  readonly pull: PullConsumers;
}

/** Everything under `/stores`. */
export function storeRoutes(ports: StorePorts): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
      (_request, body: Buffer, done) => {
        try {
          done(null, parseBody(body));
        } catch (error) {
          done(new PlexusError('bad_request', { reason: `the body is not JSON: ${(error as Error).message}` }));
        }
      },
    );
    app.setErrorHandler(answerErrors(MAX_BODY_BYTES, ports.log));
    app.addHook('onRoute', (route) => {
      route.bodyLimit = MAX_BODY_BYTES;
      if (route.schema !== undefined) route.schema.tags = ['stores'];
    });
    await app.register(storeListRoutes(ports));
    await app.register(appendRoutes(ports.stores));
    await app.register(readRoutes(ports.stores, ports));
    await app.register(streamRoutes(ports.stores));
    await app.register(snapshotRoutes(ports.stores));
    await app.register(causationRoutes(ports.stores));
    await app.register(subscriptionRoutes(ports.stores));
    await app.register(subscriptionStateRoutes(ports.stores));
    await app.register(parkedRoutes(ports.stores));
    await app.register(pullRoutes(ports.stores, ports.pull));
  };
}

/** Data may have any member, `__proto__` too: it is stored as text, and nothing is made of it here. */
function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new Error('it is not UTF-8');
  return JSON.parse(body.toString());
}

function storeListRoutes({ stores, clusterStores, node, answers }: StorePorts): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = {
      summary: 'The stores of this node, or of all nodes of its cluster',
      querystring: Type.Object({ realm: Type.Optional(Realm) }, { additionalProperties: false }),
      response: { 200: Type.Object({ stores: Type.Array(StoreListingAnswer), next: Type.Null() }), ...storeErrors },
    };
    app.get('/stores', { schema: list }, async ({ query: { realm } }) => {
      const known = await knownStores(stores, clusterStores ?? null, node.describe().nodeId);
      return { stores: known.filter((store) => realm === undefined || store.realm === realm), next: null };
    });

    const get = {
      summary: 'One store: how it is, and what is in it',
      params: StoreParams,
      response: { 200: StoreAnswer, ...storeErrors },
    };
    app.get('/stores/:store', { schema: get }, async ({ params }) => {
      const store = stores.get(params.store, null);
      const [status, info] = await Promise.all([store.status(), store.read('storeInfo', {})]);
      return { ...statusOf(status), ...info };
    });

    const types = {
      summary: 'Types of events, and how many events have each',
      params: StoreParams,
      querystring: NameListingQuery,
      response: { 200: Type.Object({ types: NameCounts, next: NextName }), ...storeErrors },
    };
    app.get('/stores/:store/types', { schema: types }, async ({ params, query }) => {
      const { items, next } = await stores.get(params.store, null).read('listTypes', listingOf(query));
      return { types: [...items], next };
    });

    const tags = {
      summary: 'Tags of events, and how many events have each',
      params: StoreParams,
      querystring: NameListingQuery,
      response: { 200: Type.Object({ tags: NameCounts, next: NextName }), ...storeErrors },
    };
    app.get('/stores/:store/tags', { schema: tags }, async ({ params, query }) => {
      const { items, next } = await stores.get(params.store, null).read('listTags', listingOf(query));
      return { tags: [...items], next };
    });

    const verify = {
      summary: 'Read everything in the store, and compare it with its checksums and indexes',
      description: 'Takes as long as it takes to read the file. One at a time in each store.',
      params: StoreParams,
      response: { 200: VerifyAnswer, ...writeErrors },
    };
    const underWay = new Set<string>();
    app.post('/stores/:store/verify', { schema: verify }, async ({ params, raw }) => {
      const store = stores.get(params.store, null);
      if (underWay.has(store.name)) throw new PlexusError('quota_exceeded', { limit: 'one verification at a time' });
      underWay.add(store.name);
      try {
        const report = await verifyAll(
          (request) => store.read('verify', request),
          () => raw.socket.destroyed || answers.isDraining,
        );
        // Part of a report must not pass for all of it.
        if (answers.isDraining) throw new PlexusError('shutting_down');
        return report;
      } finally {
        underWay.delete(store.name);
      }
    });
  };
}
