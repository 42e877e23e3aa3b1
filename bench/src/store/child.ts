import type { Job, JobAnswer, JobRequest } from './job.ts';
import { append, appendOne } from './jobs/append.ts';
import { brokerUnderAppends } from './jobs/broker.ts';
import { appendHttp, readHttp } from './jobs/http.ts';
import { jetStream } from './jobs/jetstream.ts';
import { live, manySubscriptions } from './jobs/live.ts';
import { liveMqtt } from './jobs/live-mqtt.ts';
import { postgres } from './jobs/postgres.ts';
import { catchUp, fill, streams, twoTags } from './jobs/reads.ts';

const jobs: Readonly<Record<string, Job>> = {
  append,
  appendOne,
  appendHttp,
  readHttp,
  jetStream,
  postgres,
  fill,
  catchUp,
  streams,
  twoTags,
  live,
  liveMqtt,
  manySubscriptions,
  brokerUnderAppends,
};

process.once('message', (message) => {
  const request = message as JobRequest;
  const answer = (content: JobAnswer): void => {
    process.send!(content, () => process.exit(0));
  };
  jobs[request.job]!(request).then(
    (numbers) => answer({ numbers }),
    (error: unknown) => answer({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
