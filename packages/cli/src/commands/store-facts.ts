import { Command } from 'commander';
import { Api } from '../api.ts';
import { CommandError, columns, type Io, printable, UsageError, write } from '../io.ts';
import { type StoreFlags, storeOptions, storePath } from '../store-path.ts';

interface Stream {
  stream: string;
  version: number;
  exists: boolean;
  tombstoned: boolean;
  count: number;
  created: string;
  lastWritten: string;
}

interface Stats {
  name: string;
  realm: string;
  id: string;
  healthy: boolean;
  problem: string | null;
  events: number;
  streams: number;
  bytes: number;
  lastPosition: number;
  writerQueueBytes: number;
  workers: { id: string; role: string; restarts: number }[];
}

interface Report {
  events: number;
  streams: number;
  faults: { where: string; problem: string; position: number | null }[];
}

export function streamsCommand(io: Io): Command {
  const command = new Command('streams')
    .description('the streams of a store')
    .option('--prefix <text>', 'only streams whose name begins so');
  for (const option of storeOptions()) command.addOption(option);
  return command.action(async (flags: StoreFlags & { prefix?: string }) => {
    const api = new Api(flags.url, io.env);
    const { prefix } = flags;
    const streams = await api.all<Stream>(`${storePath(flags)}/streams`, 'streams', { prefix }, 'after');
    if (flags.json) return write(io.stdout, `${JSON.stringify({ streams, next: null })}\n`);
    const head = ['STREAM', 'VERSION', 'EVENTS', 'STATE', 'CREATED', 'LAST WRITTEN'];
    const rows = streams.map((one) => [
      printable(one.stream),
      `${one.version}`,
      `${one.count}`,
      one.tombstoned ? 'tombstoned' : one.exists ? '' : 'deleted',
      one.created,
      one.lastWritten,
    ]);
    return write(io.stdout, columns(head, rows));
  });
}

export function statsCommand(io: Io): Command {
  const command = new Command('stats').description('how a store is, and what is in it');
  for (const option of storeOptions()) command.addOption(option);
  return command.action(async (flags: StoreFlags) => {
    const stats = await new Api(flags.url, io.env).get<Stats>(storePath(flags));
    return write(io.stdout, flags.json ? `${JSON.stringify(stats)}\n` : describe(stats));
  });
}

function describe(stats: Stats): string {
  const restarts = stats.workers.reduce((sum, worker) => sum + worker.restarts, 0);
  const rows: [string, string | number][] = [
    ['store', `${stats.name} (realm ${stats.realm}, id ${stats.id})`],
    ['state', stats.healthy ? 'healthy' : `not healthy: ${stats.problem}`],
    ['events', stats.events],
    ['streams', stats.streams],
    ['last position', stats.lastPosition],
    ['bytes', stats.bytes],
    ['to be written', `${stats.writerQueueBytes} bytes`],
    ['workers', `${stats.workers.length}, restarted ${restarts} times`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)}${printable(String(value))}\n`).join('');
}

export function verifyCommand(io: Io): Command {
  const command = new Command('verify')
    .description('read everything in a store, and compare it with its checksums and indexes')
    .option('--file <path>', 'the file of a store that no node has open');
  for (const option of storeOptions()) command.addOption(option);
  return command.action(async (flags: StoreFlags & { file?: string }, self: Command) => {
    if (flags.file !== undefined && (flags.url !== undefined || self.getOptionValueSource('store') === 'cli')) {
      throw new UsageError('give either --file, or a store of a node');
    }
    const report = flags.file === undefined ? await verifyByNode(flags, io) : await verifyFile(flags.file);
    await write(io.stdout, flags.json ? `${JSON.stringify(report)}\n` : describeReport(report));
    const { length } = report.faults;
    if (length > 0) throw new CommandError(`${length === 1 ? 'a fault was' : `${length} faults were`} found`);
  });
}

/** Takes as long as the node takes to read all of it. */
async function verifyByNode(flags: StoreFlags, io: Io): Promise<Report> {
  const api = new Api(flags.url, io.env);
  const answer = await api.stream(
    'POST',
    `${storePath(flags)}/verify`,
    'application/json',
    new AbortController().signal,
  );
  return JSON.parse(Buffer.concat(await answer.toArray()).toString()) as Report;
}

async function verifyFile(path: string): Promise<Report> {
  const { verifyStoreFile } = await import('@plexus/server');
  return verifyStoreFile(path);
}

function describeReport({ events, streams, faults }: Report): string {
  const found = faults.map(({ where, problem, position }) =>
    printable(`${where}${position === null ? '' : `, position ${position}`}: ${problem}`),
  );
  return `${events} events in ${streams} streams\n${found.map((line) => `${line}\n`).join('')}`;
}
