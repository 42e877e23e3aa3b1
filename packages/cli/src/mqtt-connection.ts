import { Option } from 'commander';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { CommandError, type Io, UsageError } from './io.ts';

export const DEFAULT_MQTT_URL = 'mqtt://127.0.0.1:1883';
const CONNECT_TIMEOUT_MS = 10_000;

export interface ConnectionFlags {
  url?: string;
  username?: string;
  password?: string;
}

/** The flags that `pub` and `sub` share. */
export const connectionOptions = (): Option[] => [
  new Option('--url <url>', `node to connect to (env PLEXUS_URL; default ${DEFAULT_MQTT_URL})`),
  new Option('-u, --username <name>', 'user name'),
  new Option('-P, --password <password>', 'password'),
];

export function parseQos(text: string): 0 | 1 | 2 {
  if (!/^[012]$/.test(text)) throw new UsageError(`-q is 0, 1 or 2, not ${text}`);
  return Number(text) as 0 | 1 | 2;
}

/** Connects once; a command that loses its connection fails, and leaves trying again to its caller. */
export async function connect(flags: ConnectionFlags, env: Io['env']): Promise<MqttClient> {
  const url = flags.url ?? env.PLEXUS_URL ?? DEFAULT_MQTT_URL;
  const client = await open(url, {
    protocolVersion: 5,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(flags.username === undefined ? {} : { username: flags.username }),
    ...(flags.password === undefined ? {} : { password: flags.password }),
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string): void => {
      client.end(true);
      reject(new CommandError(`cannot connect to ${url}: ${reason}`));
    };
    client.once('connect', () => resolve());
    client.once('error', (error) => fail(error.message || (error as NodeJS.ErrnoException).code || 'failed'));
    client.once('close', () => fail('the connection was closed'));
  });
  client.removeAllListeners('error').removeAllListeners('close');
  return client;
}

async function open(url: string, options: IClientOptions): Promise<MqttClient> {
  if (url.startsWith('plexus://')) return openPeer(url, options);
  if (!/^(mqtts?|tcp|ssl|wss?):\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError(`--url ${url} is no mqtt(s), ws(s) or plexus URL`);
  }
  return mqtt.connect(url, options);
}

async function openPeer(url: string, options: IClientOptions): Promise<MqttClient> {
  // libp2p takes longer to load than most commands do.
  const { connectPeer } = await import('@plexus/client-peer');
  try {
    return connectPeer(url, options);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`--url ${url}: ${error.message}`);
    throw error;
  }
}

/** Rejects when the connection ends before the command is done, with the reason that the node gave. */
export function lost(client: MqttClient): Promise<never> {
  return new Promise((_, reject) => {
    let reason = 'the connection was lost';
    client.on('disconnect', ({ reasonCode }) => {
      reason = `the node closed the connection (reason 0x${(reasonCode ?? 0).toString(16)})`;
    });
    client.on('error', (error) => reject(new CommandError(error.message)));
    client.on('close', () => reject(new CommandError(reason)));
  });
}
