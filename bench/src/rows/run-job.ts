import { fork } from 'node:child_process';
import type { JobAnswer, JobRequest, Numbers } from './job.ts';

export interface Place {
  /** The module that answers jobs. */
  readonly file: string;
  readonly nodeFlags?: readonly string[];
  /** What to start Node.js through: a command and its arguments. */
  readonly through?: readonly string[];
}

/** Does one job in a process of its own. Throws with the reason when it fails. */
export async function runJob({ file, nodeFlags = [], through = [] }: Place, request: JobRequest): Promise<Numbers> {
  const [execPath, ...execArgv] = [...through, process.execPath, ...nodeFlags] as [string, ...string[]];
  // Not tracked: it ends when it is left alone, and ends what it has started.
  const child = fork(file, { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const { promise, resolve, reject } = Promise.withResolvers<JobAnswer>();
  child.once('message', (message) => resolve(message as JobAnswer));
  child.once('error', reject);
  child.once('exit', (code, signal) => reject(new Error(`${request.job} ended (${signal ?? code})`)));
  child.send(request);
  const answer = await promise;
  if ('failure' in answer) throw new Error(answer.failure);
  return answer.numbers;
}
