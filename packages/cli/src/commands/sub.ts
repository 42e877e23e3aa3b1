import { topicFilterProblem } from '@plexus/protocol';
import { Command } from 'commander';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { CommandError, type Io, interruption, UsageError, write } from '../io.ts';
import { type ConnectionFlags, connect, connectionOptions, lost, parseQos } from '../mqtt-connection.ts';

interface Flags extends ConnectionFlags {
  topic: string[];
  qos: 0 | 1 | 2;
  count?: number;
  json?: true;
  verbose?: true;
}

const NEWLINE = Buffer.from('\n');

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`-n is a whole number from 1, not ${text}`);
  return Number(text);
}

export function subCommand(io: Io): Command {
  const command = new Command('sub')
    .description('subscribe, and print what comes')
    .requiredOption('-t, --topic <filter...>', 'topic filter; may come more than once')
    .option('-q, --qos <qos>', 'quality of service: 0, 1 or 2', parseQos, 0)
    .option('-n, --count <count>', 'exit after this many messages', parseCount)
    .option('-v, --verbose', 'print the topic before each payload')
    .option('--json', 'print one JSON object per message');
  for (const option of connectionOptions()) command.addOption(option);
  return command.action((flags: Flags) => sub(flags, io));
}

async function sub(flags: Flags, io: Io): Promise<void> {
  for (const filter of flags.topic) {
    const problem = topicFilterProblem(filter, { maxTopicBytes: 65_535, maxTopicLevels: 65_535 });
    if (problem !== null) throw new UsageError(`-t ${filter}: the filter ${problem}`);
  }
  const client = await connect(flags, io.env);
  const gone = lost(client);
  gone.catch(() => {});
  const { interrupted, release } = interruption();
  try {
    const done = print(client, flags, io);
    const granted = await Promise.race([client.subscribeAsync(flags.topic, { qos: flags.qos }), gone]);
    for (const { topic, qos } of granted) {
      if (qos >= 0x80) throw new CommandError(`the node refused ${topic} (reason 0x${qos.toString(16)})`);
    }
    await Promise.race([done, gone, interrupted]);
    await client.endAsync();
  } finally {
    release();
    client.end(true);
  }
}

/** Prints messages as they come; resolves when there were as many as asked for. */
function print(client: MqttClient, flags: Flags, io: Io): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = flags.count ?? Number.POSITIVE_INFINITY;
    // The next message is taken, and this one acknowledged, when it is written out.
    client.handleMessage = (packet, callback) => {
      if (left === 0) return callback();
      left--;
      const last = left === 0;
      write(io.stdout, format(packet, flags)).then(
        () => {
          callback();
          if (last) resolve();
        },
        (error: NodeJS.ErrnoException) => {
          // The reader has had enough: `plexus sub … | head`.
          if (error.code === 'EPIPE') resolve();
          else reject(error);
        },
      );
    };
  });
}

function format(packet: IPublishPacket, { json, verbose }: Flags): Uint8Array {
  const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
  if (json) return Buffer.from(`${JSON.stringify(toJson(packet, payload))}\n`);
  return Buffer.concat([Buffer.from(verbose ? `${packet.topic} ` : ''), payload, NEWLINE]);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function toJson({ topic, qos, retain, properties = {} }: IPublishPacket, payload: Uint8Array): object {
  const { correlationData, userProperties, ...rest } = properties;
  const shown = {
    ...rest,
    ...(correlationData === undefined ? {} : { correlationDataBase64: correlationData.toString('base64') }),
    // MQTT.js makes it an object without a prototype, with a list where a name comes again.
    ...(userProperties === undefined ? {} : { userProperties: { ...userProperties } }),
  };
  return { topic, ...payloadMembers(payload), qos, retain, properties: shown };
}

function payloadMembers(payload: Uint8Array): object {
  try {
    return { payload: utf8.decode(payload) };
  } catch {
    return { payloadBase64: Buffer.from(payload).toString('base64') };
  }
}
