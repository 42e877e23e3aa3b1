import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config, NodeInfo } from '@plexus/server';
import { Command, Option } from 'commander';
import type { Io } from '../io.ts';

type Server = typeof import('@plexus/server');

/** npm sends on the interrupt that the terminal has already sent to everyone: the second one within this time is the first. */
const NPM_ECHO_MS = 500;
const KEEP_ALIVE_MS = 60_000;

/**
 * `plexus start`, with a flag for every option of the server's table.
 * @param server null: another command was asked for, and the flags are not needed.
 */
export function startCommand(io: Io, server: Server | null): Command {
  const command = new Command('start').description('run a node in the foreground');
  if (server !== null) {
    for (const option of startOptions(server)) command.addOption(option);
  }
  return command.action(async (flags: Record<string, unknown>) =>
    start(flags, io, server ?? (await import('@plexus/server'))),
  );
}

function startOptions({ OPTIONS, envOf, flagOf }: Server): Option[] {
  return Object.entries(OPTIONS).flatMap(([key, option]) => {
    if (option.only === 'file' || option.only === 'environment') return [];
    const help = `${option.help} (env ${envOf(key)})`;
    const flag = flagOf(key);
    if (option.kind === 'bool') return [new Option(flag, help), new Option(flag.replace('--', '--no-'), `not ${flag}`)];
    if (option.kind !== 'list') return [new Option(`${flag} <${option.kind === 'int' ? 'n' : 'value'}>`, help)];
    const collect = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];
    return [new Option(`${flag} <values>`, help).argParser(collect)];
  });
}

async function start(flags: Record<string, unknown>, io: Io, server: Server): Promise<void> {
  const config = server.loadConfig({ flags, env: io.env, readFile: (path) => readFileSync(path, 'utf8') });
  const log = server.createLogger({ level: config.logLevel });
  const signals = new Signals(io);
  const node = await server.startNode(config, { log });
  if (io.stdout.isTTY) io.stdout.write(greeting(node.info, config));
  await signals.first;
  // The node's own timers do not keep the process alive; without its sockets, nothing would until the drain is done.
  const alive = setInterval(() => {}, KEEP_ALIVE_MS);
  await node.drain();
  await server.flushLog(log);
  clearInterval(alive);
}

/** The first SIGTERM or SIGINT asks for a graceful end; a second one ends the process at once. */
class Signals {
  readonly first: Promise<void>;

  constructor(io: Io) {
    const echoMs = io.env.npm_lifecycle_event === undefined ? 0 : NPM_ECHO_MS;
    this.first = new Promise((resolveFirst) => {
      let firstAt: number | null = null;
      const onSignal = (signal: NodeJS.Signals): void => {
        const now = performance.now();
        if (firstAt === null) {
          firstAt = now;
          resolveFirst();
        } else if (signal !== 'SIGINT' || now - firstAt > echoMs) {
          process.exit(1);
        }
      };
      process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    });
  }
}

/** What a person wants to know first, and can try next. */
export function greeting(info: NodeInfo, config: Pick<Config, 'host' | 'dataDir' | 'httpTls' | 'cluster'>): string {
  // A wildcard address can be bound, but not be connected to from everywhere.
  const reachable = config.host === '0.0.0.0' ? '127.0.0.1' : config.host === '::' ? '::1' : config.host;
  const host = reachable.includes(':') ? `[${reachable}]` : reachable;
  const mqtt = `mqtt://${host}:${info.mqttPort}`;
  const mqtts = info.mqttsPort === null ? '' : `  MQTTS  mqtts://${host}:${info.mqttsPort}\n`;
  const peers =
    info.peerPort === null
      ? ''
      : `  peers  ${host}:${info.peerPort}${config.cluster === null ? '' : `, cluster ${config.cluster}`}\n`;
  const s = config.httpTls ? 's' : '';
  const url = mqtt === 'mqtt://127.0.0.1:1883' ? '' : ` --url ${mqtt}`;
  return `
Plexus ${info.version}, node ${info.nodeId}

  MQTT   ${mqtt}
${mqtts}  MQTT   ws${s}://${host}:${info.httpPort}/mqtt
  HTTP   http${s}://${host}:${info.httpPort}   API: /openapi.json, metrics: /metrics
${peers}  data   ${resolve(config.dataDir)}
${reachable === config.host ? '' : `  bound to every address of this machine (${config.host})\n`}
Try it, in two more terminals:

  ./plexus sub -t 'demo/#' -v${url}
  ./plexus pub -t demo/hello -m 'hello, world'${url}

Ctrl-C ends it.

`;
}
