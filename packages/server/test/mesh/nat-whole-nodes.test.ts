import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, vi } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { labProblem } from '../cluster/network-lab.ts';
import { sleep } from '../store/store-process.ts';
import { numbers } from './mesh-clients.ts';
import { NatLab } from './nat-lab.ts';
import { NatSite, type Publisher, plexus, type Subscriber } from './nat-site.ts';

const RELAY = '45.10.0.1';
const [ROUTER_B, ROUTER_C] = ['45.20.0.1', '45.20.0.2'];
/** Both are behind routers that give their hosts the same address. */
const INSIDE = '192.168.1.2';
const TIMEOUT_MS = 120_000;
/** A relay that is gone is asked again after 5 to 10 s, and after 10 to 20 s if it was not back then. */
const WAIT = { timeout: 40_000, interval: 100 };
const COUNT = 200;
const OUTAGE_MS = 4000;
/** Much less than a node that could not be reached is left alone. */
const AGAIN_MS = 15_000;

const problem = labProblem();

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function makeDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'plexus-nat-'));
  stack.push({ [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) });
  return path;
}

/** A relay that all can dial, and two nodes behind routers that are told where it is, and nothing of routers. */
async function openSites(): Promise<[relay: NatSite, b: NatSite, c: NatSite]> {
  const dir = makeDirectory();
  const [authority, config] = [join(dir, 'authority'), join(dir, 'plexus.yaml')];
  const lab = await NatLab.open([
    { address: RELAY, router: null },
    { address: INSIDE, router: ROUTER_B },
    { address: INSIDE, router: ROUTER_C },
  ]);
  stack.push(lab);
  const [relay, b, c] = (await Promise.all([
    ...[RELAY, INSIDE, INSIDE].map((address, host) => NatSite.create(lab, host, address, join(dir, `${host}`))),
    plexus('realm', 'create', 'default', '--out', authority, '--config', config),
  ])) as [NatSite, NatSite, NatSite, string];
  stack.push(relay, b, c);
  const all = ['--config', config, '--mesh'];
  await relay.issue(authority);
  const started = relay.start([...all, '--relay']);
  // One after the other: the authority's file has the number of the last token.
  for (const site of [b, c]) await site.issue(authority);
  await started;
  await Promise.all([b, c].map((site) => site.start([...all, '--mesh-join', relay.address])));
  return [relay, b, c];
}

/** Until each has found out by itself that nobody can dial it, and has a place with the relay. */
async function havePlaces(sites: readonly NatSite[], relay: NatSite): Promise<void> {
  const reachability = { reachable: false, basis: 'translated', relays: [relay.peerId], reservations: null };
  for (const site of sites) {
    await vi.waitFor(async () => expect(await site.mesh()).toMatchObject({ mode: 'client', reachability }), WAIT);
  }
  const { reachability: ofRelay } = await relay.mesh();
  expect(ofRelay).toMatchObject({ reachable: true, relays: [], reservations: sites.length });
}

/** There is one link between the two, and that over the relay. */
async function expectRelayed(one: NatSite, other: NatSite, relay: NatSite): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const links = await from.linksWith(to);
    expect(links).toMatchObject([{ purpose: 'mesh', state: 'up', transport: 'relay' }]);
    expect(links[0]!.address).toContain(`/p2p/${relay.peerId}/p2p-circuit`);
  }
}

interface Way {
  readonly publisher: Publisher;
  /** With the topic itself, and with a wildcard. */
  readonly subscribers: readonly Subscriber[];
}

const wayBetween = (from: NatSite, to: NatSite, name: string): Way => ({
  subscribers: [to.subscribe(`${name}/line/1`), to.subscribe(`${name}/+/1`)],
  publisher: from.publish(`${name}/line/1`),
});

/** Until something comes through both ways. */
async function passesAgain(ways: readonly Way[]): Promise<void> {
  let count = 0;
  const passes = ({ publisher, subscribers }: Way): boolean => {
    if (subscribers.every(({ got }) => got.some((text) => text.startsWith('probe')))) return true;
    publisher.send([`probe ${count++}`]);
    return false;
  };
  await vi.waitFor(() => expect(ways.map(passes)).toEqual([true, true]), { timeout: AGAIN_MS, interval: 250 });
}

/** Sends these both ways at once, and waits until all have come to everybody, each once, and in order, among whatever else. */
async function expectAll(ways: readonly Way[], texts: readonly string[]): Promise<void> {
  for (const { publisher } of ways) publisher.send(texts);
  const sent = new Set(texts);
  for (const { got } of ways.flatMap(({ subscribers }) => subscribers)) {
    const ours = () => got.filter((text) => sent.has(text));
    await vi.waitFor(() => expect(ours().length).toBeGreaterThanOrEqual(texts.length), WAIT);
    expect(ours()).toEqual(texts);
  }
}

describe('whole nodes behind two routers', { timeout: TIMEOUT_MS }, () => {
  itNeeds(
    `a network of its own (${problem})`,
    problem === null,
    'find out that nobody can dial them, exchange messages over a relay, and do so again when it was killed and is back',
    async () => {
      const [relay, b, c] = await openSites();
      const ways = [wayBetween(b, c, 'to-c'), wayBetween(c, b, 'to-b')];
      await havePlaces([b, c], relay);
      for (const site of [b, c]) {
        await vi.waitFor(async () => expect((await site.mesh()).advertisements).toMatchObject({ advertised: 2 }), WAIT);
      }
      await expectAll(ways, numbers(COUNT));
      await expectRelayed(b, c, relay);

      await relay.kill();
      // Each finds out that the other is out of reach.
      for (const { publisher } of ways) publisher.send(['lost']);
      await sleep(OUTAGE_MS);
      await relay.start();
      await havePlaces([b, c], relay);
      await passesAgain(ways);
      await expectAll(ways, numbers(COUNT, 'again'));
      await expectRelayed(b, c, relay);
    },
  );
});
