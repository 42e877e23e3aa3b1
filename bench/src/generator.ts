/**
 * The load generator: a process of its own that carries out one run and answers over IPC. Whatever goes wrong
 * anywhere in it (a lost connection, an unexpected byte, a message out of order) is thrown, and ends the run.
 */
import { runCheck } from './generator/check.ts';
import { runConnects } from './generator/connects.ts';
import { runFlow } from './generator/flow.ts';
import { runIdle } from './generator/idle.ts';
import { runPaced } from './generator/paced.ts';
import type { RunAnswer, RunRequest, RunResult } from './plan.ts';

function run({ plan, target, timing }: RunRequest): Promise<RunResult> {
  switch (plan.mode) {
    case 'flow':
      return runFlow(plan, target, timing);
    case 'paced':
      return runPaced(plan, target, timing);
    case 'check':
      return runCheck(plan, target);
    case 'idle':
      return runIdle(plan, target);
    case 'connect':
      return runConnects(plan, target, timing);
  }
}

function answer(message: RunAnswer): void {
  process.send!(message, () => process.exit(0));
}

const fail = (reason: unknown): void => answer({ failure: reason instanceof Error ? reason.message : String(reason) });
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('disconnect', () => process.exit(1));
process.once('message', (request: RunRequest) => {
  run(request).then((result) => answer({ result }), fail);
});
