import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { isoTimeOfUs } from '../../lib/iso-time.ts';
import type { SnapshotInfo } from '../../store/reads.ts';
import type { Stores } from '../../store/store.ts';
import { DEFAULT_LIMIT } from '../schemas.ts';
import { Limit, SnapshotAnswer, SnapshotInfoAnswer, StreamParams, storeErrors, writeErrors } from '../store-schemas.ts';

const Version = Type.Integer({ minimum: 0 });
const closed = { additionalProperties: false } as const;

export function snapshotRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  return async (app) => {
    const path = '/stores/:store/snapshots/:stream';
    const save = {
      summary: 'Save a snapshot of a stream at a version, in place of one of the same version',
      params: StreamParams,
      body: Type.Object({ version: Version, data: Type.Unknown(), metadata: Type.Optional(Type.Unknown()) }, closed),
      response: { 200: SnapshotInfoAnswer, ...writeErrors },
    };
    app.put(path, { schema: save }, async ({ params: { store, stream }, body }) => {
      const { version, data, metadata = null } = body;
      return infoAnswer(await stores.get(store, null).write('saveSnapshot', { stream, version, data, metadata }));
    });

    const load = {
      summary: 'The latest snapshot of a stream, or the latest at or before a version',
      params: StreamParams,
      querystring: Type.Object({ version: Type.Optional(Version) }, closed),
      response: { 200: SnapshotAnswer, ...storeErrors },
    };
    app.get(path, { schema: load }, async ({ params: { store, stream }, query }) => {
      const { savedUs, ...snapshot } = await stores
        .get(store, null)
        .read('loadSnapshot', { stream, version: query.version ?? null });
      return { ...snapshot, saved: isoTimeOfUs(savedUs) };
    });

    const list = {
      summary: 'Snapshots of a stream, newest first',
      params: StreamParams,
      querystring: Type.Object(
        {
          before: Type.Optional(
            Type.Integer({ minimum: 0, description: 'Only versions below: `next` of the page before' }),
          ),
          limit: Limit,
        },
        closed,
      ),
      response: {
        200: Type.Object({
          snapshots: Type.Array(SnapshotInfoAnswer),
          next: Type.Union([Type.Integer(), Type.Null()], { description: 'To be passed as `before`' }),
        }),
        ...storeErrors,
      },
    };
    app.get(`${path}/list`, { schema: list }, async ({ params: { store, stream }, query }) => {
      const { before = null, limit = DEFAULT_LIMIT } = query;
      const { items, next } = await stores.get(store, null).read('listSnapshots', { stream, before, limit });
      return { snapshots: items.map(infoAnswer), next };
    });

    const remove = {
      summary: 'Delete one snapshot of a stream, or all of them',
      params: StreamParams,
      querystring: Type.Object({ version: Type.Optional(Version) }, closed),
      response: { 200: Type.Object({ deleted: Type.Integer() }), ...writeErrors },
    };
    app.delete(path, { schema: remove }, ({ params: { store, stream }, query }) =>
      stores.get(store, null).write('deleteSnapshots', { stream, version: query.version ?? null }),
    );
  };
}

function infoAnswer({ stream, version, savedUs }: SnapshotInfo): Static<typeof SnapshotInfoAnswer> {
  return { stream, version, saved: isoTimeOfUs(savedUs) };
}
