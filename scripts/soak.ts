/**
 * Churn for a long time: clients of both versions connect, subscribe, publish and vanish, with all QoS, sessions that are kept and that are
 * not, retained messages and wills. Everything that they leave behind has a bound or expires, so after a warm-up the
 * node's memory has to be flat: a line is fitted through what it holds at rest, and the run fails when it rises.
 *
 *     npm run soak -- [--minutes 60] [--seed N]
 */
import { parseArgs } from 'node:util';
import { encodeDisconnect, type Qos } from '@plexus/protocol';
import { randomFrom } from '../packages/protocol/src/fuzz/mutate.ts';
import { will } from '../packages/server/src/testing/packets.ts';
import { NodeProcess, type ProcessSample, until } from '../packages/server/test/load/node-process.ts';
import { RawClient } from '../packages/server/test/load/raw-client.ts';
import { Witness } from '../packages/server/test/load/witness.ts';

const WORKERS = 20;
const PAUSE_MS = 20;
const SAMPLE_MS = 10_000;
/** Time from one rest to the next, in which the node has nothing to do: what it holds then, it holds for nobody. */
const REST_MS = 60_000;
/** Rests of a shorter run. */
const RESTS = 10;
/** Part of the run that fills caches and compiles code, and is not looked at. */
const WARM_UP = 0.25;
const MiB = 1024 * 1024;

interface Sample extends ProcessSample {
  atS: number;
  lives: number;
  sessions: number;
  retained: number;
}

/** What may grow, over the part of the run that is looked at, by the fitted line: noise, and the same for any length. */
const BOUNDS: readonly { name: keyof ProcessSample; most: number; unit: number }[] = [
  { name: 'rss', most: 48 * MiB, unit: MiB },
  { name: 'heapUsed', most: 3 * MiB, unit: MiB },
  { name: 'arrayBuffers', most: 4 * MiB, unit: MiB },
  { name: 'resources', most: 20, unit: 1 },
];

type Random = (below: number) => number;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One client's life. */
async function live(port: number, random: Random): Promise<void> {
  const version = random(2) === 0 ? 5 : 4;
  const keeps = random(3) === 0;
  const client = await RawClient.connect(port, `soak-${random(keeps ? 300 : 100_000)}`, {
    version,
    cleanStart: !keeps,
    properties: keeps && version === 5 ? { sessionExpiryIntervalS: 1 + random(5), receiveMaximum: 1 + random(50) } : {},
    will: random(3) === 0 ? will(`soak/will/${random(100)}`, 'gone', { qos: random(3) as Qos }) : null,
  });
  const filters = Array.from(
    { length: 1 + random(4) },
    () =>
      [`soak/${random(20)}/#`, `soak/+/${random(50)}`, `soak/${random(20)}/${random(50)}`, 'soak/will/+'][random(4)]!,
  );
  await client.subscribe(filters, random(3) as Qos);
  for (let left = random(20); left > 0; left--) {
    const options = { qos: random(3) as Qos, retain: random(10) === 0 };
    client.publish(
      `soak/${random(20)}/${random(50)}`,
      new Uint8Array(random(random(20) === 0 ? 20_000 : 200)),
      options,
    );
  }
  await pause(random(50));
  if (random(4) === 0) client.unsubscribe(filters[0]!);
  if (random(2) === 0) client.send(encodeDisconnect(version, 0, {}));
  if (random(2) === 0) client.socket.end();
  else client.vanish();
}

/** Growth from the first sample to the last, by the line of least squares. */
function growth(samples: readonly Sample[], name: keyof ProcessSample): number {
  const mean = (of: (sample: Sample) => number): number => samples.reduce((sum, s) => sum + of(s), 0) / samples.length;
  const [meanX, meanY] = [mean((s) => s.atS), mean((s) => s[name])];
  const above = samples.reduce((sum, s) => sum + (s.atS - meanX) * (s[name] - meanY), 0);
  const below = samples.reduce((sum, s) => sum + (s.atS - meanX) ** 2, 0);
  return below === 0 ? 0 : (above / below) * (samples[samples.length - 1]!.atS - samples[0]!.atS);
}

async function takeSample(node: NodeProcess, startedAt: number, lives: number): Promise<Sample> {
  return {
    ...(await node.sample()),
    atS: (performance.now() - startedAt) / 1000,
    lives,
    sessions: await node.metric('plexus_sessions'),
    retained: await node.metric('plexus_retained_messages'),
  };
}

function print(sample: Sample): void {
  const megabytes = [sample.rss, sample.heapUsed, sample.arrayBuffers].map((bytes) => (bytes / MiB).toFixed(1));
  const cells = [sample.atS.toFixed(0), sample.lives, ...megabytes, sample.resources, sample.sessions, sample.retained];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

/** Nobody is connected but the witness, and no session waits. */
const atRest = (node: NodeProcess): Promise<void> =>
  until('all to be gone', 60_000, async () => (await node.metric('plexus_sessions')) === 2);

async function churn(
  node: NodeProcess,
  minutes: number,
  random: Random,
): Promise<{ rests: Sample[]; refused: number }> {
  const startedAt = performance.now();
  const endsAt = startedAt + minutes * 60_000;
  const restEveryMs = Math.min(REST_MS, (endsAt - startedAt) / RESTS);
  const rests: Sample[] = [];
  let [lives, refused, resting, restedAt] = [0, 0, false, startedAt];
  const worker = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      if (!resting) {
        lives++;
        // Another life with the same id may take over in the middle of this one's CONNECT.
        await live(node.mqttPort, random).catch(() => refused++);
      }
      await pause(random(2 * PAUSE_MS));
    }
  };
  const workers = Array.from({ length: WORKERS }, worker);
  process.stdout.write(
    '| s | clients so far | RSS, MiB | heap, MiB | buffers, MiB | handles | sessions | retained |\n',
  );
  process.stdout.write('|---|---|---|---|---|---|---|---|\n');
  while (performance.now() < endsAt) {
    await pause(Math.min(SAMPLE_MS, Math.max(0, endsAt - performance.now())));
    resting = performance.now() - restedAt >= restEveryMs - SAMPLE_MS / 2;
    if (resting) await atRest(node);
    const sample = await takeSample(node, startedAt, lives);
    print(sample);
    if (!resting) continue;
    rests.push(sample);
    restedAt = performance.now();
    resting = false;
  }
  await Promise.all(workers);
  return { rests, refused };
}

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${seed}\n`);
// Sessions without a connection end soon, also those of 3.1.1: else it is their queues that grow, up to their bounds.
await using node = await NodeProcess.start({ maxSessionExpiryS: '5' });
const witness = await Witness.start(node.mqttPort, 10);
const { rests, refused } = await churn(node, Number(values.minutes), randomFrom(seed));
const seen = await witness.stop();
const looked = rests.slice(Math.ceil(rests.length * WARM_UP));
let failed = false;
for (const { name, most, unit } of BOUNDS) {
  const grown = growth(looked, name);
  if (grown > most) failed = true;
  process.stdout.write(`${name}: ${(grown / unit).toFixed(2)} by the fitted line, at most ${most / unit}\n`);
}
const faults = await node.metric('plexus_closed_connections_total{reason="internal_error"}');
process.stdout.write(
  `${refused} lives cut short at CONNECT, ${faults} faults; witness ${seen.received} of ${seen.sent}, `,
);
process.stdout.write(`p99 ${seen.p99Ms.toFixed(1)} ms, at most ${seen.maxMs.toFixed(1)} ms\n`);
if (failed || faults > 0 || seen.disordered > 0 || node.errors !== '') process.exitCode = 1;
