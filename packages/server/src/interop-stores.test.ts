import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun, itNeeds, pythonWithPaho, start } from './testing/peers.ts';
import { type RealNode, realNode } from './testing/real-node.ts';

let node: RealNode;
let api: string;
beforeAll(async () => {
  node = await realNode();
  api = `http://127.0.0.1:${node.node.info.httpPort}/api/v1/stores/default`;
});
afterAll(() => node[Symbol.asyncDispose]());

interface SubscriptionState {
  readonly checkpoint: number;
  readonly consumers: number;
  readonly parked: number;
  readonly lagEvents: number;
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${api}/${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

/** A subscription to the streams that begin with its name, and the topic filter for it. */
async function subscription(name: string): Promise<string> {
  await call('POST', 'subscriptions', { name, selector: { kind: 'pattern', pattern: `${name}-*` } });
  return `$subscription/default/${name}`;
}

async function append(stream: string, ...data: unknown[]): Promise<void> {
  const events = data.map((one) => ({ type: 'placed', data: one }));
  await call('POST', `streams/${stream}/events`, { expectedVersion: 'any', events });
}

const state = async (name: string): Promise<SubscriptionState> =>
  (await call('GET', `subscriptions/${name}`)) as SubscriptionState;

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(10);
  }
}

describe.each([4, 5] as const)('MQTT.js, version %i', (protocolVersion) => {
  const open: MqttClient[] = [];
  afterAll(() => Promise.all(open.map((client) => client.endAsync(true))));

  const connect = async (id: string, options: IClientOptions = {}) => {
    const packets: IPublishPacket[] = [];
    const client = await connectAsync(node.url, {
      protocolVersion,
      clientId: `store${protocolVersion}-${id}`,
      reconnectPeriod: 0,
      ...options,
    });
    client.on('message', (_topic, _payload, packet) => packets.push(packet));
    open.push(client);
    return { client, packets, data: () => packets.map(({ payload }) => JSON.parse(payload.toString()) as string) };
  };

  it('consumes as a group, and what one leaves goes to the other', async () => {
    const name = `js${protocolVersion}`;
    const filter = await subscription(name);
    const [first, second] = [await connect('a'), await connect('b')];
    // Never acknowledges.
    first.client.handleMessage = () => {};
    for (const { client } of [first, second]) {
      expect((await client.subscribeAsync(filter, { qos: 1 })).map(({ qos }) => qos)).toEqual([1]);
    }
    const listed = await fetch(new URL(`/api/v1/clients/default/store${protocolVersion}-a`, api));
    expect(await listed.json()).toMatchObject({ subscriptions: 1 });
    const streams = Array.from({ length: 8 }, (_, i) => `${name}-${i}`);
    for (let i = 0; i < 5; i++) for (const stream of streams) await append(stream, `${stream} ${i}`);
    await until('both have some', () => first.packets.length > 0 && second.packets.length > 0);
    first.client.stream.destroy();
    await until('the other has the rest', () => new Set(second.data()).size === 40);
    await until('all is acknowledged', async () => (await state(name)).lagEvents === 0);
    for (const stream of streams) {
      const own = second.data().filter((data) => data.startsWith(`${stream} `));
      expect(own).toEqual(Array.from({ length: 5 }, (_, i) => `${stream} ${i}`));
    }
  });

  it('hears of events live', async () => {
    const { client, packets } = await connect('live');
    await client.subscribeAsync(`$store/default/+/placed`, { qos: 1 });
    const stream = `live${protocolVersion} 50%`;
    await append(encodeURIComponent(stream), 'x');
    await until('the event', () => packets.length === 1);
    expect([packets[0]!.topic, packets[0]!.payload.toString()]).toEqual([
      `$store/default/live${protocolVersion} 50%25/placed`,
      '"x"',
    ]);
    if (protocolVersion === 4) return;
    const { contentType, userProperties } = packets[0]!.properties!;
    expect(contentType).toBe('application/json');
    expect({ ...userProperties }).toMatchObject({ stream, version: '0', type: 'placed' });
  });

  it('is closed when it does not acknowledge in time', async () => {
    const name = `late${protocolVersion}`;
    await call('POST', 'subscriptions', {
      name,
      selector: { kind: 'stream', stream: name },
      ackTimeoutMs: 1000,
    });
    const { client, packets } = await connect('late');
    client.handleMessage = () => {};
    let closed = false;
    client.on('close', () => (closed = true));
    await client.subscribeAsync(`$subscription/default/${name}`, { qos: 1 });
    await append(name, 'x');
    await until('the event', () => packets.length === 1);
    await until('the end', () => closed);
    expect((await state(name)).consumers).toBe(0);
  });

  if (protocolVersion === 5) {
    it('has an event parked by the reason of its PUBACK', async () => {
      const filter = await subscription('refused');
      const { client } = await connect('refusing', {
        customHandleAcks: (_topic, _message, _packet, done) => done(null as never, 0x99),
      });
      await client.subscribeAsync(filter, { qos: 1 });
      await append('refused-1', 'x');
      await until('it is parked', async () => (await state('refused')).parked === 1);
    });
  }
});

describe.each([
  ['311', 'mqttv311'],
  ['5', 'mqttv5'],
] as const)('mosquitto_sub, version %s', (version, level) => {
  itNeeds('mosquitto-clients', canRun('mosquitto_sub', '--help'), 'goes on where the last one ended', async () => {
    const name = `mosquitto${version}`;
    const filter = await subscription(name);
    const sub = (count: number) =>
      start('mosquitto_sub', [
        ...['-h', '127.0.0.1', '-p', `${node.mqttPort}`, '-V', level, '-W', '10'],
        ...['-t', filter, '-q', '1', '-C', `${count}`, '-F', '%t %p %q'],
      ]).done;
    await append(`${name}-1`, 1, 2, 3);
    expect((await sub(3)).out.trim().split('\n')).toEqual([1, 2, 3].map((data) => `${filter} ${data} 1`));
    await until('all is acknowledged', async () => (await state(name)).lagEvents === 0);
    await append(`${name}-1`, 4);
    expect((await sub(1)).out.trim()).toBe(`${filter} 4 1`);
  });
});

describe.each([4, 5] as const)('paho-mqtt for Python, version %i', (version) => {
  const python = pythonWithPaho();
  itNeeds('python3-paho-mqtt', python !== null, 'consumes', async () => {
    const name = `paho${version}`;
    const filter = await subscription(name);
    await append(`${name}-1`, 1, { deep: ['x'] });
    const script = new URL('./testing/paho_consumer.py', import.meta.url).pathname;
    const { code, out, err } = await start(python!, [script, `${node.mqttPort}`, `${version}`, filter, '2']).done;
    expect([code, err]).toEqual([0, '']);
    const told = version === 5 ? [`${name}-1`, '1'] : [null, null];
    expect(JSON.parse(out)).toEqual([1, { deep: ['x'] }].map((data) => [filter, data, 1, ...told]));
    await until('all is acknowledged', async () => (await state(name)).lagEvents === 0);
  });
});
