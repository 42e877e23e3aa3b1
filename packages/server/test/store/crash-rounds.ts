import { AppendLoad } from './append-load.ts';
import { EventConsumers } from './event-consumer.ts';
import type { Random } from './random.ts';
import { StoreProcess, sleep } from './store-process.ts';

export interface CrashRoundsOptions {
  readonly dataDir: string;
  readonly rounds: number;
  readonly random: Random;
  /** Called after each round. */
  readonly onRound?: (round: number, events: number, acknowledged: number) => void;
}

const WRITERS = 16;
const CONSUMERS = 3;
const MIN_LOAD_MS = 100;
const MAX_LOAD_MS = 900;

/**
 * Kills a node in the midst of appends and deliveries, again and again, and looks each time at what it has kept.
 * @returns everything that was wrong; empty: nothing
 */
export async function crashRounds({ dataDir, rounds, random, onRound }: CrashRoundsOptions): Promise<string[]> {
  const load = new AppendLoad(WRITERS, random);
  const groups = [
    new EventConsumers('all', { kind: 'all' }, () => true, CONSUMERS, random),
    new EventConsumers('some', { kind: 'type', types: ['t1'] }, ({ type }) => type === 't1', 1, random),
  ];
  const faults: string[] = [];
  for (let round = 0; round <= rounds && faults.length === 0; round++) {
    await using node = await StoreProcess.start({ dataDir });
    if (round === 0) for (const group of groups) await group.create(node);
    const events = await node.events();
    faults.push(...load.faultsOf(events));
    for (const group of groups) faults.push(...(await group.begin(node, events)));
    onRound?.(round, events.length, load.acknowledged);
    for (const group of groups) await group.join(node);
    const running = load.run(node);
    await sleep(MIN_LOAD_MS + random(MAX_LOAD_MS));
    if (round < rounds) {
      await node.kill();
      await running;
    } else {
      load.stop();
      await running;
      faults.push(...(await endFaults(node, load, groups)));
      faults.push(...(await stopFaults(node, groups)));
    }
    for (const group of groups) group.leave();
  }
  return faults;
}

/** After the last round: everything was acknowledged to every subscription, and a scan of the store finds nothing. */
async function endFaults(node: StoreProcess, load: AppendLoad, groups: readonly EventConsumers[]): Promise<string[]> {
  const events = await node.events();
  const faults = load.faultsOf(events);
  for (const group of groups) faults.push(...(await group.endFaults(node, events)));
  const { status, body } = await node.ask('POST', '/verify');
  if (status !== 200 || body.faults?.length !== 0) faults.push(`verify: ${status} ${JSON.stringify(body)}`);
  return faults;
}

/** Ends the node in order: the next one knows how far every subscription has come. */
async function stopFaults(node: StoreProcess, groups: readonly EventConsumers[]): Promise<string[]> {
  const code = await node.stop();
  const faults = code === 0 ? [] : [`it ended with ${code}: ${node.said}`];
  await using next = await StoreProcess.start({ dataDir: node.dataDir });
  const events = await next.events();
  for (const group of groups) faults.push(...(await group.restartFaults(next, events)));
  return faults;
}
