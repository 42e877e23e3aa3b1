import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { track } from '../../peers/processes.ts';
import { type Job, quantile } from '../../rows/job.ts';
import { newEvent, paced, sleep } from '../load.ts';
import { ownNode } from '../own-node.ts';

/** Compilers on both sides get so much of the run to warm up. */
const WARM_SHARE = 0.25;

/** From the call of append to an MQTT.js client, in a process of its own, that is attached to a persistent subscription. */
export const liveMqtt: Job = async ({ directory, measureMs, parameters }) => {
  await using own = await ownNode(directory);
  const { store, node } = own;
  await store.subscriptions.create({ name: 'all', selector: { kind: 'all' }, from: 'now', window: 1000 });
  const consumer = track(fork(join(import.meta.dirname, '../mqtt-consumer.ts'), [`${node.info.mqttPort}`]));
  await once(consumer, 'message');
  const failures: unknown[] = [];
  let sent = 0;
  await paced(parameters.ratePerSecond!, measureMs, (n) => {
    sent++;
    const at = performance.timeOrigin + performance.now();
    const event = newEvent(n);
    const data = { ...(event.data as object), at };
    store
      .append({ writes: [{ stream: `stream-${n % 1000}`, events: [{ ...event, data }] }] })
      .catch((error: unknown) => failures.push(error));
  });
  await sleep(1000);
  consumer.send('stop');
  const [{ delays }] = (await once(consumer, 'message')) as [{ delays: number[] }];
  if (failures.length > 0) throw failures[0];
  if (delays.length !== sent) throw new Error(`${delays.length} of ${sent} events were delivered`);
  const warm = delays.slice(Math.floor(delays.length * WARM_SHARE));
  return { p50Ms: quantile(warm, 0.5), p99Ms: quantile(warm, 0.99) };
};
