import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { Api } from '../api.ts';
import { CommandError, type Io, UsageError, write } from '../io.ts';
import { lines } from '../lines.ts';
import { type StoreFlags, storeOptions, streamPath } from '../store-path.ts';

interface Flags extends StoreFlags {
  type: string;
  data?: string;
  file?: string;
  lines?: true;
  id?: string;
  tag?: string[];
  metadata?: string;
  contentType?: string;
  correlationId?: string;
  causationId?: string;
  expectedVersion?: number | string;
}

interface Answer {
  version: number;
  position: number;
  duplicate: boolean;
}

const JSON_TYPE = 'application/json';
/** Lines of one append: while one is on its way, those that come are gathered for the next. */
const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 1024 * 1024;

export function appendCommand(io: Io): Command {
  const command = new Command('append')
    .description('append an event to a stream')
    .argument('<stream>')
    .requiredOption('--type <type>', 'type of the event')
    .option('--data <json>', 'its data; null if there is none')
    .option('-f, --file <file>', 'a file with the data')
    .option('-l, --lines', 'one event per line of standard input; each line is the data')
    .option('--id <uuid>', 'its id; the same one again makes no second event')
    .option('--tag <tag...>', 'a tag; may come more than once')
    .option('--metadata <json>', 'what is to be known about it beside the data')
    .option('--content-type <type>', `what the data is, if not ${JSON_TYPE}: then it is taken as bytes`)
    .option('--correlation-id <id>', 'what it belongs to')
    .option('--causation-id <id>', 'id of the event that it follows from')
    .option('--expected-version <v>', 'last version of the stream, or none, exists, any', parseExpected);
  for (const option of storeOptions()) command.addOption(option);
  return command.action((stream: string, flags: Flags) => append(stream, flags, io));
}

function parseExpected(text: string): number | string {
  if (text === 'none' || text === 'exists' || text === 'any') return text;
  if (!/^(-1|\d{1,15})$/.test(text))
    throw new UsageError(`--expected-version is a version, none, exists or any, not ${text}`);
  return Number(text);
}

async function append(stream: string, flags: Flags, io: Io): Promise<void> {
  if ([flags.data, flags.file, flags.lines].filter((given) => given !== undefined).length > 1) {
    throw new UsageError('give one of --data, -f and -l');
  }
  const path = `${streamPath(flags, stream)}/events`;
  const api = new Api(flags.url, io.env);
  if (flags.lines) {
    if (flags.id !== undefined) throw new UsageError('with -l every event has an id of its own');
    return appendLines(api, path, flags, io);
  }
  const event = eventOf(await dataOf(flags), flags);
  await show(await send(api, path, [event], flags.expectedVersion), flags, io);
}

async function dataOf({ data, file }: Flags): Promise<Uint8Array | null> {
  if (data !== undefined) return Buffer.from(data);
  if (file === undefined) return null;
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}`);
  }
}

/** @param data null: none */
function eventOf(data: Uint8Array | null, flags: Flags): object {
  const { type, id, tag, metadata, contentType = JSON_TYPE, correlationId, causationId } = flags;
  const bytes = data ?? Buffer.alloc(0);
  const content =
    contentType !== JSON_TYPE
      ? { contentType, dataBase64: Buffer.from(bytes).toString('base64') }
      : { data: data === null ? null : parseJson('the data', Buffer.from(bytes).toString()) };
  return {
    type,
    id,
    tags: tag,
    correlationId,
    causationId,
    ...(metadata !== undefined && { metadata: parseJson('--metadata', metadata) }),
    ...content,
  };
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${what} is no JSON: ${(error as Error).message}`);
  }
}

const send = (api: Api, path: string, events: object[], expectedVersion: Flags['expectedVersion']): Promise<Answer> =>
  api.post<Answer>(path, { ...(expectedVersion !== undefined && { expectedVersion }), events });

/** One append at a time, in order, of as many lines as there were while the one before was on its way. */
async function appendLines(api: Api, path: string, flags: Flags, io: Io): Promise<void> {
  let expected = flags.expectedVersion;
  let batch: object[] = [];
  let batchBytes = 0;
  let underWay: Promise<void> | null = null;
  let failure: unknown = null;
  const flush = (): void => {
    const events = batch;
    [batch, batchBytes] = [[], 0];
    underWay = send(api, path, events, expected)
      .then(async (answer) => {
        // What is expected is of the stream as it was before; now it is at what we have written.
        if (expected !== undefined && expected !== 'any') expected = answer.version;
        await show(answer, flags, io);
      })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .then(() => {
        underWay = null;
        if (batch.length > 0 && failure === null) flush();
      });
  };
  let number = 0;
  let badLine: CommandError | null = null;
  try {
    for await (const line of lines(io.stdin)) {
      number++;
      while (underWay !== null && (batch.length >= MAX_BATCH || batchBytes >= MAX_BATCH_BYTES)) await underWay;
      if (failure !== null) break;
      batch.push(eventOf(line, flags));
      batchBytes += line.length;
      if (underWay === null) flush();
    }
  } catch (error) {
    badLine = new CommandError(`line ${number}: ${(error as Error).message}; the lines before it were appended`);
  }
  while (underWay !== null) await underWay;
  if (failure !== null) throw failure;
  if (badLine !== null) throw badLine;
}

function show(answer: Answer, flags: Flags, io: Io): Promise<void> {
  const { version, position, duplicate } = answer;
  const again = duplicate ? ' (it was there already)' : '';
  return write(
    io.stdout,
    flags.json ? `${JSON.stringify(answer)}\n` : `version ${version}, position ${position}${again}\n`,
  );
}
