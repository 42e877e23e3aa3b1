import { connectAsync } from 'mqtt';
import { type Job, quantile } from '../job.ts';
import { newEvent, paced, sleep } from '../load.ts';
import { ownNode } from '../own-node.ts';

/** From the call of append to an MQTT client, of the same process, that is attached to a persistent subscription. */
export const liveMqtt: Job = async ({ directory, measureMs, parameters }) => {
  await using own = await ownNode(directory);
  const { store, node } = own;
  await store.subscriptions.create({ name: 'all', selector: { kind: 'all' }, from: 'now', window: 1000 });
  const client = await connectAsync(`mqtt://127.0.0.1:${node.info.mqttPort}`, {
    protocolVersion: 5,
    properties: { receiveMaximum: 1000 },
  });
  const sentAt: number[] = [];
  const times: number[] = [];
  let received = 0;
  client.on('message', (_topic, payload) => {
    const { n } = JSON.parse(payload.toString()) as { n: number };
    received++;
    if (n > sentAt.length / 4) times.push(performance.now() - sentAt[n]!);
  });
  await client.subscribeAsync('$subscription/default/all', { qos: 1 });
  const failures: unknown[] = [];
  await paced(parameters.ratePerSecond!, measureMs, (n) => {
    sentAt.push(performance.now());
    store
      .append({ writes: [{ stream: `stream-${n % 1000}`, events: [newEvent(n)] }] })
      .catch((error) => failures.push(error));
  });
  await sleep(1000);
  await client.endAsync();
  if (failures.length > 0) throw failures[0];
  if (received !== sentAt.length) throw new Error(`${received} of ${sentAt.length} events were delivered`);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
};
