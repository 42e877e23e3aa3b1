import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { PeerChannel } from '../peer/channel.ts';
import { describeNetwork } from '../peer/network.conformance.ts';
import { MemoryHub } from './memory-network.ts';

const hub = new MemoryHub((run) => void setImmediate(run));
let nodes = 0;

describeNetwork({
  name: 'in memory',
  transport: 'memory',
  nowhere: ['/memory/nobody'],
  refuses: true,
  make: async () => {
    const network = hub.node(`node-${++nodes}`);
    return { network, stop: () => network.stop() };
  },
});

describe('the network between in-memory nodes', () => {
  const scene = async () => {
    const clock = new FakeClock();
    const hub = new MemoryHub((run) => clock.setImmediate(run));
    const [a, b] = [hub.node('a'), hub.node('b')];
    const log: string[] = [];
    const record = (name: string, channel: PeerChannel): PeerChannel => {
      channel.handler = {
        onData: (chunk) => log.push(`${name} got ${Buffer.from(chunk)}`),
        onDrain: () => log.push(`${name} drained`),
        onClosed: (error) => log.push(`${name} closed: ${error?.message ?? 'well'}`),
      };
      return channel;
    };
    b.accept('/p', (channel) => void record('b', channel));
    const dialling = a.dial({ peerId: 'b', addresses: b.addresses }, '/p', new AbortController().signal);
    settle(clock);
    return { clock, hub, a, b, log, channel: record('a', await dialling) };
  };
  const settle = (clock: FakeClock): void => {
    for (let i = 0; i < 20; i++) clock.advance(0);
  };

  it('breaks channels where it is cut, and has none until it heals', async () => {
    const { clock, hub, a, b, log } = await scene();
    hub.cut('a', 'b');
    settle(clock);
    expect(log.sort()).toEqual(['a closed: the network is cut', 'b closed: the network is cut']);
    const dial = () => a.dial({ peerId: 'b', addresses: b.addresses }, '/p', new AbortController().signal);
    const refused = expect(dial()).rejects.toMatchObject({ code: 'peer_unreachable' });
    settle(clock);
    await refused;
    hub.heal('a', 'b');
    const again = dial();
    settle(clock);
    expect(await again).toMatchObject({ peerId: 'b' });
  });

  it('holds what is sent while it is frozen, also that an end is gone', async () => {
    const { clock, hub, log, channel } = await scene();
    hub.freeze('a', 'b');
    channel.write(Buffer.from('x'));
    settle(clock);
    channel.destroy();
    settle(clock);
    expect(log).toEqual(['a closed: well']);
    hub.heal('a', 'b');
    settle(clock);
    expect(log).toEqual(['a closed: well', 'b closed: connection reset']);
  });

  it('refuses where a node was killed', async () => {
    const { clock, hub, a, b, log } = await scene();
    hub.kill('b');
    settle(clock);
    expect(log.sort()).toEqual(['a closed: connection reset', 'b closed: connection reset']);
    const dial = a.dial({ peerId: 'b', addresses: b.addresses }, '/p', new AbortController().signal);
    const refused = expect(dial).rejects.toMatchObject({ code: 'peer_refused' });
    settle(clock);
    await refused;
  });
});
