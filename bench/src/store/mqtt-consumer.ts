/** A consumer in a process of its own: `mqtt-consumer.ts PORT`, started with an IPC channel. Told to stop, it answers what it measured. */
import { connectAsync } from 'mqtt';

const client = await connectAsync(`mqtt://127.0.0.1:${process.argv[2]}`, {
  protocolVersion: 5,
  properties: { receiveMaximum: 1000 },
});
const delays: number[] = [];
client.on('message', (_topic, payload) => {
  const { at } = JSON.parse(payload.toString()) as { at: number };
  delays.push(performance.timeOrigin + performance.now() - at);
});
await client.subscribeAsync('$subscription/default/all', { qos: 1 });
process.send!('ready');
process.once('message', async () => {
  await client.endAsync();
  process.send!({ delays }, () => process.exit(0));
});
