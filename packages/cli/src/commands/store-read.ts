import { Command, Option } from 'commander';
import { Api } from '../api.ts';
import { type FilterFlags, filterOptions, filterParams, parseWhole } from '../event-filter.ts';
import { CommandError, type Io, write } from '../io.ts';
import { lines } from '../lines.ts';
import { type StoreFlags, storeOptions, storePath, streamPath } from '../store-path.ts';
import { eventLine, type ShownEvent } from '../stored-event.ts';

interface Flags extends StoreFlags, FilterFlags {
  from?: number;
  limit?: number;
  direction?: 'forwards' | 'backwards';
  until?: string;
}

const NEWLINE = Buffer.from('\n');

export function readCommand(io: Io): Command {
  const command = new Command('read')
    .description('print the events of a stream, or of the whole store')
    .argument('[stream]')
    .option('--from <n>', 'first version (of a stream) or position', parseWhole('--from', 0))
    .option('--limit <n>', 'most events', parseWhole('--limit', 1))
    .addOption(new Option('--direction <way>', 'from the first or the last on').choices(['forwards', 'backwards']))
    .option('--until <time>', 'only events up to this time');
  for (const option of [...filterOptions(), ...storeOptions()]) command.addOption(option);
  return command.action((stream: string | undefined, flags: Flags) => read(stream, flags, io));
}

async function read(stream: string | undefined, flags: Flags, io: Io): Promise<void> {
  const params = filterParams(flags, stream);
  for (const key of ['from', 'limit', 'direction', 'until'] as const) {
    const value = flags[key];
    if (value !== undefined) params.set(key, String(value));
  }
  const path = stream === undefined ? storePath(flags) : streamPath(flags, stream);
  const stop = new AbortController();
  const api = new Api(flags.url, io.env);
  const answer = await api.stream('GET', `${path}/events?${params}`, 'application/x-ndjson', stop.signal);
  try {
    for await (const line of lines(answer)) await print(line, flags, io);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // The reader has had enough: `plexus store read | head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw new CommandError(`the answer broke off: ${(error as Error).message}`);
  } finally {
    stop.abort();
  }
}

async function print(line: Uint8Array, flags: Flags, io: Io): Promise<void> {
  const text = Buffer.from(line).toString();
  // What went wrong after the answer had begun.
  if (text.startsWith('{"error":')) {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    throw new CommandError(`${error.message} (${error.code})`);
  }
  if (flags.json) return write(io.stdout, Buffer.concat([line, NEWLINE]));
  return write(io.stdout, eventLine(JSON.parse(text) as ShownEvent));
}
