import { encodeConnect, encodeDisconnect, topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

type Qos = 0 | 1 | 2;
/** Says DISCONNECT, breaks the connection, or just does not care about it any more. */
type Departure = 'politely' | 'break' | 'forget';

const IDS = ['a', 'b', 'c'] as const;
const OPTIONS = { outboundHighWaterBytes: 20_000, outboundLowWaterBytes: 8000, publisherBufferBytes: 2000 };

/** What the naive model knows of a message. */
interface Sent {
  /** Publisher, topic and QoS: within it order is kept. */
  line: string;
  /** By client id: the QoS it goes out with. */
  owed: Map<string, Qos>;
  /** Whether the publisher was told that it is taken care of. */
  acknowledged: () => boolean;
}

/** The subscriptions as they should be, and all that was sent: no queues, no windows. */
class Model {
  readonly subscriptions = new Map<string, Map<string, Qos>>(IDS.map((id) => [id, new Map()]));
  readonly sent: Sent[] = [];

  publish(publisher: string, topic: string, qos: Qos, acknowledged: () => boolean): number {
    const owed = new Map<string, Qos>();
    for (const [id, filters] of this.subscriptions) {
      const wanted = [...filters].flatMap(([filter, each]) => (topicMatches(filter, topic) ? [each] : []));
      if (wanted.length > 0) owed.set(id, Math.min(qos, Math.max(...wanted)) as Qos);
    }
    return this.sent.push({ line: `${publisher} ${topic} ${qos}`, owed, acknowledged }) - 1;
  }
}

/** A client over all its connections, with the state that MQTT has it keep. Sends without waiting for anything. */
class Peer {
  readonly id: string;
  client: TestClient | null = null;
  readonly #broker: TestBroker;
  readonly #version: 4 | 5;
  readonly #connections: TestClient[] = [];
  #packetId = 0;

  constructor(broker: TestBroker, id: string, version: 4 | 5) {
    this.#broker = broker;
    this.id = id;
    this.#version = version;
  }

  connect(pace: number, window: number): void {
    const properties = this.#version === 5 ? { sessionExpiryIntervalS: 1000, receiveMaximum: window } : {};
    this.client = this.#broker.stranger(this.id, { version: this.#version });
    this.#connections.push(this.client);
    this.#broker.accept(this.client);
    this.client.transport.pace = pace;
    this.client.transport.send(encodeConnect(connectPacket(this.#version, this.id, { cleanStart: false, properties })));
  }

  leave(how: Departure): void {
    const { transport } = this.client!;
    if (how === 'politely') transport.send(encodeDisconnect(this.#version, 0));
    else if (how === 'break') transport.hangUp();
    transport.pace = 0;
    this.client = null;
  }

  publish(model: Model, topic: string, qos: Qos, bytes: number): void {
    const client = this.client!;
    const packetId = qos === 0 ? 0 : ++this.#packetId;
    const number = model.publish(this.id, topic, qos, () => qos > 0 && client.reasonFor(packetId) !== null);
    client.transport.send(publishPacket(this.#version, topic, `${number} `.padEnd(bytes), { qos, packetId }));
  }

  /** What the program above the client got: QoS 2 once per packet id, until PUBREL frees it. */
  delivered(): { number: number; qos: Qos }[] {
    const unreleased = new Set<number>();
    const all: { number: number; qos: Qos }[] = [];
    for (const packet of this.#connections.flatMap((client) => client.packets)) {
      if (packet.on === 'pubrel') unreleased.delete(packet.packetId);
      if (packet.on !== 'publish' || (packet.qos === 2 && unreleased.has(packet.packetId))) continue;
      if (packet.qos === 2) unreleased.add(packet.packetId);
      all.push({ number: Number.parseInt(packet.payload, 10), qos: packet.qos });
    }
    return all;
  }
}

type Step =
  | { do: 'subscribe'; who: number; filter: string; qos: Qos }
  | { do: 'unsubscribe'; who: number; filter: string }
  | { do: 'publish'; who: number; topic: string; qos: Qos; bytes: number }
  | { do: 'leave'; who: number; how: Departure }
  | { do: 'connect'; who: number; pace: number; window: number }
  | { do: 'turns'; turns: number };

const who = fc.nat(IDS.length - 1);
const qos = fc.constantFrom<Qos>(0, 1, 2);
const filter = fc.constantFrom('t/1', 't/+', '#', 'u', 't/#');
const topic = fc.constantFrom('t/1', 't/2', 'u');
const bytes = fc.constantFrom(10, 100, 3000);
const how = fc.constantFrom<Departure>('politely', 'break', 'forget');
const pace = fc.constantFrom(7, 100, 5000);
const window = fc.constantFrom(1, 3, 100);
const turns = fc.integer({ min: 1, max: 15 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('subscribe' as const), who, filter, qos }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), who, filter }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('publish' as const), who, topic, qos, bytes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who, how }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), who, pace, window }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('turns' as const), turns }) },
);

function play(broker: TestBroker, model: Model, peers: Peer[], steps: readonly Step[]): void {
  for (const act of steps) {
    if (act.do === 'turns') {
      for (let i = 0; i < act.turns; i++) broker.step();
      continue;
    }
    const peer = peers[act.who]!;
    if (act.do === 'connect') {
      if (peer.client !== null) peer.leave('forget');
      peer.connect(act.pace, act.window);
    } else if (peer.client === null) continue;
    else if (act.do === 'leave') peer.leave(act.how);
    else if (act.do === 'publish') peer.publish(model, act.topic, act.qos, act.bytes);
    else {
      // What was sent before finds the subscriptions that the model had for it.
      broker.settle();
      // Also what waits for room: a receiver that is stuck is not waited for once it counts as stalled.
      while (broker.broker.flow.waitingPublishers > 0) broker.advance(250);
      const filters = model.subscriptions.get(peer.id)!;
      if (act.do === 'subscribe') {
        peer.client.subscribe(act.filter, act.qos);
        filters.set(act.filter, act.qos);
      } else {
        peer.client.unsubscribe(act.filter);
        filters.delete(act.filter);
      }
    }
  }
}

/** Everybody comes back and takes everything; connections that nobody cares about run into their end. */
function finish(broker: TestBroker, peers: Peer[]): void {
  for (const peer of peers) {
    if (peer.client === null) peer.connect(5000, 100);
    peer.client!.transport.pace = 50_000;
  }
  broker.settle();
  broker.advance(5000);
}

function check(broker: TestBroker, model: Model, peer: Peer): void {
  const last = new Map<string, number>();
  const times = new Map<number, number>();
  for (const { number, qos: got } of peer.delivered()) {
    const { line, owed } = model.sent[number]!;
    expect(owed.get(peer.id)).toBe(got);
    const before = times.get(number) ?? 0;
    times.set(number, before + 1);
    // At QoS 1 a message may come again, and then before others that came already.
    if (before > 0) expect(got).toBe(1);
    else {
      expect(number).toBeGreaterThan(last.get(`${line} ${got}`) ?? -1);
      last.set(`${line} ${got}`, number);
    }
  }
  for (const [number, { owed, acknowledged }] of model.sent.entries()) {
    if ((owed.get(peer.id) ?? 0) > 0 && acknowledged()) expect(times.get(number) ?? 0).toBeGreaterThanOrEqual(1);
  }
  expect(broker.session(peer.id)?.state).toMatchObject({ queuedMessages: 0, inFlight: 0, heldBytes: 0 });
}

describe('clients that do anything at any time', () => {
  it('lose nothing that was acknowledged, get QoS 2 once, all in order, and nothing they did not ask for', () => {
    const versions = fc.array(fc.constantFrom<4 | 5>(4, 5), { minLength: IDS.length, maxLength: IDS.length });
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 10, maxLength: 120 }), versions, (steps, version) => {
        const broker = new TestBroker(OPTIONS);
        const model = new Model();
        const peers = IDS.map((id, i) => new Peer(broker, id, version[i]!));
        for (const peer of peers) peer.connect(5000, 100);
        play(broker, model, peers, steps);
        finish(broker, peers);
        for (const peer of peers) check(broker, model, peer);
        expect(broker.broker.context.queuedBytes.total).toBe(0);
        expect(broker.broker.flow).toMatchObject({
          heldBytes: 0,
          stalledBytes: 0,
          closed: false,
          waitingPublishers: 0,
        });
        expect(broker.broker.clients.count()).toBe(IDS.length);
        expect(broker.broker.connections).toBe(IDS.length);
      }),
      seeded(1000),
    );
  });
});
