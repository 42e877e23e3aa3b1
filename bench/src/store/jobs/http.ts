import { HttpConnection } from '../../http-connection.ts';
import type { Job } from '../../rows/job.ts';
import { closedLoop, newEvent } from '../load.ts';

const STREAMS = 1000;

/**
 * Appends to a store of a node in another process, one request at a time on each connection.
 * @returns answered per second, and how many events were appended in all
 */
export async function appendOver(port: number, store: string, connections: number, measureMs: number) {
  const idle = Array.from({ length: connections }, () => new HttpConnection(port));
  const all = [...idle];
  let appended = 0;
  const perSecond = await closedLoop(all.length, measureMs, async (n) => {
    const connection = idle.pop()!;
    const content = JSON.stringify({ expectedVersion: 'any', events: [newEvent(n)] });
    const path = `/api/v1/stores/${store}/streams/stream-${n % STREAMS}/events`;
    const { status, body } = await connection.post(path, content);
    if (status !== 201) throw new Error(`an append was answered with ${status}: ${body}`);
    appended++;
    idle.push(connection);
  });
  for (const connection of all) connection.close();
  return { perSecond, appended };
}

/** Appends over HTTP to a node in another process. */
export const appendHttp: Job = async ({ measureMs, parameters }) => {
  const { perSecond } = await appendOver(parameters.port!, 'default', parameters.connections!, measureMs);
  return { perSecond };
};

/** Everything of the store as NDJSON, from a node in another process. */
export const readHttp: Job = async ({ parameters }) => {
  const url = `http://127.0.0.1:${parameters.port}/api/v1/stores/default/events`;
  const start = performance.now();
  const answer = await fetch(url, { headers: { accept: 'application/x-ndjson' } });
  if (answer.status !== 200 || answer.body === null) throw new Error(`the read was answered with ${answer.status}`);
  let events = 0;
  for await (const chunk of answer.body) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) events++;
  }
  const seconds = (performance.now() - start) / 1000;
  if (events !== parameters.events) throw new Error(`${events} events came, not ${parameters.events}`);
  return { perSecond: events / seconds };
};
