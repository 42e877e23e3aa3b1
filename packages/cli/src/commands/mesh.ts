import { Command } from 'commander';
import { Api } from '../api.ts';
import { columns, type Io, printable, write } from '../io.ts';
import { urlHelp } from './status.ts';

interface Realm {
  realm: string;
  problem: string | null;
  issue: number | null;
  notAfterMs: number | null;
  revocations: { number: number } | null;
}

interface Peer {
  peerId: string;
  realms: string[];
  cluster: string | null;
  filters: number;
  link: string;
}

type Causes = Record<'first' | 'refresh' | 'renew', number>;

interface Mesh {
  enabled: boolean;
  nodeId: string;
  mode: string | null;
  directoryPeers: number;
  directoryRecords: number;
  outOfReach: boolean;
  reachability: { reachable: boolean; basis: string; relays: string[]; reservations: number | null } | null;
  realms: Realm[];
  peers: Peer[];
  advertisements: Record<'waiting' | 'advertising' | 'advertised' | 'failed', number>;
  lookups: {
    running: number;
    waiting: number;
    queries: { subscriber: Causes; publisher: Causes };
    failed: number;
    hits: number;
    misses: number;
  };
  pending: { topics: number; messages: number; bytes: number };
  duplicates: number;
  refusals: Record<string, number>;
}

interface Search {
  realm: string;
  topic: string;
  keys: { path: string; complete: boolean; subscribers: string[] }[];
  mayPublish: boolean;
  peers: string[];
}

interface Advertisement {
  kind: string;
  realm: string;
  path: string;
  state: string;
  advertisedAtMs: number | null;
  nextInMs: number;
}

interface Pending {
  queries: { kind: string; realm: string; path: string; ageMs: number; leftMs: number; found: number }[];
  queryCount: number;
  topics: { realm: string; topic: string; messages: number; ageMs: number }[];
  topicCount: number;
}

interface Flags {
  url?: string;
  json?: true;
}

/** `plexus mesh …`: what a node knows of others beyond its cluster. */
export function meshCommand(io: Io): Command {
  return new Command('mesh')
    .description('nodes beyond the cluster that find each other')
    .addCommand(statusCommand(io))
    .addCommand(lookupCommand(io))
    .addCommand(advertisementsCommand(io))
    .addCommand(pendingCommand(io));
}

function asking(name: string, description: string): Command {
  return new Command(name).description(description).option('--url <url>', urlHelp).option('--json', 'print JSON');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const time = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString());
/** The key of the realm alone has no levels. */
const levels = (path: string): string => (path === '' ? '(the realm)' : printable(path.slice(1)));

function statusCommand(io: Io): Command {
  return asking('status', 'the mesh, as one node sees it').action(async (flags: Flags) => {
    const mesh = await new Api(flags.url, io.env).get<Mesh>('/api/v1/mesh');
    await write(io.stdout, flags.json ? `${JSON.stringify(mesh)}\n` : describe(mesh));
  });
}

function lookupCommand(io: Io): Command {
  return asking('lookup', 'who wants a topic: asks the directory and whoever it names')
    .argument('<topic>')
    .option('--realm <realm>', 'of the topic (default: default)')
    .action(async (topic: string, { url, json, realm }: Flags & { realm?: string }) => {
      const query = new URLSearchParams({ topic, ...(realm !== undefined && { realm }) });
      const search = await new Api(url, io.env).get<Search>(`/api/v1/mesh/lookup?${query}`);
      await write(io.stdout, json ? `${JSON.stringify(search)}\n` : describeSearch(search));
    });
}

function advertisementsCommand(io: Io): Command {
  return asking('advertisements', 'keys under which a node can be found, or should be').action(async (flags: Flags) => {
    const api = new Api(flags.url, io.env);
    const advertisements = await api.all<Advertisement>('/api/v1/mesh/advertisements', 'advertisements', {});
    if (flags.json) return write(io.stdout, `${JSON.stringify({ advertisements, next: null })}\n`);
    const head = ['REALM', 'KEY', 'AS', 'STATE', 'ADVERTISED', 'AGAIN IN'];
    const rows = advertisements.map(({ realm, path, kind, state, advertisedAtMs, nextInMs }) => [
      printable(realm),
      levels(path),
      kind,
      state,
      time(advertisedAtMs),
      seconds(nextInMs),
    ]);
    return write(io.stdout, columns(head, rows));
  });
}

function pendingCommand(io: Io): Command {
  return asking('pending', 'what is being found out, and the messages that wait for it').action(
    async (flags: Flags) => {
      const pending = await new Api(flags.url, io.env).get<Pending>('/api/v1/mesh/pending?limit=1000');
      await write(io.stdout, flags.json ? `${JSON.stringify(pending)}\n` : describePending(pending));
    },
  );
}

function describe(mesh: Mesh): string {
  if (!mesh.enabled) return 'takes no part in the mesh\n';
  const { reachability, advertisements, lookups, pending, refusals, duplicates } = mesh;
  const { queries } = lookups;
  const asked = [...Object.values(queries.subscriber), ...Object.values(queries.publisher)].reduce((a, b) => a + b, 0);
  const facts: [string, string][] = [
    ['node', mesh.nodeId],
    ['directory', directoryText(mesh)],
    ...(reachability === null ? [] : [['reachable', reachableText(reachability)] as [string, string]]),
    ['advertised', Object.entries(advertisements).flatMap(stateText).join(', ') || 'nothing'],
    ['lookups', `${asked} asked, ${lookups.failed} failed, ${lookups.running} under way, ${lookups.waiting} waiting`],
    ['waiting', `${pending.messages} messages (${pending.bytes} bytes), ${pending.topics} topics`],
    ['duplicates', `${duplicates}`],
    [
      'refused',
      Object.entries(refusals)
        .map(([why, count]) => `${why} ${count}`)
        .join(', ') || 'nothing',
    ],
  ];
  const realms = mesh.realms.map(({ realm, problem, issue, notAfterMs, revocations }) => [
    printable(realm),
    problem ?? 'in use',
    issue === null ? '' : `${issue}`,
    time(notAfterMs),
    revocations === null ? '' : `${revocations.number}`,
  ]);
  const peers = mesh.peers.map(({ peerId, link, cluster, filters, realms: shared }) => [
    printable(peerId),
    link,
    printable(cluster ?? ''),
    `${filters}`,
    printable(shared.join(' ')),
  ]);
  const head = facts.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join('');
  const realmTable = columns(['REALM', 'TOKEN', 'ISSUE', 'UNTIL', 'REVOCATIONS'], realms);
  return `${head}\n${realmTable}\n${columns(['PEER', 'LINK', 'CLUSTER', 'FILTERS', 'REALMS'], peers)}`;
}

const STATES = new Set(['waiting', 'advertising', 'advertised', 'failed']);

function stateText([state, count]: [string, number]): string[] {
  return STATES.has(state) && count > 0 ? [`${count} ${state}`] : [];
}

function directoryText({ mode, directoryPeers, directoryRecords, outOfReach }: Mesh): string {
  const what = `${mode}, knows ${directoryPeers} nodes, keeps ${directoryRecords} records`;
  return outOfReach ? `OUT OF REACH (${what})` : what;
}

function reachableText({ reachable, basis, relays, reservations }: NonNullable<Mesh['reachability']>): string {
  const through = relays.length === 0 ? '' : `; through ${relays.map(printable).join(', ')}`;
  const relayed = reservations === null ? '' : `; relays for ${reservations} nodes`;
  return `${reachable ? 'yes' : 'no'} (${basis})${through}${relayed}`;
}

/** What the directory says is not ours: it must not steer the terminal. */
function describeSearch({ realm, topic, keys, mayPublish, peers }: Search): string {
  const rows = keys.map(({ path, complete, subscribers }) => [
    levels(path),
    complete ? 'yes' : 'no',
    subscribers.map(printable).join(' '),
  ]);
  const to = peers.length === 0 ? 'nobody' : peers.map(printable).join(' ');
  const goes = mayPublish ? to : 'nobody: the token of the node does not let it publish there';
  const title = `realm ${printable(realm)}, topic ${printable(topic)}`;
  return `${title}\n\n${columns(['KEY', 'COMPLETE', 'SUBSCRIBERS'], rows)}\na message would go to ${goes}\n`;
}

function describePending({ queries, queryCount, topics, topicCount }: Pending): string {
  const asked = queries.map(({ realm, path, kind, ageMs, leftMs, found }) => [
    printable(realm),
    levels(path),
    kind,
    seconds(ageMs),
    seconds(leftMs),
    `${found}`,
  ]);
  const waiting = topics.map(({ realm, topic, messages, ageMs }) => [
    printable(realm),
    printable(topic),
    `${messages}`,
    seconds(ageMs),
  ]);
  const more = (shown: number, count: number): string => (shown < count ? `and ${count - shown} more\n` : '');
  return [
    columns(['REALM', 'KEY', 'FOR', 'AGE', 'LEFT', 'FOUND'], asked),
    more(queries.length, queryCount),
    '\n',
    columns(['REALM', 'TOPIC', 'MESSAGES', 'AGE'], waiting),
    more(topics.length, topicCount),
  ].join('');
}
