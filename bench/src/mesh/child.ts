import { answerJobs } from '../rows/answer-jobs.ts';
import { jobs } from './jobs/index.ts';

answerJobs(jobs);
