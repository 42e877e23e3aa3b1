import { afterEach, describe, expect, vi } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { labProblem } from '../cluster/network-lab.ts';
import { NatLab } from './nat-lab.ts';
import { type NatNodeAnswer, type NatNodeOptions, NatProcess } from './nat-process.ts';

const PORT = 9443;
const RELAY = '45.10.0.1';
const OUTSIDE = '45.10.0.2';
const [ROUTER_B, ROUTER_C] = ['45.20.0.1', '45.20.0.2'];
/** Both are behind routers that give their hosts the same address. */
const INSIDE = '192.168.1.2';
const [R, A, B, C] = [0, 1, 2, 3];
const TIMEOUT_MS = 60_000;
const NEVER_MS = 3_600_000;
const WAIT = { timeout: 15_000, interval: 100 };
const IS_LONG = process.env.PLEXUS_LONG_TESTS === 'true';
/** How long a relay lets a connection be: the usual 2 minutes are to pass, or one of ours is to be renewed. */
const RELAYED_MS = IS_LONG ? 3_600_000 : 4000;
/** Sent every 10 ms. */
const PER_TICK = 2;
/** Frames that take 150 s, or 6 s. */
const FRAMES = (IS_LONG ? 15_000 : 600) * PER_TICK;
const USE_MS = FRAMES * 20;
/** What libp2p's relays let through unless they are told otherwise. */
const USUAL_RELAY_BYTES = 128 * 1024;
const BODY_BYTES = 1000;

const problem = labProblem();
const itInLab = (name: string, test: () => Promise<void>): void =>
  itNeeds(`a network of its own (${problem})`, problem === null, name, test);

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function openLab(): Promise<NatLab> {
  const lab = await NatLab.open([
    { address: RELAY, router: null },
    { address: OUTSIDE, router: null },
    { address: INSIDE, router: ROUTER_B },
    { address: INSIDE, router: ROUTER_C },
  ]);
  stack.push(lab);
  return lab;
}

async function start(lab: NatLab, host: number, options: Partial<NatNodeOptions> = {}): Promise<NatProcess> {
  const defaults = { port: PORT, nat: {}, publicAddresses: [], directFirstMs: NEVER_MS };
  const made = await NatProcess.start(lab, host, { ...defaults, ...options });
  stack.push(made);
  return made;
}

const startRelay = (lab: NatLab, host = R): Promise<NatProcess> =>
  start(lab, host, { nat: { relay: true, relayDurationMs: RELAYED_MS } });
const look = (node: NatProcess): Promise<NatNodeAnswer> => node.ask({ do: 'look' });
const transports = async (node: NatProcess): Promise<string[]> =>
  (await look(node)).links.map((link) => link.transport);

/** A link with the relay, as somebody who joins there has one. @returns addresses at which others find the node, when it has found its way out */
async function join(node: NatProcess, relay: NatProcess): Promise<readonly string[]> {
  const { error } = await node.ask({ do: 'link', peerId: relay.peerId, addresses: [`/ip4/${RELAY}/tcp/${PORT}`] });
  expect(error).toBeNull();
  await vi.waitFor(async () => expect((await look(node)).nat.relays).toEqual([relay.peerId]), WAIT);
  const { addresses, nat } = await look(node);
  expect(nat).toMatchObject({ reachable: false, basis: 'translated' });
  expect(addresses).toContain(`/ip4/${RELAY}/tcp/${PORT}/p2p/${relay.peerId}/p2p-circuit`);
  return addresses;
}

async function sendBothWays(one: NatProcess, other: NatProcess, perTick = PER_TICK): Promise<void> {
  await one.ask({ do: 'send', peerId: other.peerId, bytes: BODY_BYTES, perTick });
  await other.ask({ do: 'send', peerId: one.peerId, bytes: BODY_BYTES, perTick });
}

/** Stops both, and compares what came with what was sent. */
async function expectAll(one: NatProcess, other: NatProcess): Promise<void> {
  for (const node of [one, other]) await node.ask({ do: 'stop' });
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const sent = (await look(from)).streams[to.peerId]!;
    expect(sent.sent * BODY_BYTES).toBeGreaterThan(USUAL_RELAY_BYTES);
    const of = async () => (await look(to)).streams[from.peerId]!;
    await vi.waitFor(async () => expect((await of()).received).toBeGreaterThanOrEqual(sent.sent), WAIT);
    expect(await of()).toMatchObject({ received: sent.sent, lost: 0, swapped: 0, refused: 0 });
    await vi.waitFor(async () => {
      expect((await look(from)).streams[to.peerId]!.answered).toBe(Math.ceil(sent.sent / 5));
    }, WAIT);
  }
}

async function untilSent(from: NatProcess, to: NatProcess, frames: number): Promise<void> {
  const sent = async () => (await look(from)).streams[to.peerId]!.sent;
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThanOrEqual(frames), { ...WAIT, timeout: USE_MS });
}

describe('a node behind a router', { timeout: TIMEOUT_MS + USE_MS * 2 }, () => {
  itInLab(
    'is reached over a relay, and the link becomes direct at once where the other end can be dialled',
    async () => {
      const lab = await openLab();
      const relay = await startRelay(lab);
      const [a, b] = await Promise.all([
        start(lab, A, { directFirstMs: 1000 }),
        start(lab, B, { directFirstMs: 1000 }),
      ]);
      const addresses = await join(b, relay);
      const linked = await a.ask({ do: 'link', peerId: b.peerId, addresses });
      expect(linked.error).toBeNull();
      await sendBothWays(a, b);
      await vi.waitFor(async () => expect(await transports(a)).toEqual(['tcp']), WAIT);
      await untilSent(a, b, 300);
      await untilSent(b, a, 300);
      await expectAll(a, b);
      // libp2p may be faster than the link, which then never is a relayed one.
      expect((await look(a)).streams[b.peerId]!.channels.at(-1)).toBe('tcp');
      expect((await look(a)).nat).toMatchObject({ reachable: true });
      expect((await look(relay)).nat).toMatchObject({ reachable: true, reservations: 1 });
    },
  );

  itInLab('has a link that goes on over another relay when its own is killed', async () => {
    const lab = await openLab();
    const relays = await Promise.all([startRelay(lab), startRelay(lab, A)]);
    const [b, c] = await Promise.all([start(lab, B), start(lab, C)]);
    for (const node of [b, c]) await join(node, relays[0]!);
    const ids = relays.map(({ peerId }) => peerId).sort();
    for (const node of [b, c]) {
      await node.ask({ do: 'link', peerId: relays[1]!.peerId, addresses: [`/ip4/${OUTSIDE}/tcp/${PORT}`] });
      await vi.waitFor(async () => expect((await look(node)).nat.relays.toSorted()).toEqual(ids), WAIT);
    }
    const linked = await c.ask({ do: 'link', peerId: b.peerId, addresses: (await look(b)).addresses });
    expect(linked.error).toBeNull();
    await sendBothWays(b, c);
    await untilSent(c, b, 100);
    const over = (await look(c)).links.find(({ peerId }) => peerId === b.peerId)!.address;
    await relays.find(({ peerId }) => over.includes(peerId))![Symbol.asyncDispose]();
    await untilSent(c, b, 500);
    await untilSent(b, c, 500);
    await expectAll(b, c);
    const after = (await look(c)).links.find(({ peerId }) => peerId === b.peerId)!;
    expect(after).toMatchObject({ transport: 'relay', state: 'up' });
    expect(after.address).not.toBe(over);
  });

  itInLab('has a link with one behind another router, for longer and more than relays usually let pass', async () => {
    const lab = await openLab();
    const relay = await startRelay(lab);
    const [b, c] = await Promise.all([start(lab, B), start(lab, C)]);
    const [addresses] = await Promise.all([join(b, relay), join(c, relay)]);
    const linked = await c.ask({ do: 'link', peerId: b.peerId, addresses });
    expect(linked.error).toBeNull();
    await sendBothWays(b, c);
    await untilSent(b, c, FRAMES);
    await untilSent(c, b, FRAMES);
    await expectAll(b, c);
    const { channels } = (await look(c)).streams[b.peerId]!;
    expect(new Set(channels)).toEqual(new Set(['relay']));
    expect(channels.length > 1).toBe(!IS_LONG);
  });

  itInLab(
    'goes on over a new relayed channel when the relay cuts one at once, and over a direct one when its router is opened',
    async () => {
      const lab = await openLab();
      const relay = await start(lab, R, { nat: { relay: true, relayDataBytes: 400_000 } });
      const publicAddresses = [`/ip4/${ROUTER_B}/tcp/${PORT}`];
      const starts = [start(lab, B, { publicAddresses, directFirstMs: 1000 }), start(lab, C, { directFirstMs: 1000 })];
      const [b, c] = (await Promise.all(starts)) as [NatProcess, NatProcess];
      const [addresses] = await Promise.all([join(b, relay), join(c, relay)]);
      const linked = await c.ask({ do: 'link', peerId: b.peerId, addresses });
      expect(linked.error).toBeNull();
      // So fast that a limit which is near is past before anybody has looked.
      await sendBothWays(b, c, 5);
      await vi.waitFor(async () => {
        const { channels } = (await look(c)).streams[b.peerId]!;
        expect(channels.length).toBeGreaterThanOrEqual(3);
        expect(new Set(channels)).toEqual(new Set(['relay']));
      }, WAIT);
      await lab.forward([[ROUTER_B, PORT]]);
      await vi.waitFor(async () => expect((await transports(c)).sort()).toEqual(['tcp', 'tcp']), WAIT);
      const { sent } = (await look(c)).streams[b.peerId]!;
      await untilSent(c, b, sent + 500);
      await expectAll(b, c);
    },
  );
});
