/** A node that appends to its own store at a steady rate: `loaded-node.ts DIRECTORY RATE`, started with an IPC channel. */
import { newEvent, paced } from './load.ts';
import { ownNode } from './own-node.ts';

const [directory, rate] = process.argv.slice(2) as [string, string];
const own = await ownNode(directory);
let appended = 0;
const since = performance.now();
process.once('SIGTERM', () => {
  process.send!({ appendsPerSecond: (appended * 1000) / (performance.now() - since) }, () => process.exit(0));
});
process.send!({ port: own.node.info.mqttPort });
await paced(Number(rate), Number.POSITIVE_INFINITY, (n) => {
  own.store.append({ writes: [{ stream: `stream-${n % 1000}`, events: [newEvent(n)] }] }).then(
    () => appended++,
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});
