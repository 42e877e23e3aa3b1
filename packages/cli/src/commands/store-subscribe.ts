import { Command } from 'commander';
import { Api } from '../api.ts';
import { type FilterFlags, filterOptions, filterParams, parseWhole } from '../event-filter.ts';
import { CommandError, type Io, interruption, UsageError, write } from '../io.ts';
import { lines } from '../lines.ts';
import { type StoreFlags, storeOptions, storePath, streamPath } from '../store-path.ts';
import { eventLine, type ShownEvent } from '../stored-event.ts';

interface Flags extends StoreFlags, FilterFlags {
  from: string;
  count?: number;
}

export function subscribeCommand(io: Io): Command {
  const command = new Command('subscribe')
    .description('print events as they are appended, of a stream or of the whole store')
    .argument('[stream]')
    .option('--from <where>', 'start, now, or a version (of a stream) or position', 'now')
    .option('-n, --count <count>', 'exit after this many events', parseWhole('-n', 1));
  for (const option of [...filterOptions(), ...storeOptions()]) command.addOption(option);
  return command.action((stream: string | undefined, flags: Flags) => subscribe(stream, flags, io));
}

async function subscribe(stream: string | undefined, flags: Flags, io: Io): Promise<void> {
  const params = filterParams(flags, stream);
  if (flags.from !== 'start') params.set('from', parseFrom(flags.from));
  if (flags.count !== undefined) params.set('limit', String(flags.count));
  const path = stream === undefined ? storePath(flags) : streamPath(flags, stream);
  const api = new Api(flags.url, io.env);
  const stop = new AbortController();
  const { interrupted, release } = interruption();
  try {
    const printed = api
      .stream('GET', `${path}/events?${params}`, 'text/event-stream', stop.signal)
      .then((answer) => print(answer, flags, io));
    printed.catch(() => {});
    await Promise.race([printed, interrupted]);
  } finally {
    release();
    stop.abort();
  }
}

function parseFrom(text: string): string {
  if (text !== 'now' && !/^\d{1,15}$/.test(text)) {
    throw new UsageError(`--from is start, now, or a whole number, not ${text}`);
  }
  return text;
}

/** Prints what comes until the node ends it, which without -n is a failure. */
async function print(answer: AsyncIterable<Uint8Array>, flags: Flags, io: Io): Promise<void> {
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let isFault = false;
  try {
    for await (const bytes of lines(answer)) {
      const line = Buffer.from(bytes).toString();
      if (line === 'event: fault') isFault = true;
      if (!line.startsWith('data: ')) continue;
      const data = line.slice('data: '.length);
      if (isFault) throw faultOf(data);
      await write(io.stdout, flags.json ? `${data}\n` : eventLine(JSON.parse(data) as ShownEvent));
      if (--left === 0) return;
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw new CommandError(`the connection was lost: ${(error as Error).message}`);
  }
  throw new CommandError('the node ended the stream');
}

function faultOf(data: string): CommandError {
  const { error } = JSON.parse(data) as { error: { code: string; message: string } };
  return new CommandError(`${error.message} (${error.code})`);
}
