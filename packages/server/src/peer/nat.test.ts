import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { randomFraction } from '../lib/random.ts';
import type { PeerChannel, PeerTarget } from './channel.ts';
import { LINK_PROTOCOL } from './dial.ts';
import { newIdentity } from './identity.ts';
import { Libp2pNetwork } from './libp2p-network.ts';
import { NAT_DEFAULTS, type NatOptions } from './nat.ts';

const WAIT = { timeout: 10_000, interval: 20 };
const log = createLogger({ level: 'silent' });
const networks: Libp2pNetwork[] = [];
afterEach(async () => {
  for (const network of networks.splice(0)) await network.stop();
});

/** @param bootstrap if there is any, it takes part in the directory */
async function start(nat: Partial<NatOptions>, bootstrap: readonly string[] | null = null): Promise<Libp2pNetwork> {
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic: false,
    nat: { ...NAT_DEFAULTS, ...nat },
    ...(bootstrap !== null && {
      directory: { mode: 'auto' as const, bootstrap, clock: systemClock, random: randomFraction },
    }),
    maxConnections: 100,
    version: '0.0.0',
    clock: systemClock,
    log,
  });
  networks.push(network);
  await network.start();
  return network;
}

const at = (network: Libp2pNetwork): string => `/ip4/127.0.0.1/tcp/${network.port}`;
const throughRelay = (relay: Libp2pNetwork): string => `${at(relay)}/p2p/${relay.peerId}/p2p-circuit`;

/** A node that says it cannot be reached, with a place at each of some relays. */
async function hidden(relays: readonly Libp2pNetwork[]): Promise<Libp2pNetwork> {
  const network = await start({ isReachable: 'no', relays: relays.map((relay) => `${at(relay)}/p2p/${relay.peerId}`) });
  await vi.waitFor(() => expect(network.nat!.status.relays).toHaveLength(relays.length), WAIT);
  return network;
}

/** What comes over a channel, and whether it has ended. */
function listen(channel: PeerChannel) {
  const heard = { text: '', closed: false };
  channel.handler = {
    onData: (chunk) => {
      heard.text += Buffer.from(chunk).toString();
    },
    onDrain() {},
    onClosed: () => {
      heard.closed = true;
    },
  };
  return heard;
}

describe('nodes and relays', () => {
  it('that cannot be reached are, over a relay, and tell others so: after all other addresses', async () => {
    const relay = await start({ relay: true });
    const node = await hidden([relay]);
    expect(node.addresses).toEqual([at(node), throughRelay(relay)]);
    expect(node.nat!.status).toEqual({
      reachable: false,
      basis: 'configured',
      relays: [relay.peerId],
      reservations: null,
    });
    expect(relay.nat!.status).toEqual({ reachable: true, basis: 'presumed', relays: [], reservations: 1 });

    const dialler = await start({});
    const taken = Promise.withResolvers<ReturnType<typeof listen>>();
    node.accept(LINK_PROTOCOL, (channel) => {
      const heard = listen(channel);
      expect(channel).toMatchObject({ transport: 'relay', peerId: dialler.peerId, isEnding: false });
      channel.write(Buffer.from('from the node'));
      taken.resolve(heard);
    });
    const target = { peerId: node.peerId, addresses: [throughRelay(relay)] };
    const channel = await dialler.dial(target, LINK_PROTOCOL, AbortSignal.timeout(5000));
    const heard = listen(channel);
    expect(channel).toMatchObject({ transport: 'relay', peerId: node.peerId, remoteAddress: throughRelay(relay) });
    channel.write(Buffer.from('to the node'));
    const there = await taken.promise;
    await vi.waitFor(() => expect([heard.text, there.text]).toEqual(['from the node', 'to the node']), WAIT);
  });

  it('are found in the directory: nodes at their relays, which they have met there', async () => {
    const relay = await start({ relay: true }, []);
    const node = await start({ isReachable: 'no' }, [at(relay)]);
    const other = await start({}, [at(relay)]);
    await vi.waitFor(() => expect(node.nat!.status.relays).toEqual([relay.peerId]), WAIT);
    await vi.waitFor(() => expect(other.directory!.status().peers).toBeGreaterThan(0), WAIT);
    expect(node.directory!.status().mode).toBe('client');
    expect(other.directory!.status().mode).toBe('server');
    const key = new Uint8Array(32).fill(7);
    await node.directory!.provide(key, AbortSignal.timeout(5000));
    const found: PeerTarget[] = [];
    await other.directory!.find(key, (target) => found.push(target), AbortSignal.timeout(5000));
    expect(found).toEqual([{ peerId: node.peerId, addresses: [at(node), throughRelay(relay)] }]);
  });

  it('carry links only, and to whom they are told', async () => {
    const relay = await start({ relay: true });
    const node = await hidden([relay]);
    node.accept('/test/1', (channel) => channel.destroy());
    const dialler = await start({});
    const addresses = [throughRelay(relay)];
    const dial = (peerId: string | null, protocol: string) =>
      dialler.dial({ peerId, addresses }, protocol, AbortSignal.timeout(5000));
    await expect(dial(node.peerId, '/test/1')).rejects.toMatchObject({ code: 'peer_unreachable' });
    await expect(dial(null, LINK_PROTOCOL)).rejects.toMatchObject({ code: 'peer_unreachable' });
    await expect(dial(newIdentity().peerId, LINK_PROTOCOL)).rejects.toMatchObject({ code: 'peer_unreachable' });
  });

  it('that mean no good do no harm', async () => {
    const relay = await start({ relay: true });
    const node = await hidden([relay]);
    const stranger = await start({});
    const dial = (to: Libp2pNetwork, protocol: string) =>
      stranger.dial({ peerId: to.peerId, addresses: [at(to)] }, protocol, AbortSignal.timeout(5000));
    const before = node.addresses;
    for (const [to, protocol] of [
      [node, '/libp2p/circuit/relay/0.2.0/stop'],
      [relay, '/libp2p/circuit/relay/0.2.0/stop'],
      [relay, '/libp2p/circuit/relay/0.2.0/hop'],
      [relay, '/plexus/autonat/1.0.0'],
    ] as const) {
      for (const bytes of [Buffer.of(), Buffer.from('no message of this protocol'), Buffer.alloc(100_000, 1)]) {
        const channel = await dial(to, protocol);
        const heard = listen(channel);
        channel.write(bytes);
        // Of other protocols half a message may be waited for.
        if (protocol.endsWith('/stop')) await vi.waitFor(() => expect(heard.closed).toBe(true), WAIT);
        channel.destroy();
      }
    }
    await hidden([relay]);
    expect(node.addresses).toEqual(before);
    expect(relay.addresses).toEqual([at(relay)]);
    expect(node.nat!.status.relays).toEqual([relay.peerId]);
    const { reservations, relays } = relay.nat!.status;
    expect({ reservations, relays }).toEqual({ reservations: 2, relays: [] });
  });

  it('cut channels off at their limits, which are known before', async () => {
    const relay = await start({ relay: true, relayDataBytes: 100_000 });
    const node = await hidden([relay]);
    const taken: ReturnType<typeof listen>[] = [];
    node.accept(LINK_PROTOCOL, (channel) => void taken.push(listen(channel)));
    const dialler = await start({});
    const target = { peerId: node.peerId, addresses: [throughRelay(relay)] };
    const channel = await dialler.dial(target, LINK_PROTOCOL, AbortSignal.timeout(5000));
    const heard = listen(channel);
    channel.write(Buffer.alloc(80_000, 'x'));
    await vi.waitFor(() => expect(taken[0]!.text).toHaveLength(80_000), WAIT);
    expect(channel.isEnding).toBe(true);
    expect(heard.closed).toBe(false);
    channel.write(Buffer.alloc(40_000, 'x'));
    await vi.waitFor(() => expect([heard.closed, taken[0]!.closed]).toEqual([true, true]), WAIT);
    // The next one is not the same connection again.
    const next = await dialler.dial(target, LINK_PROTOCOL, AbortSignal.timeout(5000));
    expect(next.isEnding).toBe(false);
  });

  it('are left for others when they go, and have room for so many', async () => {
    const [first, second] = [await start({ relay: true }), await start({ relay: true, maxReservations: 1 })];
    const node = await hidden([first, second]);
    expect(node.addresses).toEqual([at(node), throughRelay(first), throughRelay(second)]);
    await first.stop();
    await vi.waitFor(() => expect(node.addresses).toEqual([at(node), throughRelay(second)]), WAIT);
    // Whoever is turned away goes on to the next.
    const third = await start({ relay: true });
    const late = await start({
      isReachable: 'no',
      relays: [second, third].map((relay) => `${at(relay)}/p2p/${relay.peerId}`),
    });
    await vi.waitFor(() => expect(late.nat!.status.relays).toEqual([third.peerId]), WAIT);
    expect(second.nat!.status.reservations).toBe(1);
  });
});
