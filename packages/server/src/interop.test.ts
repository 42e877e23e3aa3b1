import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient, connect as mqttConnect } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun, itNeeds, pythonWithPaho, start } from './testing/peers.ts';
import { type RealNode, realNode } from './testing/real-node.ts';

let node: RealNode;
beforeAll(async () => {
  node = await realNode();
});
afterAll(() => node[Symbol.asyncDispose]());

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(5);
  }
}

describe.each([4, 5] as const)('MQTT.js, version %i', (protocolVersion) => {
  const open: MqttClient[] = [];
  afterAll(() => Promise.all(open.map((client) => client.endAsync(true))));

  const connect = async (id: string, options: IClientOptions = {}) => {
    const received: IPublishPacket[] = [];
    const client = await connectAsync(node.url, {
      protocolVersion,
      clientId: `js${protocolVersion}-${id}`,
      reconnectPeriod: 0,
      ...options,
    });
    client.on('message', (_topic, _payload, packet) => received.push(packet));
    open.push(client);
    const seen = () => received.map(({ topic, payload, qos, retain }) => [topic, payload.toString(), qos, retain]);
    return { client, received, seen };
  };
  const base = `js${protocolVersion}`;
  const kept: IClientOptions = {
    clean: false,
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 60 } }),
  };

  it('publishes and receives at QoS 0, 1 and 2', async () => {
    const [{ client: subscriber, seen }, { client: publisher }] = [await connect('s'), await connect('p')];
    await subscriber.subscribeAsync(`${base}/t/#`, { qos: 2 });
    for (const qos of [0, 1, 2] as const) await publisher.publishAsync(`${base}/t/${qos}`, `q${qos}`, { qos });
    await until('three messages', () => seen().length === 3);
    expect(seen().sort()).toEqual([0, 1, 2].map((qos) => [`${base}/t/${qos}`, `q${qos}`, qos, false]));
  });

  it('gets retained messages', async () => {
    const { client: publisher } = await connect('rp');
    await publisher.publishAsync(`${base}/r`, 'kept', { qos: 1, retain: true });
    const { client, seen } = await connect('rs');
    await client.subscribeAsync(`${base}/r`, { qos: 1 });
    await until('the retained message', () => seen().length === 1);
    expect(seen()).toEqual([[`${base}/r`, 'kept', 1, true]]);
  });

  it('leaves a will', async () => {
    const { client: watcher, seen } = await connect('ws');
    await watcher.subscribeAsync(`${base}/will`, { qos: 1 });
    const { client: dying } = await connect('dying', {
      will: { topic: `${base}/will`, payload: Buffer.from('gone'), qos: 1, retain: false },
    });
    dying.stream.destroy();
    await until('the will', () => seen().length === 1);
    expect(seen()).toEqual([[`${base}/will`, 'gone', 1, false]]);
  });

  it('takes a kept session up again, and gets what was missed and what was not acknowledged', async () => {
    const first = await connect('kept', kept);
    // Never acknowledges: the broker has to send again.
    first.client.handleMessage = () => {};
    await first.client.subscribeAsync(`${base}/q/#`, { qos: 2 });
    const { client: publisher } = await connect('kp');
    await publisher.publishAsync(`${base}/q/1`, 'in flight', { qos: 1 });
    await until('the first', () => first.received.length === 1);
    first.client.stream.destroy();
    await publisher.publishAsync(`${base}/q/2`, 'queued', { qos: 2 });
    // What is sent again comes with the CONNACK, before anybody could listen for it later.
    const seen: [string, boolean][] = [];
    const again = mqttConnect(node.url, { protocolVersion, clientId: `${base}-kept`, reconnectPeriod: 0, ...kept });
    open.push(again);
    again.on('message', (_topic, payload, packet) => seen.push([payload.toString(), packet.dup]));
    await until('two messages', () => seen.length === 2);
    // The second may have been on its way too before the node saw the first connection go.
    expect(seen[0]).toEqual(['in flight', true]);
    expect(seen[1]?.[0]).toBe('queued');
  });

  if (protocolVersion === 5) {
    it('passes user properties and the other properties on', async () => {
      const [{ client: subscriber, received }, { client: publisher }] = [await connect('us'), await connect('up')];
      await subscriber.subscribeAsync(`${base}/u`, { qos: 1 });
      const properties = {
        userProperties: { a: ['1', '2'], b: '3' },
        contentType: 'text/plain',
        responseTopic: 'answer',
        correlationData: Buffer.from([1, 2]),
        payloadFormatIndicator: true,
      };
      await publisher.publishAsync(`${base}/u`, 'x', { qos: 1, properties });
      await until('the message', () => received.length === 1);
      expect({ ...received[0]?.properties?.userProperties }).toEqual(properties.userProperties);
      expect(received[0]?.properties).toMatchObject({
        contentType: 'text/plain',
        responseTopic: 'answer',
        payloadFormatIndicator: true,
      });
      expect(received[0]?.properties?.correlationData?.equals(properties.correlationData)).toBe(true);
    });
  }
});

describe.each([
  ['311', 4],
  ['5', 5],
] as const)('mosquitto_pub and mosquitto_sub, version %s', (version, _level) => {
  const present = canRun('mosquitto_sub', '--help') && canRun('mosquitto_pub', '--help');
  const base = `mosquitto${version}`;
  const common = () => ['-h', '127.0.0.1', '-p', `${node.mqttPort}`, '-V', version === '311' ? 'mqttv311' : 'mqttv5'];
  const sub = (...args: string[]) => start('mosquitto_sub', [...common(), '-W', '10', ...args]);
  const pub = async (...args: string[]) => {
    const { code, err } = await start('mosquitto_pub', [...common(), ...args]).done;
    expect([code, err]).toEqual([0, '']);
  };
  /** Waits until a client of that id has subscribed. */
  const ready = async (id: string) => {
    const url = `http://127.0.0.1:${node.node.info.httpPort}/api/v1/sessions`;
    for (let i = 0; i < 400; i++) {
      const { sessions } = (await (await fetch(url)).json()) as {
        sessions: { clientId: string; subscriptions: unknown }[];
      };
      const session = sessions.find(({ clientId }) => clientId === id);
      if (session !== undefined && Number(session.subscriptions) > 0) return;
      await sleep(20);
    }
    throw new Error(`${id} never subscribed`);
  };
  const needs = (name: string, test: () => Promise<void>) => itNeeds('mosquitto-clients', present, name, test);

  needs('publish and receive at QoS 0, 1 and 2', async () => {
    const subscriber = sub('-i', `${base}-s`, '-t', `${base}/t/#`, '-q', '2', '-C', '3', '-F', '%t %p %q %r');
    await ready(`${base}-s`);
    for (const qos of ['0', '1', '2']) await pub('-t', `${base}/t/${qos}`, '-m', `q${qos}`, '-q', qos);
    const { code, out } = await subscriber.done;
    expect(code).toBe(0);
    expect(out.trim().split('\n').sort()).toEqual(['0', '1', '2'].map((qos) => `${base}/t/${qos} q${qos} ${qos} 0`));
  });

  needs('get retained messages', async () => {
    await pub('-t', `${base}/r`, '-m', 'kept', '-q', '1', '-r');
    const { out } = await sub('-t', `${base}/r`, '-q', '1', '-C', '1', '-F', '%p %q %r').done;
    expect(out.trim()).toBe('kept 1 1');
  });

  needs('leave a will', async () => {
    const watcher = sub('-i', `${base}-w`, '-t', `${base}/will`, '-C', '1');
    await ready(`${base}-w`);
    const dying = sub('-i', `${base}-dying`, '-t', 'x', '--will-topic', `${base}/will`, '--will-payload', 'gone');
    await ready(`${base}-dying`);
    dying.child.kill('SIGKILL');
    expect((await watcher.done).out.trim()).toBe('gone');
    await dying.done;
  });

  needs('take a kept session up again, with what was published meanwhile', async () => {
    const id = `${base}-kept`;
    const kept = ['-i', id, '-c', '-q', '2', '-t', `${base}/q/#`, ...(version === '5' ? ['-x', '60'] : [])];
    const first = sub(...kept);
    await ready(id);
    first.child.kill('SIGKILL');
    await first.done;
    for (const qos of ['1', '2']) await pub('-t', `${base}/q/${qos}`, '-m', `q${qos}`, '-q', qos);
    const { out } = await sub(...kept, '-C', '2').done;
    expect(out.trim().split('\n').sort()).toEqual(['q1', 'q2']);
  });

  if (version === '5') {
    needs('pass user properties on', async () => {
      const subscriber = sub('-i', `${base}-u`, '-t', `${base}/u`, '-C', '1', '-F', '%j');
      await ready(`${base}-u`);
      const properties = ['user-property', 'k', 'v'];
      await pub('-t', `${base}/u`, '-m', 'x', '-D', 'PUBLISH', ...properties, '-D', 'PUBLISH', 'content-type', 'text');
      const { properties: got } = JSON.parse((await subscriber.done).out) as { properties: Record<string, unknown> };
      expect(got).toMatchObject({ 'content-type': 'text' });
      expect(JSON.stringify(got['user-properties'])).toContain('"k":"v"');
    });
  }
});

describe.each([4, 5] as const)('paho-mqtt for Python, version %i', (version) => {
  const python = pythonWithPaho();
  itNeeds('python3-paho-mqtt', python !== null, 'does all of it', async () => {
    const script = new URL('./testing/paho_peer.py', import.meta.url).pathname;
    const { code, out, err } = await start(python!, [script, `${node.mqttPort}`, `${version}`]).done;
    expect(err).toBe('');
    expect(code).toBe(0);
    const base = `paho${version}`;
    expect(JSON.parse(out)).toEqual({
      both_ways: [0, 1, 2].map((qos) => [`${base}/t/${qos}`, `q${qos}`, qos, false]),
      retained: [[`${base}/r`, 'kept', 1, true]],
      will: [[`${base}/will`, 'gone', 1, false]],
      session: [true, [1, 2].map((qos) => [`${base}/q/${qos}`, `q${qos}`, qos, false])],
      ...(version === 5 && {
        properties: [
          [
            ['b', '1'],
            ['a', '2'],
            ['b', '3'],
          ],
          'text/plain',
        ],
      }),
    });
  });
});
