import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { type Static, Type } from 'typebox';
import { isoTimeOfUs } from '../../lib/iso-time.ts';
import type { ExpectedVersion } from '../../store/append.ts';
import type { StreamInfo } from '../../store/reads.ts';
import type { Stores } from '../../store/store.ts';
import { listingOf } from '../store-listing.ts';
import {
  NameListingQuery,
  NextName,
  StoreParams,
  StreamAnswer,
  StreamParams,
  storeErrors,
  writeErrors,
} from '../store-schemas.ts';
import { parseTimeUs } from '../time-us.ts';

export function streamRoutes(stores: Stores): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = {
      summary: 'Streams, in order of names; deleted ones too',
      params: StoreParams,
      querystring: NameListingQuery,
      response: { 200: Type.Object({ streams: Type.Array(StreamAnswer), next: NextName }), ...storeErrors },
    };
    app.get('/stores/:store/streams', { schema: list }, async ({ params, query }) => {
      const { items, next } = await stores.get(params.store, null).read('listStreams', listingOf(query));
      return { streams: items.map(streamAnswer), next };
    });

    const get = { summary: 'One stream', params: StreamParams, response: { 200: StreamAnswer, ...storeErrors } };
    app.get('/stores/:store/streams/:stream', { schema: get }, async ({ params: { store, stream } }) =>
      streamAnswer(await stores.get(store, null).read('streamInfo', { stream })),
    );

    const version = {
      summary: 'The last version of a stream at a time; -1 if it had no event then',
      params: StreamParams,
      querystring: Type.Object(
        { at: Type.String({ description: 'ISO 8601, or microseconds since 1970' }) },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ stream: Type.String(), version: Type.Integer() }), ...storeErrors },
    };
    app.get('/stores/:store/streams/:stream/version', { schema: version }, async ({ params, query }) => {
      const { stream } = params;
      const timeUs = parseTimeUs('at', query.at);
      return { stream, ...(await stores.get(params.store, null).read('versionAt', { stream, timeUs })) };
    });

    const remove = {
      summary: 'Delete a stream: reads of it find nothing, its events stay in the store',
      description: 'Without `tombstone` it may be written again, and its versions go on; with it, never.',
      params: StreamParams,
      querystring: Type.Object(
        {
          expectedVersion: Type.Optional(Type.String({ pattern: '^(-1|\\d{1,15}|none|exists|any)$' })),
          tombstone: Type.Optional(Type.Boolean({ default: false })),
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({ version: Type.Integer({ description: 'Of the last event of the stream' }) }),
        ...writeErrors,
      },
    };
    app.delete('/stores/:store/streams/:stream', { schema: remove }, ({ params: { store, stream }, query }) => {
      const { expectedVersion, tombstone = false } = query;
      const request = { stream, tombstone };
      return stores
        .get(store, null)
        .write(
          'deleteStream',
          expectedVersion === undefined ? request : { ...request, expectedVersion: expected(expectedVersion) },
        );
    });
  };
}

function expected(text: string): ExpectedVersion {
  if (text === 'none' || text === 'exists' || text === 'any') return text;
  const version = Number(text);
  if (!Number.isSafeInteger(version)) throw new PlexusError('bad_request', { reason: 'expectedVersion is no version' });
  return version;
}

function streamAnswer({ createdUs, lastWrittenUs, ...info }: StreamInfo): Static<typeof StreamAnswer> {
  return { ...info, created: isoTimeOfUs(createdUs), lastWritten: isoTimeOfUs(lastWrittenUs) };
}
