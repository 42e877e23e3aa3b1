import type { Connection, PeerId } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { streamsOf } from './kad-requests.ts';

const PEER = {} as PeerId;

function connection(name: string, about: Partial<Connection>): Connection {
  return { status: 'open', ...about, newStream: async (protocol: string) => `${protocol} on ${name}` } as never;
}

/** Streams where these connections are, and how new ones were asked for. */
function streams(...open: Connection[]) {
  const asked: unknown[] = [];
  const source = streamsOf({
    getConnections: () => open,
    openConnection: async (_peer, options) => {
      asked.push(options);
      return connection('a new one', {});
    },
  });
  return { asked, open: () => source.openStream(PEER, '/p', { signal: undefined as never }) };
}

describe('streams of the directory', () => {
  it('go over a connection that is there, if it is open and no relay limits it', async () => {
    const relayed = connection('relayed', { limits: { bytes: 1n } });
    const closing = connection('closing', { status: 'closing' });
    const { asked, open } = streams(relayed, closing, connection('direct', {}));
    expect([await open(), asked]).toEqual(['/p on direct', []]);
  });

  it('ask for a new one by force: else libp2p might close what a link has just dialled', async () => {
    const { asked, open } = streams(connection('relayed', { limits: { bytes: 1n } }));
    expect(await open()).toBe('/p on a new one');
    expect(asked).toEqual([{ signal: undefined, force: true }]);
  });
});
