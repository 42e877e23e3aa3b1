import { describe, expect, it, vi } from 'vitest';
import { FanOut } from './fan-out.ts';
import { NodeProcess, until } from './node-process.ts';
import { RawClient } from './raw-client.ts';
import { Witness } from './witness.ts';

vi.setConfig({ testTimeout: 90_000 });

/** Far beyond what a machine that is busy with other tests can do to a healthy node: `npm run stalls` has the real bars. */
const COARSE_MS = 1500;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function unharmed(node: NodeProcess, witness: Witness): Promise<void> {
  const seen = await witness.stop();
  expect([seen.received, seen.disordered]).toEqual([seen.sent, 0]);
  expect((await node.delay()).maxMs).toBeLessThan(COARSE_MS);
  expect(await node.metric('plexus_closed_connections_total{reason="internal_error"}')).toBe(0);
}

describe('others go on', () => {
  it('while one asks for 20,000 retained messages, all of which come, and one for none of them', async () => {
    await using node = await NodeProcess.start();
    const [publisher, subscriber, walker] = await Promise.all(
      ['publisher', 'subscriber', 'walker'].map((id) => RawClient.connect(node.mqttPort, id)),
    );
    for (let i = 1; i <= 20_000; i++) {
      publisher!.publish(`retained/${i % 50}/${i}`, `${i}`, { qos: 1, retain: true });
      if (i % 500 === 0) await until('acknowledgements', 20_000, () => publisher!.acknowledged === i);
    }
    const witness = await Witness.start(node.mqttPort, 5);
    await node.resetDelay();
    await Promise.all(range(50).map((i) => walker!.subscribe(`+/+/none-${i}`)));
    await subscriber!.subscribe('retained/#');
    await until('all retained messages', 30_000, () => subscriber!.messages === 20_000);
    await unharmed(node, witness);
    expect(walker!.messages).toBe(0);
  });

  it('while subscriptions come and go under traffic, of which nothing is lost', async () => {
    await using node = await NodeProcess.start();
    const topics = range(1000).map((i) => `plant/line/${String(i).padStart(4, '0')}`);
    const fanOut = await FanOut.open(node.mqttPort, topics, 'plant/#', 3);
    const churner = await RawClient.connect(node.mqttPort, 'churner');
    const witness = await Witness.start(node.mqttPort, 5);
    await node.resetDelay();
    let running = true;
    const churn = (async () => {
      for (let i = 0; running; i++) {
        const filters = [`+/${i}/#`, `plant/+/x${i}`, `$share/group/plant/#`, `plant/line/${i}`];
        void churner.subscribe(filters);
        churner.unsubscribe(filters);
        if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await fanOut.run(2000, 5000);
    running = false;
    await churn;
    expect(fanOut.delivered).toBe(fanOut.published);
    await unharmed(node, witness);
  });

  it('while one sends a SUBSCRIBE of as many filters as a packet may have', async () => {
    await using node = await NodeProcess.start();
    const client = await RawClient.connect(node.mqttPort, 'greedy');
    const witness = await Witness.start(node.mqttPort, 5);
    await node.resetDelay();
    const reasons = await client.subscribe(range(10_000).map((i) => `f/${i}`));
    expect(reasons.filter((reason) => reason === 0)).toHaveLength(1000);
    expect(reasons.filter((reason) => reason === 0x97)).toHaveLength(9000);
    await client.subscribe(range(10_001).map((i) => `f/${i}`));
    expect(client.disconnectReason).toBe(0x95);
    await unharmed(node, witness);
  });
});
