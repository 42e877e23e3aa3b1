import { killAll } from '../peers/processes.ts';
import type { Job, JobAnswer, JobRequest } from './job.ts';

/** In a measuring process: does the one job that it is asked for, answers, and ends. */
export function answerJobs(jobs: Readonly<Record<string, Job>>): void {
  // Whatever a job has started goes with it, and it with whoever asked.
  process.once('exit', killAll);
  process.once('disconnect', () => process.exit(1));
  process.once('message', (message) => {
    const request = message as JobRequest;
    const answer = (content: JobAnswer): void => {
      process.send!(content, () => process.exit(0));
    };
    const fail = (error: unknown): void =>
      answer({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.once('uncaughtException', fail);
    process.once('unhandledRejection', fail);
    jobs[request.job]!(request).then((numbers) => answer({ numbers }), fail);
  });
}
