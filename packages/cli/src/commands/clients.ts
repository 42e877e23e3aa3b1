import { Command } from 'commander';
import { Api } from '../api.ts';
import { columns, type Io, printable, write } from '../io.ts';
import { urlHelp } from './status.ts';

interface Client {
  realm: string;
  clientId: string;
  username: string | null;
  remoteAddress: string;
  endpoint: string | null;
  protocolVersion: 4 | 5;
  connectedSince: string;
  subscriptions: number;
  queuedMessages: number;
}

interface Session {
  realm: string;
  clientId: string;
  connected: boolean;
  subscriptions: number;
  queuedMessages: number;
  expiresAt: string | null;
}

interface ListFlags {
  url?: string;
  realm?: string;
  endpoint?: string;
  json?: true;
}

export function clientsCommand(io: Io): Command {
  const list = new Command('list')
    .description('connected clients (what `plexus clients` does)')
    .option('--realm <realm>', 'only this realm')
    .option('--endpoint <url>', 'only clients that announced this endpoint')
    .option('--url <url>', urlHelp)
    .option('--json', 'print JSON')
    .action((flags: ListFlags) => listClients(flags, io));
  const kick = new Command('kick')
    .description('disconnect a client')
    .argument('<realm>')
    .argument('<clientId>')
    .option('--url <url>', urlHelp)
    .action(async (realm: string, clientId: string, flags: { url?: string }) => {
      const path = `/api/v1/clients/${encodeURIComponent(realm)}/${encodeURIComponent(clientId)}`;
      await new Api(flags.url, io.env).delete(path);
    });
  return new Command('clients').description('connected clients').addCommand(list, { isDefault: true }).addCommand(kick);
}

async function listClients(flags: ListFlags, io: Io): Promise<void> {
  const { realm, endpoint } = flags;
  const clients = await new Api(flags.url, io.env).all<Client>('/api/v1/clients', 'clients', { realm, endpoint });
  if (flags.json) return write(io.stdout, `${JSON.stringify({ clients, next: null })}\n`);
  const head = ['REALM', 'CLIENT', 'USER', 'ADDRESS', 'MQTT', 'SINCE', 'SUBSCRIPTIONS', 'QUEUED', 'ENDPOINT'];
  const rows = clients.map((client) => [
    client.realm,
    printable(client.clientId),
    printable(client.username ?? ''),
    client.remoteAddress,
    client.protocolVersion === 5 ? '5.0' : '3.1.1',
    client.connectedSince,
    `${client.subscriptions}`,
    `${client.queuedMessages}`,
    printable(client.endpoint ?? ''),
  ]);
  return write(io.stdout, columns(head, rows));
}

export function sessionsCommand(io: Io): Command {
  return new Command('sessions')
    .description('sessions, connected or not')
    .option('--realm <realm>', 'only this realm')
    .option('--url <url>', urlHelp)
    .option('--json', 'print JSON')
    .action(async (flags: ListFlags) => {
      const sessions = await new Api(flags.url, io.env).all<Session>('/api/v1/sessions', 'sessions', {
        realm: flags.realm,
      });
      if (flags.json) return write(io.stdout, `${JSON.stringify({ sessions, next: null })}\n`);
      const head = ['REALM', 'CLIENT', 'CONNECTED', 'SUBSCRIPTIONS', 'QUEUED', 'EXPIRES'];
      const rows = sessions.map((session) => [
        session.realm,
        printable(session.clientId),
        session.connected ? 'yes' : 'no',
        `${session.subscriptions}`,
        `${session.queuedMessages}`,
        session.expiresAt ?? '',
      ]);
      return write(io.stdout, columns(head, rows));
    });
}
