import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { DocumentFacts, RealmAuthority, Revocation } from '@plexus/server/files';
import { Command } from 'commander';
import { CommandError, type Io, printable, UsageError, write } from '../io.ts';
import { inspectCommand } from './realm-inspect.ts';

type Server = typeof import('@plexus/server/files');

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_TOKEN_DAYS = 7;
/** An Ed25519 peer id in base58, as nodes have them. */
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;
/** Anybody may read what is no secret; everything else is its owner's. */
const PUBLIC_MODE = 0o644;

const time = (ms: number): string => new Date(ms).toISOString();
const collect = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];

function parseDays(text: string): number {
  if (!/^\d{1,6}(\.\d{1,6})?$/.test(text) || Number(text) === 0) {
    throw new UsageError(`a number of days greater than 0 is wanted, not ${text}`);
  }
  return Number(text);
}

function parsePeer(text: string): string {
  if (!PEER_ID.test(text)) throw new UsageError(`--peer ${text}: not a peer id, as \`plexus identity\` prints it`);
  return text;
}

function parseIssue(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--issue is a whole number from 1, not ${text}`);
  return Number(text);
}

/** `plexus realm …`: who is in a realm that crosses the borders of clusters. Works on files; asks no node. */
export function realmCommand(io: Io): Command {
  return new Command('realm')
    .description('federated realms: their authorities, tokens and revocations')
    .addCommand(createCommand(io))
    .addCommand(issueCommand(io))
    .addCommand(inspectCommand(io))
    .addCommand(revokeCommand(io));
}

interface CreateFlags {
  out: string;
  config?: string;
  epochDays?: number;
  overlapDays?: number;
}

function createCommand(io: Io): Command {
  return new Command('create')
    .description('make the authority of a new realm')
    .argument('<name>', 'of the realm')
    .requiredOption('--out <file>', 'for the authority: whoever has it says who is in the realm')
    .option('--config <file>', 'also make a file for --config of the nodes; without it, it is shown')
    .option('--epoch-days <n>', 'how often the secret of the realm changes (default: 7)', parseDays)
    .option('--overlap-days <n>', 'how long the secret before stays in use (default: 1)', parseDays)
    .action(async (name: string, { out, config, epochDays, overlapDays }: CreateFlags) => {
      const server = await import('@plexus/server/files');
      const lengths = {
        epochMs: epochDays === undefined ? server.DEFAULT_EPOCH_MS : Math.round(epochDays * DAY_MS),
        overlapMs: overlapDays === undefined ? server.DEFAULT_OVERLAP_MS : Math.round(overlapDays * DAY_MS),
      };
      const make = (): RealmAuthority =>
        server.RealmAuthority.create({ realm: name, ...lengths }, randomBytes, Date.now());
      // All that can be wrong with it was typed.
      const authority = asUsage(server, make);
      if (config !== undefined && existsSync(config)) throw new CommandError(`${config} is there already`);
      mkdirSync(dirname(out), { recursive: true, mode: 0o700 });
      if (!server.createAuthorityFile(out, authority)) throw new CommandError(`${out} is there already`);
      // The key alone on stdout, for scripts; what to do with it beside it.
      await write(io.stdout, `${authority.authorityKey}\n`);
      if (config !== undefined) server.replaceWhole(config, configExample(authority), PUBLIC_MODE);
      else
        await write(io.stderr, `\nIn the file of --config, on each node of the realm:\n\n${configExample(authority)}`);
    });
}

function configExample({ realm, authorityKey }: RealmAuthority): string {
  const lines = [
    'realms:',
    `  - name: ${JSON.stringify(realm)}`,
    '    federated: true',
    `    authorityKey: ${JSON.stringify(authorityKey)}`,
    '    # what `plexus realm issue` writes for the node, unless it is put here',
    `    # tokenFile: DATA_DIR/realms/${realm}.token`,
    '    # what `plexus realm revoke` writes, once there is something to revoke',
    `    # revocationsFile: ${realm}.revocations`,
  ];
  return `${lines.join('\n')}\n`;
}

interface IssueFlags {
  authority: string;
  peer: string;
  subscribe?: string[];
  publish?: string[];
  days: number;
  cluster?: string;
  out: string;
}

function issueCommand(io: Io): Command {
  return new Command('issue')
    .description('make a token for a node; without --subscribe and --publish it allows everything')
    .requiredOption('--authority <file>', 'what realm create wrote')
    .requiredOption('--peer <id>', 'peer id of the node, as plexus identity prints it', parsePeer)
    .option('--subscribe <filter>', 'it may subscribe to what this covers; may come more than once', collect)
    .option('--publish <filter>', 'it may publish on topics that match this; may come more than once', collect)
    .option(
      '--days <n>',
      'how long it is valid; at most until its secrets are out of use',
      parseDays,
      DEFAULT_TOKEN_DAYS,
    )
    .option('--cluster <name>', 'nodes with the same name get one copy of a message between them')
    .requiredOption('--out <file>', 'for the token; one that is there is replaced')
    .action((flags: IssueFlags) => issue(flags, io));
}

async function issue(flags: IssueFlags, io: Io): Promise<void> {
  const server = await import('@plexus/server/files');
  const { authority: path, peer: peerId, out, cluster = null } = flags;
  const isOpen = flags.subscribe === undefined && flags.publish === undefined;
  const rights = isOpen
    ? { subscribe: ['#'], publish: ['#'] }
    : { subscribe: flags.subscribe ?? [], publish: flags.publish ?? [] };
  checkRights(server, '--subscribe', rights.subscribe);
  checkRights(server, '--publish', rights.publish);
  if (cluster !== null && !server.isName(cluster))
    throw new UsageError(`--cluster ${cluster}: not a name of a cluster`);
  mayReplace(server, out, 'token');
  const nowMs = Date.now();
  const lifeMs = Math.round(flags.days * DAY_MS);
  const { token, secrets } = server.changeAuthorityFile(path, (authority) =>
    authority.issue({ peerId, rights, lifeMs, cluster }, nowMs),
  );
  server.replaceWhole(out, server.tokenDocument({ bytes: token.bytes, secrets }));
  const { realm, issue: number, notAfterMs } = token;
  await write(io.stdout, `token ${number} of realm ${realm} for ${peerId}, valid until ${time(notAfterMs)}\n`);
  if (isOpen)
    await write(io.stderr, 'neither --subscribe nor --publish was given: it may subscribe to # and publish on #\n');
  if (notAfterMs - token.issuedAtMs < lifeMs) {
    const { overlapMs } = token.epochs;
    const nextMs = notAfterMs - 2 * overlapMs;
    const why = 'that is sooner than asked: its secrets are out of use then; one with later secrets can be issued from';
    await write(io.stderr, `${why} ${time(nextMs)} on\n`);
  }
}

function checkRights({ rightProblem, MAX_RIGHT_FILTERS }: Server, flag: string, filters: readonly string[]): void {
  if (filters.length > MAX_RIGHT_FILTERS) throw new UsageError(`${flag}: at most ${MAX_RIGHT_FILTERS} filters`);
  for (const filter of filters) {
    const problem = rightProblem(filter);
    if (problem !== null) throw new UsageError(`${flag} ${filter}: the filter ${problem}`);
  }
}

interface RevokeFlags {
  authority: string;
  peer?: string;
  issue?: number;
  renew?: true;
  maxAgeDays?: number;
  out: string;
}

function revokeCommand(io: Io): Command {
  return new Command('revoke')
    .description('write the next list of revocations')
    .requiredOption('--authority <file>', 'what realm create wrote')
    .option('--peer <id>', 'revoke all tokens that this node has so far', parsePeer)
    .option('--issue <n>', 'revoke the token with this issue number', parseIssue)
    .option('--renew', 'revoke nothing more: only a list that is younger')
    .option('--max-age-days <n>', 'nodes that know the list accept nobody once it is this old (default: 30)', parseDays)
    .requiredOption('--out <file>', 'for the list; one that is there is replaced')
    .action((flags: RevokeFlags) => revoke(flags, io));
}

async function revoke({ authority: path, out, maxAgeDays, ...flags }: RevokeFlags, io: Io): Promise<void> {
  const server = await import('@plexus/server/files');
  const revocation = revocationOf(flags);
  mayReplace(server, out, 'revocations');
  const maxAgeMs = maxAgeDays === undefined ? server.DEFAULT_REVOCATIONS_AGE_MS : Math.round(maxAgeDays * DAY_MS);
  const nowMs = Date.now();
  const list = server.changeAuthorityFile(path, (authority) => authority.revoke(revocation, maxAgeMs, nowMs));
  server.replaceWhole(out, server.revocationsDocument(list.bytes), PUBLIC_MODE);
  const { number, realm, issues, peers, notAfterMs } = list;
  const revoked = `revoked by issue ${issues.length}, by peer ${peers.length}`;
  await write(io.stdout, `list ${number} of realm ${realm}: ${revoked}; renew it before ${time(notAfterMs)}\n`);
}

function revocationOf({ peer, issue, renew }: Pick<RevokeFlags, 'peer' | 'issue' | 'renew'>): Revocation {
  if ([peer, issue, renew].filter((flag) => flag !== undefined).length !== 1) {
    throw new UsageError('give one of --peer, --issue and --renew');
  }
  if (peer !== undefined) return { peerId: peer };
  return issue === undefined ? null : { issue };
}

/** An authority that was written over could not be had again. */
function mayReplace(server: Server, path: string, kind: DocumentFacts['kind']): void {
  if (!existsSync(path)) return;
  const there = server.describeDocument(server.readSmallFile(path, server.MAX_AUTHORITY_FILE_BYTES), Date.now());
  if (there?.kind === kind) return;
  throw new CommandError(`${printable(basename(path))} is there already, and is something else; nothing was done`);
}

function asUsage<T>({ RealmError }: Server, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RealmError) throw new UsageError(error.message);
    throw error;
  }
}
