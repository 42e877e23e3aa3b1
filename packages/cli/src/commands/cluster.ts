import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { Api } from '../api.ts';
import { columns, type Io, printable, write } from '../io.ts';
import { urlHelp } from './status.ts';

interface Member {
  nodeId: string;
  state: string;
  self: boolean;
  addresses: string[];
  link: string | null;
  sinceMs: number;
  filters: number;
  groupMembers: number;
}

interface Cluster {
  name: string | null;
  members: Member[];
}

interface Flags {
  url?: string;
  json?: true;
}

export function clusterCommand(io: Io): Command {
  const status = new Command('status')
    .description('the nodes of the cluster, as one of them sees it')
    .option('--url <url>', urlHelp)
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const cluster = await new Api(flags.url, io.env).get<Cluster>('/api/v1/cluster');
      await write(io.stdout, flags.json ? `${JSON.stringify(cluster)}\n` : describe(cluster));
    });
  const leave = new Command('leave')
    .description('take a node out of the cluster in good order; it goes on alone until its next start')
    .option('--url <url>', urlHelp)
    .action(async (flags: Flags) => {
      await new Api(flags.url, io.env).post('/api/v1/cluster/leave', {});
    });
  const secret = new Command('secret')
    .description('make a new secret, for the file of --cluster-secret-file')
    .action(async () => {
      const { newSecret, NEW_SECRET_BYTES } = await import('@plexus/server/files');
      await write(io.stdout, `${newSecret(randomBytes(NEW_SECRET_BYTES))}\n`);
    });
  return new Command('cluster')
    .description('nodes that act as one')
    .addCommand(status)
    .addCommand(leave)
    .addCommand(secret);
}

function describe({ name, members }: Cluster): string {
  const title = name === null ? 'in no cluster\n' : `cluster ${printable(name)}\n`;
  const head = ['NODE', 'STATE', 'SINCE', 'LINK', 'FILTERS', 'GROUP MEMBERS', 'ADDRESS'];
  const rows = members.map((member) => [
    `${printable(member.nodeId)}${member.self ? ' (this one)' : ''}`,
    member.state,
    new Date(member.sinceMs).toISOString(),
    member.link ?? '',
    `${member.filters}`,
    `${member.groupMembers}`,
    printable(member.addresses[0] ?? ''),
  ]);
  return `${title}\n${columns(head, rows)}`;
}
