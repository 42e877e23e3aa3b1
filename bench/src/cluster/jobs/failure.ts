import { setTimeout as sleep } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import type { PlexusProcess } from '../../peers/plexus-node.ts';
import { type Job, median } from '../../rows/job.ts';
import { Cable, OTHER_HOST, OWN_HOST } from '../cable.ts';
import { subscribeAll, topicOf } from '../filters.ts';
import { Members, View, whenFirst } from '../members.ts';

const FILTERS = 1000;
const LIMIT_MS = 30_000;
/** A link that is lost sooner is not dialled again at once. */
const MEMBER_MS = 1500;
/** So that heartbeats are anywhere on their way. */
const HEARTBEAT_MS = 1000;

const times = (all: readonly number[]) => ({ maxMs: Math.max(...all), medianMs: median(all), times: all.length });

/** From just before `fail` until the node says that the other is down and sends nothing there any more. */
async function untilGone(view: View, other: PlexusProcess, fail: () => void): Promise<number> {
  if (!(await view.sends(topicOf(1)))) throw new Error('nothing was sent to the other node to begin with');
  const since = performance.now();
  fail();
  const gone = await whenFirst(LIMIT_MS, async () => {
    const member = await view.member(other);
    const isDown = member === null || (member.state === 'down' && member.filters === 0);
    return isDown && !(await view.sends(topicOf(1)));
  });
  return gone - since;
}

const endAll = (clients: readonly MqttClient[]): void => {
  for (const client of clients) client.end(true);
};

/** The process of a node with a thousand filters is killed, again and again. */
export const killed: Job = async ({ directory, parameters }) => {
  await using members = await Members.in(directory);
  const own = await members.start('own');
  using view = new View(own);
  const noticed: number[] = [];
  while (noticed.length < parameters.times!) {
    const other = await members.start('other');
    const clients = await subscribeAll('127.0.0.1', other.node.mqttPort, 0, FILTERS);
    await view.knows(other, FILTERS);
    await sleep(MEMBER_MS + Math.random() * HEARTBEAT_MS);
    noticed.push(await untilGone(view, other, () => other.kill()));
    endAll(clients);
  }
  return times(noticed);
};

/** The cable to a node with a thousand filters is pulled, again and again; each time it is plugged in again and waited for. */
export const cut: Job = async ({ directory, parameters }) => {
  const cable = await Cable.between();
  await using members = await Members.in(directory);
  const flags = ['--allow-anonymous', '--no-mdns'];
  const own = await members.start('own', { host: OWN_HOST, flags });
  const other = await members.start('other', { host: OTHER_HOST, flags, through: cable.other });
  using view = new View(own, OWN_HOST);
  const clients = await subscribeAll(OTHER_HOST, other.node.mqttPort, 0, FILTERS);
  const noticed: number[] = [];
  const mended: number[] = [];
  while (noticed.length < parameters.times!) {
    await view.knows(other, FILTERS);
    await sleep(MEMBER_MS + Math.random() * HEARTBEAT_MS);
    noticed.push(await untilGone(view, other, () => cable.cut()));
    const since = performance.now();
    cable.mend();
    const back = await whenFirst(LIMIT_MS, async () => (await view.member(other))?.filters === FILTERS);
    mended.push(back - since);
  }
  endAll(clients);
  return { ...times(noticed), backMs: Math.max(...mended) };
};
