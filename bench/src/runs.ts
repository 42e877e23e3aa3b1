import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer, Tuning } from './peers/peer.ts';
import { track } from './peers/processes.ts';
import type { RunAnswer, RunPlan, RunRequest, RunResult, Timing } from './plan.ts';
import { forPeer } from './scenarios.ts';

/** One run: a fresh broker, a fresh generator, both gone afterwards. Throws with the reason when it fails. */
export async function runOnce(peer: Peer, tuning: Tuning, plan: RunPlan, timing: Timing): Promise<RunResult> {
  const directory = mkdtempSync(join(tmpdir(), 'plexus-bench-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const nodes = 'nodes' in plan ? plan.nodes : 1;
    const running = await peer.start(directory, { tuning, transport: plan.wire.transport, nodes });
    try {
      const { port, subscribePort, pids } = running;
      const target = { port, subscribePort, pids };
      return await generate({ plan: forPeer(plan, peer), target, timing });
    } finally {
      await running.stop();
    }
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function generate(request: RunRequest): Promise<RunResult> {
  const child = track(
    fork(join(import.meta.dirname, 'generator.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  const { promise, resolve, reject } = Promise.withResolvers<RunAnswer>();
  child.once('message', (message) => resolve(message as RunAnswer));
  child.once('exit', (code, signal) => reject(new Error(`the generator ended (${signal ?? code})`)));
  child.send(request);
  const answer = await promise;
  if ('failure' in answer) throw new Error(answer.failure);
  return answer.result;
}
