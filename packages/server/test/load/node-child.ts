/** Runs a node in a process of its own, and answers its parent about what only the process itself can see. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { realNode } from '../../src/testing/real-node.ts';
import type { Answer, ProcessSample, Question } from './node-process.ts';

/** Also what a quiet loop shows: the histogram has the time from one look to the next. */
const RESOLUTION_MS = 2;
const NS_PER_MS = 1e6;

const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
const node = await realNode(flags);
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

const late = (ns: number): number => Math.max(0, ns / NS_PER_MS - RESOLUTION_MS);

function sample(): ProcessSample {
  // Twice: what the first finds dead may have held buffers that only the second gives back.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return {
    rss,
    heapUsed,
    external,
    arrayBuffers,
    sockets: resources.filter((name) => name === 'TCPSocketWrap' || name === 'TLSWrap').length,
    resources: resources.length,
  };
}

function answer(question: Question): Answer {
  if (question === 'sample') return { sample: sample() };
  if (question === 'reset') {
    delay.reset();
    return {};
  }
  return {
    delay: { maxMs: late(delay.max), p99Ms: late(delay.percentile(99)), cpuMs: process.cpuUsage().user / 1000 },
  };
}

process.on('message', (question: Question) => process.send?.(answer(question)));
process.on('disconnect', () => process.exit(0));
process.send?.({ ports: { mqtt: node.mqttPort, http: node.node.info.httpPort ?? 0 } } satisfies Answer);
