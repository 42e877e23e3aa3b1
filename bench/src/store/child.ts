import { answerJobs } from '../rows/answer-jobs.ts';
import { append, appendOne } from './jobs/append.ts';
import { brokerUnderAppends } from './jobs/broker.ts';
import { appendHttp, readHttp } from './jobs/http.ts';
import { jetStream } from './jobs/jetstream.ts';
import { live, manySubscriptions } from './jobs/live.ts';
import { liveMqtt } from './jobs/live-mqtt.ts';
import { postgres } from './jobs/postgres.ts';
import { catchUp, fill, streams, twoTags } from './jobs/reads.ts';

answerJobs({
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
});
