import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { newIdentity } from './identity.ts';
import { Libp2pNetwork, type Libp2pNetworkOptions } from './libp2p-network.ts';
import { describeNetwork } from './network.conformance.ts';

const make = (options: Partial<Libp2pNetworkOptions> = {}): Libp2pNetwork =>
  new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic: false,
    maxConnections: 100,
    version: '0.0.0',
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
    ...options,
  });

/** IPv4 addresses of this machine that others may know. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}

function hasIpv6(): boolean {
  return (networkInterfaces().lo ?? networkInterfaces().lo0 ?? []).some(({ family }) => family === 'IPv6');
}

describeNetwork({
  name: 'libp2p over TCP',
  transport: 'tcp',
  nowhere: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/udp/1/quic-v1'],
  refuses: true,
  make: async () => {
    const network = make();
    await network.start();
    return { network, stop: () => network.stop() };
  },
});

describeNetwork({
  name: 'libp2p over QUIC',
  transport: 'quic',
  nowhere: ['/ip4/127.0.0.1/udp/1/quic-v1'],
  refuses: false,
  make: async () => {
    const network = make({ quic: true });
    await network.start();
    const onlyQuic = network.addresses.filter((address) => address.endsWith('/quic-v1'));
    Object.defineProperty(network, 'addresses', { value: onlyQuic });
    return { network, stop: () => network.stop() };
  },
});

describe('where a node listens for peers', () => {
  it('is TCP, and QUIC on the same port if that is on', async () => {
    const plain = make();
    const both = make({ quic: true });
    await plain.start();
    await both.start();
    expect(plain.addresses).toEqual([`/ip4/127.0.0.1/tcp/${plain.port}`]);
    expect(both.addresses).toEqual([`/ip4/127.0.0.1/tcp/${both.port}`, `/ip4/127.0.0.1/udp/${both.port}/quic-v1`]);
    await both.stop();
    await plain.stop();
    expect(plain.addresses).toEqual([]);
  });

  it('is every address of the machine where that is asked for', async () => {
    const network = make({ host: '0.0.0.0', quic: true });
    await network.start();
    const here = make();
    await here.start();
    network.accept('/plexus/test/1', () => {});
    for (const host of ['127.0.0.1', ...ownAddresses()]) {
      const addresses = [`/ip4/${host}/tcp/${network.port}`];
      await here.dial({ peerId: network.peerId, addresses }, '/plexus/test/1', AbortSignal.timeout(5000));
    }
    const told = (ownAddresses().length > 0 ? ownAddresses() : ['127.0.0.1']).map((host) => `/ip4/${host}`);
    expect(network.addresses).toEqual([
      ...told.map((base) => `${base}/tcp/${network.port}`),
      ...told.map((base) => `${base}/udp/${network.port}/quic-v1`),
    ]);
    await here.stop();
    await network.stop();
  });

  it.runIf(hasIpv6())('may be IPv6, over TCP and QUIC', async () => {
    const there = make({ host: '::1', quic: true });
    const here = make({ host: '::1', quic: true });
    await there.start();
    await here.start();
    expect(there.addresses).toEqual([`/ip6/::1/tcp/${there.port}`, `/ip6/::1/udp/${there.port}/quic-v1`]);
    const taken: string[] = [];
    there.accept('/plexus/test/1', ({ transport, peerId }) => taken.push(`${transport} ${peerId}`));
    for (const address of there.addresses.toReversed()) {
      const target = { peerId: there.peerId, addresses: [address] };
      const channel = await here.dial(target, '/plexus/test/1', AbortSignal.timeout(5000));
      expect(channel.remoteAddress).toContain('/ip6/::1/');
    }
    expect(taken[0]).toBe(`quic ${here.peerId}`);
    await here.stop();
    await there.stop();
  });

  it('is said to be taken, before anything listens', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    await expect(make({ port }).start()).rejects.toMatchObject({ code: 'address_in_use', details: { port } });
    await new Promise((resolve) => server.close(resolve));
    await expect(make({ host: '192.0.2.1' }).start()).rejects.toMatchObject({ code: 'address_unavailable' });
  });

  it('keeps what takes channels over a start', async () => {
    const [here, there] = [make(), make()];
    const taken = new Promise((resolve) => there.accept('/plexus/test/1', resolve));
    await here.start();
    await there.start();
    await here.dial({ peerId: null, addresses: there.addresses }, '/plexus/test/1', AbortSignal.timeout(5000));
    expect(await taken).toMatchObject({ peerId: here.peerId });
    await here.stop();
    await there.stop();
  });
});

describe('a node over TCP', () => {
  const PEER = `
    import { newIdentity } from './identity.ts';
    import { Libp2pNetwork } from './libp2p-network.ts';
    const clock = { setTimeout: () => ({ cancel() {} }) };
    const options = { host: '127.0.0.1', port: 0, quic: false, maxConnections: 9, version: '0', log: null };
    const network = new Libp2pNetwork({ ...options, identity: newIdentity(), clock });
    network.accept('/plexus/test/1', (channel) => {
      channel.handler = { onData() {}, onDrain() {}, onClosed() {} };
    });
    await network.start();
    process.stdout.write(network.addresses[0]);
  `;
  // Far less than heartbeats would take, and time enough for a machine that has other things to do.
  const AT_ONCE_MS = 1000;

  it('hears at once that the process of a peer was killed, and that nobody listens there any more', async () => {
    const here = make();
    await here.start();
    const cwd = import.meta.dirname;
    const peer = spawn(process.execPath, ['--input-type=module', '-e', PEER], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [address] = await once(peer.stdout, 'data');
    const target = { peerId: null, addresses: [String(address)] };
    const dial = () => here.dial(target, '/plexus/test/1', AbortSignal.timeout(5000));
    const channel = await dial();
    const closed = new Promise((resolve) => {
      channel.handler = { onData: () => {}, onDrain: () => {}, onClosed: resolve };
    });
    peer.kill('SIGKILL');
    const killedAt = performance.now();
    await closed;
    expect(performance.now() - killedAt).toBeLessThan(AT_ONCE_MS);
    await expect(dial()).rejects.toMatchObject({ code: 'peer_refused' });
    await here.stop();
  });

  it('answers many connections at once', async () => {
    const there = make({ maxConnections: 1000 });
    there.accept('/plexus/test/1', (channel) => {
      channel.handler = { onData: (chunk) => void channel.write(chunk), onDrain: () => {}, onClosed: () => {} };
    });
    await there.start();
    const peers = Array.from({ length: 40 }, () => make());
    await Promise.all(peers.map((peer) => peer.start()));
    const target = { peerId: there.peerId, addresses: there.addresses };
    const dialled = peers.map((peer) => peer.dial(target, '/plexus/test/1', AbortSignal.timeout(15_000)));
    expect((await Promise.all(dialled)).every(({ peerId }) => peerId === there.peerId)).toBe(true);
    await Promise.all([...peers, there].map((peer) => peer.stop()));
  });
});
