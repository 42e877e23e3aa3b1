import { Command } from 'commander';
import { Api } from '../api.ts';
import { columns, type Io, printable, write } from '../io.ts';
import { urlHelp } from './status.ts';

interface Link {
  purpose: string;
  state: string;
  direction: string;
  transport: string;
  address: string;
  ageMs: number;
  idleMs: number;
  roundTripMs: number | null;
  bytesIn: number;
  bytesOut: number;
  queuedBytes: number;
  heldBytes: number;
  dropped: number;
}

interface Peer {
  peerId: string;
  member: string | null;
  addresses: string[];
  links: Link[];
}

interface Flags {
  url?: string;
  json?: true;
}

export function peersCommand(io: Io): Command {
  const list = new Command('list')
    .description('other nodes and the links with them (what `plexus peers` does)')
    .option('--url <url>', urlHelp)
    .option('--json', 'print JSON')
    .action((flags: Flags) => listPeers(flags, io));
  const remove = new Command('remove')
    .description('close the links with a node that is no member of the cluster')
    .argument('<peerId>')
    .option('--url <url>', urlHelp)
    .action(async (peerId: string, flags: Flags) => {
      await new Api(flags.url, io.env).delete(`/api/v1/peers/${encodeURIComponent(peerId)}`);
    });
  return new Command('peers')
    .description('other nodes and the links with them')
    .addCommand(list, { isDefault: true })
    .addCommand(remove);
}

async function listPeers(flags: Flags, io: Io): Promise<void> {
  const peers = await new Api(flags.url, io.env).all<Peer>('/api/v1/peers', 'peers', {});
  if (flags.json) return write(io.stdout, `${JSON.stringify({ peers, next: null })}\n`);
  const head = [
    'PEER',
    'MEMBER',
    'LINK',
    'STATE',
    'ADDRESS',
    'AGE',
    'ROUND TRIP',
    'IN',
    'OUT',
    'QUEUED',
    'HELD',
    'DROPPED',
  ];
  return write(io.stdout, columns(head, peers.flatMap(rowsOf)));
}

/** What a peer says of itself is not ours: it must not steer the terminal. */
function rowsOf({ peerId, member, addresses, links }: Peer): string[][] {
  const who = [printable(peerId), member ?? ''];
  if (links.length === 0) return [[...who, '', '', printable(addresses[0] ?? ''), ...Array<string>(7).fill('')]];
  return links.map((link) => [
    ...who,
    `${link.purpose} ${link.direction === 'outbound' ? '→' : '←'} ${link.transport}`,
    link.state,
    printable(link.address),
    `${Math.round(link.ageMs / 1000)} s`,
    link.roundTripMs === null ? '' : `${link.roundTripMs.toFixed(1)} ms`,
    `${link.bytesIn}`,
    `${link.bytesOut}`,
    `${link.queuedBytes}`,
    `${link.heldBytes}`,
    `${link.dropped}`,
  ]);
}
