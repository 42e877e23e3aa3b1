import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { directoryKey } from '../../src/auth/federation/directory-key.ts';
import type { RealmToken } from '../../src/auth/federation/federated-realm.ts';
import { FrameType } from '../../src/peer/frame-types.ts';
import type { Link } from '../../src/peer/link-ports.ts';
import { anySeed, randomFrom } from '../store/random.ts';
import { sleep, until } from '../store/store-process.ts';
import { numbers, Publisher, Subscriber } from './mesh-clients.ts';
import type { MeshNode } from './mesh-node.ts';
import { MeshStranger, type StrangerOptions } from './mesh-stranger.ts';
import { MeshWorld, WAIT_MS } from './mesh-world.ts';

const TIMEOUT_MS = 120_000;
const HOUR_MS = 60 * 60 * 1000;
const REALM = 'quietplace';
/** What nobody beyond the realm may ever read. */
const SECRETS = [REALM, 'hidden', 'sesame'];
const NOT_AUTHORIZED = 0x87;
/** Long enough to be used, however slow the machine is. */
const TOKEN_LIFE_MS = 8000;
const TIMER_LATE_MS = 100;
const seed = anySeed();
const random = randomFrom(seed);
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));

describe(`nodes of the mesh that mean no good, FC_SEED=${seed}`, { timeout: TIMEOUT_MS }, () => {
  let world: MeshWorld;
  let nodes: MeshNode[];
  let publisher: Publisher;
  let subscriber: Subscriber;
  const stack: AsyncDisposable[] = [];

  beforeAll(async () => {
    world = new MeshWorld();
    nodes = await world.addAll(3, { realms: { [REALM]: {} } });
    await world.start();
    publisher = await Publisher.on(nodes[0]!, REALM);
    subscriber = await Subscriber.of(nodes[1]!, 'hidden/#', 1, REALM);
    await publisher.isHeardBy('hidden/x', [subscriber]);
  }, TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose]());
  // Whatever they have done: the real nodes go on, and nothing came from elsewhere.
  afterEach(async () => {
    for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]();
    subscriber.take();
    expect(await publisher.sendAll('hidden/x', numbers(5, 'sesame'))).toEqual([0, 0, 0, 0, 0]);
    await subscriber.has(5);
    expect(subscriber.take()).toEqual(numbers(5, 'sesame'));
    for (const { said } of nodes) expect(said.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });

  async function stranger(options: StrangerOptions): Promise<MeshStranger> {
    const made = await MeshStranger.open(options);
    stack.push(made);
    return made;
  }

  /** One that has the secrets of the realm, as somebody who was in it once. */
  const insider = (options: Omit<StrangerOptions, 'secrets'> = {}): Promise<MeshStranger> =>
    stranger({ ...options, secrets: [{ realm: REALM, secrets: issue('12D3KooWnobody').secrets }] });

  function issue(peerId: string, rights: Partial<RealmToken['rights']> = {}, lifeMs = HOUR_MS) {
    const all = { subscribe: ['#'], publish: ['#'], ...rights };
    const id = peerId.length < 40 ? nodes[2]!.nodeId : peerId;
    return world.authority(REALM).issue({ peerId: id, rights: all, lifeMs, cluster: null }, Date.now());
  }

  const refusals = async (node: MeshNode, reason: string): Promise<number> =>
    (await node.get<{ refusals: Record<string, number> }>('/api/v1/mesh')).refusals[reason] ?? 0;

  function expectNothingLeaked(made: MeshStranger): void {
    const text = made.bytes.toString('latin1');
    for (const secret of SECRETS) expect(text).not.toContain(secret);
  }

  /** Everything that a node might answer to. */
  function sayAll(made: MeshStranger, link: Link): number {
    made.ask(link, REALM, ['', '/hidden', '/hidden/x']);
    made.wants(link, REALM, '', ['#']);
    made.wants(link, REALM, '/hidden', ['hidden/#']);
    return made.publish(link, REALM, 'hidden/x', 'from a stranger');
  }

  it('without any secret get no link, and learn nothing', async () => {
    const made = await stranger({ secrets: null });
    const before = await nodes[0]!.metric('plexus_peer_refused_total', 'no_common_realm');
    await expect(made.link(nodes[0]!)).rejects.toThrow();
    await until('the count', WAIT_MS, async () => {
      return (await nodes[0]!.metric('plexus_peer_refused_total', 'no_common_realm')) > before;
    });
    expectNothingLeaked(made);
  });

  it('with the secrets of another realm get no link, and learn nothing', async () => {
    const { secrets } = world
      .authority('elsewhere')
      .issue(
        { peerId: nodes[2]!.nodeId, rights: { subscribe: ['#'], publish: ['#'] }, lifeMs: HOUR_MS, cluster: null },
        Date.now(),
      );
    const made = await stranger({ secrets: [{ realm: REALM, secrets }] });
    await expect(made.link(nodes[0]!)).rejects.toThrow();
    expectNothingLeaked(made);
  });

  it('that know the secrets, but have no token that holds, are counted, told nothing and sent away', async () => {
    const node = nodes[1]!;
    const foreign = world.authority('elsewhere');
    const kinds: Record<string, (peerId: string) => { realm: string; bytes: Uint8Array }> = {
      none: () => ({ realm: '', bytes: Buffer.alloc(0) }),
      malformed: () => ({ realm: REALM, bytes: bytesOf(200) }),
      forged: (peerId) => {
        const bytes = Buffer.from(issue(peerId).token.bytes);
        bytes[bytes.length - 1]! ^= 1;
        return { realm: REALM, bytes };
      },
      stolen: () => ({ realm: REALM, bytes: issue(nodes[0]!.nodeId).token.bytes }),
      expired: (peerId) => ({ realm: REALM, bytes: issue(peerId, {}, 1).token.bytes }),
      revoked: (peerId) => ({ realm: REALM, bytes: issue(peerId).token.bytes }),
      foreign_realm: (peerId) => {
        const rights = { subscribe: ['#'], publish: ['#'] };
        const { token } = foreign.issue({ peerId, rights, lifeMs: HOUR_MS, cluster: null }, Date.now());
        return { realm: 'elsewhere', bytes: token.bytes };
      },
    };
    await Promise.all(
      Object.entries(kinds).map(async ([reason, token]) => {
        const made = await insider();
        const shown = token(made.peerId);
        if (reason === 'revoked') await tellRevoked(made.peerId, node);
        await sleep(10);
        const before = reason === 'none' ? 0 : await refusals(node, reason);
        const link = await made.link(node);
        if (reason !== 'none') made.token(link, shown.realm, shown.bytes);
        const number = sayAll(made, link);
        await until(`the end of the link, ${reason}`, WAIT_MS, () => made.closed.length > 0);
        expect(made.closed, reason).toEqual(['not_admitted']);
        expect(made.answers.get(number), reason).toBe(NOT_AUTHORIZED);
        if (reason !== 'none') expect(await refusals(node, reason), reason).toBeGreaterThan(before);
        expect(made.frames, reason).toEqual([]);
        expectNothingLeaked(made);
      }),
    );
    expect(await refusals(node, 'no_rights')).toBeGreaterThan(0);
    expect(subscriber.got).toEqual([]);
  });

  /** A member tells one node, which tells the others. */
  async function tellRevoked(peerId: string, node: MeshNode): Promise<void> {
    const list = world.authority(REALM).revoke({ peerId }, HOUR_MS, Date.now());
    const member = await insider();
    const link = await member.link(nodes[0]!);
    member.token(link, REALM, issue(member.peerId).token.bytes);
    member.revocations(link, REALM, list.bytes);
    await until('the list', WAIT_MS, async () => {
      const { realms } = await node.get<{ realms: { revocations: { number: number } | null }[] }>('/api/v1/mesh');
      return (realms[0]?.revocations?.number ?? 0) >= list.number;
    });
  }

  it('that publish or subscribe beyond their token are refused that, and counted; what it allows goes on', async () => {
    const node = nodes[1]!;
    const made = await insider();
    const rights = { subscribe: ['open/+'], publish: ['open/#', 'hidden/allowed'] };
    const link = await made.link(node);
    made.token(link, REALM, issue(made.peerId, rights).token.bytes);
    made.wants(link, REALM, '', ['#']);
    made.wants(link, REALM, '/hidden', ['hidden/#']);
    made.wants(link, REALM, '/open', ['open/#', 'open/+']);
    const number = made.publish(link, REALM, 'hidden/x', 'not allowed');
    made.publish(link, REALM, 'hidden/allowed', 'allowed');
    await subscriber.has(1);
    expect(subscriber.take()).toEqual(['allowed']);
    expect(made.answers.get(number)).toBe(NOT_AUTHORIZED);
    const local = await Publisher.on(node, REALM);
    await local.sendAll('hidden/x', ['sesame']);
    await local.sendAll('open/too/deep', ['sesame']);
    await local.sendAll('open/x', ['for all']);
    await until('what is allowed', WAIT_MS, () => made.messages().length > 0);
    await sleep(200);
    expect(made.messages()).toHaveLength(1);
    expect(made.messages()[0]).toContain('for all');
    expect(made.bytes.toString('latin1')).not.toContain('sesame');
    expect(await refusals(node, 'beyond_subscribe')).toBeGreaterThan(0);
    expect(await refusals(node, 'beyond_publish')).toBeGreaterThan(0);
    subscriber.take();
  });

  it('whose token ends lose with it what it allowed', async () => {
    const node = nodes[1]!;
    const made = await insider();
    const link = await made.link(node);
    const { token } = issue(made.peerId, {}, TOKEN_LIFE_MS);
    made.token(link, REALM, token.bytes);
    made.wants(link, REALM, '/ends', ['ends/+']);
    const local = await Publisher.on(node, REALM);
    let tries = 0;
    await until('messages', TOKEN_LIFE_MS, async () => {
      await local.sendAll('ends/x', [`open ${tries++}`]);
      return made.messages().length > 0;
    });
    // The timer of another process is not due in the same millisecond.
    await until('its end', WAIT_MS, () => Date.now() >= token.notAfterMs + TIMER_LATE_MS);
    const before = made.messages().length;
    made.wants(link, REALM, '/ends', ['ends/#']);
    const number = made.publish(link, REALM, 'hidden/x', 'too late');
    await local.sendAll('ends/x', ['sesame']);
    await until('the end of the link', WAIT_MS, () => made.closed.length > 0);
    expect(made.closed).toEqual(['not_admitted']);
    expect(made.answers.get(number)).toBe(NOT_AUTHORIZED);
    expect(made.messages()).toHaveLength(before);
    expect(subscriber.got).toEqual([]);
  });

  it('that have themselves found, and show no token, are dialled in vain', async () => {
    const made = await insider({ join: nodes });
    const { directory } = made.network;
    await until('its place in the directory', WAIT_MS, () => directory!.status().peers >= nodes.length);
    const { secret } = issue('').secrets[0]!;
    const key = directoryKey(secret, { kind: 'subscriber', realm: REALM, path: '/hidden/lure' });
    await directory!.provide(key, AbortSignal.timeout(WAIT_MS));
    expect(await publisher.sendAll('hidden/lure', ['sesame'])).toEqual([0]);
    await subscriber.has(1);
    await until('its dial', WAIT_MS, () => made.frames.length > 0);
    await until('the end of the link', WAIT_MS, () => made.closed.length > 0);
    // Whoever dials shows its token first: to those only who know the secret of the realm.
    const types: readonly number[] = [FrameType.MeshToken, FrameType.MeshRevocations];
    expect(made.frames.filter(({ type }) => !types.includes(type))).toEqual([]);
    expect(made.bytes.toString('latin1')).not.toMatch(/hidden|sesame/);
  });

  it('are told no filter under which their token lets them publish nothing', async () => {
    const made = await insider();
    const link = await made.link(nodes[1]!);
    made.token(link, REALM, issue(made.peerId, { publish: ['open/#'] }).token.bytes);
    made.ask(link, REALM, ['', '/hidden', '/open']);
    await until('answers', WAIT_MS, () => made.frames.filter(({ type }) => type === FrameType.MeshFilters).length >= 3);
    const filters = made.frames
      .filter(({ type }) => type === FrameType.MeshFilters)
      .map(({ body }) => body.toString('latin1'));
    expect(filters.join()).not.toContain('hidden/#');
  });

  it('that send garbage or endless frames over a link lose it', async () => {
    const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 64]);
    const frame = (type: number, body: Uint8Array): Buffer => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(body.length + 1);
      head[4] = type;
      return Buffer.concat([head, body]);
    };
    const bad = [bytesOf(4096), Buffer.alloc(16), huge, frame(40, Buffer.from([0xff, 1])), frame(42, bytesOf(3))];
    bad.push(frame(43, Buffer.from([1, 114, 0, 1, 255, 255, 255, 255, 15, 0])), frame(64, Buffer.from([1, 9, 0xff])));
    for (const [i, bytes] of bad.entries()) {
      const made = await insider();
      const link = await made.link(nodes[i % 3]!);
      made.token(link, REALM, issue(made.peerId).token.bytes);
      made.raw(bytes);
      await until(`hanging up after ${i}`, WAIT_MS, () => made.closed.length > 0 || link.state !== 'up');
    }
  });

  it('that send garbage in frames of all types do no harm to others', async () => {
    for (let round = 0; round < 5; round++) {
      const made = await insider();
      const link = await made.link(nodes[round % 3]!);
      made.token(link, REALM, issue(made.peerId).token.bytes);
      for (let i = 0; i < 20 && link.state === 'up'; i++) link.control(16 + random(48), bytesOf(random(200)));
      await sleep(20);
    }
    expect(subscriber.got).toEqual([]);
  });

  it('that say they are where somebody else is cost a few dials, and are left out then', async () => {
    const { port, dials, server } = await innocent();
    const topics = numbers(8, 'lie');
    const made = await insider({ join: nodes, announce: [`/ip4/127.0.0.1/tcp/${port}`] });
    const { directory } = made.network;
    await until('its place in the directory', WAIT_MS, () => directory!.status().peers >= nodes.length);
    const { secret } = issue('').secrets[0]!;
    for (const topic of topics) {
      const key = directoryKey(secret, { kind: 'subscriber', realm: REALM, path: `/lies/${topic}` });
      await directory!.provide(key, AbortSignal.timeout(WAIT_MS));
    }
    // The records stay when it is gone.
    await made[Symbol.asyncDispose]();
    stack.splice(stack.indexOf(made), 1);
    const honest = await Subscriber.of(nodes[1]!, 'lies/#', 1, REALM);
    await world.advertised();
    const texts: string[] = [];
    for (const topic of topics) {
      for (let i = 0; i < 20; i++) texts.push(`${topic} ${i}`);
      const sent = texts.slice(-20);
      expect(await publisher.sendAll(`lies/${topic}`, sent)).toEqual(sent.map(() => 0));
    }
    await honest.has(texts.length);
    expect(honest.got).toEqual(texts);
    expect(dials()).toBeLessThanOrEqual(4);
    server.close();
    honest.client.vanish();
  });
});

/** Somebody who has nothing to do with it, and counts who comes. */
async function innocent(): Promise<{ port: number; dials: () => number; server: Server }> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => {});
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, dials: () => count, server };
}
