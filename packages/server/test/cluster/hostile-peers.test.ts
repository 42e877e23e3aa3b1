import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newSecret } from '../../src/cluster/secret.ts';
import { randomId } from '../../src/lib/random.ts';
import { FIRST_CONTROL_TYPE, FIRST_DATA_TYPE, FrameType } from '../../src/peer/frame-types.ts';
import { RawClient } from '../load/raw-client.ts';
import { anySeed, type Random, randomFrom } from '../store/random.ts';
import { sleep, until } from '../store/store-process.ts';
import { ClusterNode } from './cluster-node.ts';
import { CLUSTER, FaultWorld } from './fault-world.ts';
import { HandMadeMember, Stranger, shout } from './stranger.ts';

const TIMEOUT_MS = 60_000;
const WAIT_MS = 10_000;
/** To a peer that does not read. */
const DEAF_MESSAGES = 200;
const seed = anySeed();
const random = randomFrom(seed);
const bytesOf = (length: number, from: Random): Buffer => Buffer.from(Array.from({ length }, () => from(256)));

/** A frame as it should be around a body that is not. */
function frame(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length + 1);
  header[4] = type;
  return Buffer.concat([header, body]);
}

describe(`peers that mean no good, FC_SEED=${seed}`, { timeout: TIMEOUT_MS }, () => {
  let world: FaultWorld;
  beforeAll(async () => {
    world = await FaultWorld.start({ nodes: 3 });
  }, TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose]());
  beforeEach(() => world.begin());
  // Whatever a peer has done: the real nodes are whole, and have delivered everything.
  afterEach(async () => {
    expect(await world.end(), `FC_SEED=${seed}`).toEqual([]);
    for (const { said } of world.nodes) expect(said).toBe('');
  });

  it('that send garbage instead of a handshake are hung up on', async () => {
    const node = world.node(1);
    const junk = [Buffer.alloc(1 << 16), Buffer.from('GET / HTTP/1.1\r\n\r\n'), bytesOf(1 << 14, random)];
    const head = Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n');
    await Promise.all([...junk, ...junk.map((bytes) => Buffer.concat([head, bytes]))].map((b) => shout(node, b, 2000)));
    expect(await node.metric('plexus_cluster_members', 'state="up"')).toBe(3);
  });

  it('that send garbage behind the handshake, or the start of a frame that never ends, get no link', async () => {
    for (const bytes of [bytesOf(1 << 12, random), Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), Buffer.alloc(64)]) {
      await using stranger = await Stranger.to(world.node(1));
      stranger.send(bytes);
      await until('hanging up', WAIT_MS, () => stranger.isClosed);
    }
  });

  it('that send garbage over a link lose it', async () => {
    const node = world.node(1);
    const data = (number: number, body: Uint8Array): Buffer =>
      frame(FIRST_DATA_TYPE, Buffer.concat([Buffer.from([1, number]), body]));
    const bad: Buffer[] = [
      bytesOf(1 << 12, random),
      Buffer.alloc(16),
      Buffer.from([0xff, 0xff, 0xff, 0xff, FrameType.Entries]),
      frame(FrameType.Hello, bytesOf(40, random)),
      frame(FrameType.Ack, Buffer.from([0xff, 0xff, 0x03, 0])),
      frame(FrameType.Members, Buffer.from([0xff, 0xff, 0xff])),
      frame(FrameType.Entries, Buffer.from([1, 0xff, 0xff, 0x7f, 1])),
      data(1, Buffer.from([0xff, 0xff])),
      data(9, Buffer.alloc(4)),
    ];
    for (const [i, bytes] of bad.entries()) {
      await using stranger = await Stranger.to(node);
      expect(await stranger.introduce(CLUSTER, world.secret)).toBeNull();
      stranger.send(bytes);
      await until(`hanging up after ${i}`, WAIT_MS, () => stranger.isClosed);
    }
  });

  it('that send garbage in well-formed frames of all types do no harm', async () => {
    for (let round = 0; round < 20; round++) {
      await using stranger = await Stranger.to(world.nodes[round % 3]!);
      expect(await stranger.introduce(CLUSTER, world.secret)).toBeNull();
      for (let i = 0; i < 20; i++) {
        stranger.send(frame(FIRST_CONTROL_TYPE + random(60), bytesOf(random(200), random)));
      }
      await Promise.race([stranger.closed, sleep(50)]);
    }
  });

  it('without the secret, or of another cluster, are refused and counted', async () => {
    const node = world.node(1);
    const other = newSecret(Buffer.from(randomId(32), 'hex'));
    const attempts = [
      { name: CLUSTER, secret: other, reason: 'wrong_secret' },
      { name: 'elsewhere', secret: world.secret, reason: 'wrong_cluster' },
    ];
    for (const { name, secret, reason } of attempts) {
      const before = await node.metric('plexus_peer_refused_total', `"${reason}"`);
      await using stranger = await Stranger.to(node);
      expect(await stranger.introduce(name, secret)).toBe(reason);
      await until(
        'the count',
        WAIT_MS,
        async () => (await node.metric('plexus_peer_refused_total', `"${reason}"`)) > before,
      );
      expect((await node.members()).map(({ nodeId }) => nodeId)).not.toContain(stranger.peerId);
    }
  });

  it('that are whole nodes with another secret, or name, serve on alone', async () => {
    writeFileSync(join(world.dir, 'other'), `${newSecret(Buffer.from(randomId(32), 'hex'))}\n`, { mode: 0o600 });
    const strangers = [
      await extraNode(world, join(world.dir, 'by-secret'), CLUSTER, 'other'),
      await extraNode(world, join(world.dir, 'by-name'), 'elsewhere', 'secret'),
    ];
    try {
      await Promise.all(strangers.map((node) => node.start()));
      await sleep(500);
      for (const node of strangers) {
        (await RawClient.connect(node.ports.mqtt, 'alone')).vanish();
        expect((await node.members()).filter(({ self, state }) => !self && state === 'up')).toEqual([]);
        for (const other of world.nodes) {
          expect((await other.members()).map(({ nodeId }) => nodeId)).not.toContain(node.nodeId);
        }
      }
    } finally {
      await Promise.all(strangers.map((node) => node.kill()));
    }
  });

  it('that run on a copy of a data directory are noticed; when the copy is gone, the first is a member again once restarted', async () => {
    const first = world.node(3);
    const copied = join(world.dir, 'copy');
    cpSync(first.dataDir, copied, { recursive: true, filter: (path) => !/node\.json|lock/.test(path) });
    const copy = await extraNode(world, copied, CLUSTER, 'secret');
    // From here on the first owes nothing, and is owed nothing.
    world.load.abandon(first);
    const known = world.ledger.part(first.number, null);
    try {
      await copy.start();
      expect(copy.nodeId).toBe(first.nodeId);
      const node = world.node(1);
      await until('the count', WAIT_MS, async () => (await node.metric('plexus_cluster_same_identity_total')) > 0);
    } finally {
      await copy.kill();
    }
    await first.stop();
    await world.comesBack(first);
    known();
    // It said so: that is no fault of it.
    for (const node of world.nodes) node.said = '';
  });

  it('that accept and never read hold up nobody but their own publishers, and those for a few seconds', async () => {
    await using member = await HandMadeMember.join(world, { silentMs: 60_000 });
    const { publisher, stuck, gone } = await publishToDeaf(member, () => member.freeze());
    const since = performance.now();
    await until('its end', WAIT_MS, gone);
    await until('answers', WAIT_MS, () => publisher.acknowledged === DEAF_MESSAGES);
    expect(performance.now() - since).toBeLessThan(6000);
    expect(world.load.slowestMs(world.node(1))).toBeLessThan(2000);
    for (const client of [stuck, publisher]) client.vanish();
  });

  it('that never read and say that they live hold up nobody but their own publishers, which are free when they go', async () => {
    await using member = await HandMadeMember.join(world, { silentMs: 60_000 });
    const { publisher, stuck, gone } = await publishToDeaf(member, () => member.stopReading());
    await sleep(4000);
    expect(world.load.slowestMs(world.node(1))).toBeLessThan(2000);
    await member[Symbol.asyncDispose]();
    await until('its end', WAIT_MS, gone);
    await until('answers', WAIT_MS, () => publisher.acknowledged === DEAF_MESSAGES);
    for (const client of [stuck, publisher]) client.vanish();
  });

  /** Somebody subscribes there, it stops to read, and somebody else publishes to it on node 1. */
  async function publishToDeaf(member: HandMadeMember, goDeaf: () => void) {
    const node = world.node(1);
    const id = member.cluster.nodeId;
    const stuck = await RawClient.connect(member.mqttPort, 'stuck');
    await stuck.subscribe('stuck', 1);
    const isKnown = async (): Promise<boolean> => (await node.interestIn('stuck')).includes(id);
    await until('its interest', WAIT_MS, isKnown);
    goDeaf();
    const publisher = await RawClient.connect(node.ports.mqtt, 'to-stuck');
    const payload = Buffer.alloc(32 * 1024);
    for (let i = 0; i < DEAF_MESSAGES; i++) publisher.publish('stuck', payload, { qos: 1 });
    return { publisher, stuck, gone: async () => !(await isKnown()) };
  }

  it('that speak the version before get and give messages as all others do', async () => {
    await using member = await HandMadeMember.join(world, { newestVersion: 1 });
    const node = world.node(1);
    await until('its links', WAIT_MS, () => [...member.cluster.links()].length === 3);
    for (const link of member.cluster.links()) expect(link.peer.version).toBe(1);
    const old = await RawClient.connect(member.mqttPort, 'old');
    const young = await RawClient.connect(node.ports.mqtt, 'young');
    const got: string[][] = [[], []];
    for (const [i, client] of [old, young].entries()) {
      client.onMessage = ({ buffer, payloadStart, end }) =>
        got[i]!.push(Buffer.from(buffer.subarray(payloadStart, end)).toString());
      await client.subscribe('mixed', 1);
    }
    await until('interest', WAIT_MS, async () => (await node.interestIn('mixed')).length === 2);
    await until('interest', WAIT_MS, () => member.cluster.interest.match('default', 'mixed').nodes.length === 1);
    // Longer than a link bears silence: heartbeats of the old kind are enough.
    const sent = 40;
    for (let i = 0; i < sent; i++) {
      (i % 2 === 0 ? old : young).publish('mixed', `${i}`, { qos: 1 });
      await sleep(100);
    }
    await until('answers', WAIT_MS, () => old.acknowledged + young.acknowledged === sent);
    const all = Array.from({ length: sent }, (_, i) => `${i}`);
    expect(got).toEqual([all, all]);
    for (const client of [old, young]) client.vanish();
    await member.cluster.leave(AbortSignal.timeout(2000));
  });
});

function extraNode(world: FaultWorld, dataDir: string, name: string, secret: string): Promise<ClusterNode> {
  const seeds = world.nodes.flatMap(({ ports }) => ['--join', `127.0.0.1:${ports.peer}`]);
  const args = ['--host', '127.0.0.1', '--cluster', name, '--cluster-secret-file', join(world.dir, secret), ...seeds];
  return ClusterNode.create({ number: 9, dataDir, host: '127.0.0.1', args: () => args });
}
