import { readFile } from 'node:fs/promises';
import { DEFAULT_TOPIC_LIMITS, topicNameProblem } from '@plexus/protocol';
import { Command } from 'commander';
import type { MqttClient } from 'mqtt';
import { CommandError, type Io, UsageError } from '../io.ts';
import { lines } from '../lines.ts';
import { type ConnectionFlags, connect, connectionOptions, lost, parseQos } from '../mqtt-connection.ts';

interface Flags extends ConnectionFlags {
  topic: string;
  message?: string;
  file?: string;
  lines?: true;
  qos: 0 | 1 | 2;
  retain?: true;
}

/** Lines that are on their way at once: enough to be fast, few enough to notice a node that refuses them. */
const WINDOW = 256;

export function pubCommand(io: Io): Command {
  const command = new Command('pub')
    .description('publish a message')
    .requiredOption('-t, --topic <topic>', 'topic')
    .option('-m, --message <text>', 'the message')
    .option('-f, --file <file>', 'a file with the message')
    .option('-l, --lines', 'one message per line of standard input')
    .option('-q, --qos <qos>', 'quality of service: 0, 1 or 2', parseQos, 0)
    .option('-r, --retain', 'keep it as the retained message of the topic');
  for (const option of connectionOptions()) command.addOption(option);
  return command.action((flags: Flags) => pub(flags, io));
}

async function pub(flags: Flags, io: Io): Promise<void> {
  const problem = topicNameProblem(flags.topic, {
    ...DEFAULT_TOPIC_LIMITS,
    maxTopicBytes: 65_535,
    maxTopicLevels: 65_535,
  });
  if (problem !== null) throw new UsageError(`-t: the topic ${problem}`);
  const sources = [flags.message, flags.file, flags.lines].filter((source) => source !== undefined);
  if (sources.length !== 1) throw new UsageError('give one of -m TEXT, -f FILE and -l');
  const payload = flags.lines ? null : await payloadOf(flags);

  const client = await connect(flags, io.env);
  const gone = lost(client);
  // It is raced below; alone it is not an error, because the end of a connection that is done is none.
  gone.catch(() => {});
  try {
    if (payload !== null) await Promise.race([publish(client, flags, payload), gone]);
    else await Promise.race([publishLines(client, flags, lines(io.stdin as AsyncIterable<Uint8Array>)), gone]);
    // Sends DISCONNECT once everything that was written is out.
    await client.endAsync();
  } finally {
    client.end(true);
  }
}

async function payloadOf({ message, file }: Flags): Promise<Buffer> {
  if (message !== undefined) return Buffer.from(message);
  try {
    return await readFile(file!);
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}`);
  }
}

async function publish(client: MqttClient, { topic, qos, retain }: Flags, payload: Uint8Array): Promise<void> {
  await client.publishAsync(topic, payload as Buffer, { qos, retain: retain ?? false });
}

async function publishLines(client: MqttClient, flags: Flags, source: AsyncIterable<Uint8Array>): Promise<void> {
  const open = new Set<Promise<void>>();
  let failure: unknown = null;
  for await (const line of source) {
    const sent: Promise<void> = publish(client, flags, line)
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => open.delete(sent));
    open.add(sent);
    if (open.size >= WINDOW) await Promise.race(open);
    if (failure !== null) throw failure;
  }
  await Promise.all(open);
  if (failure !== null) throw failure;
}
