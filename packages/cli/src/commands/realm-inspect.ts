import type { AuthorityFacts, DocumentFacts, RevocationsFacts, TokenFacts } from '@plexus/server/files';
import { Command } from 'commander';
import { CommandError, type Io, printable, write } from '../io.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

type Row = readonly [string, string | number];

const PROBLEMS: Readonly<Record<string, string>> = {
  forged: 'the signature is wrong',
  expired: 'expired',
  not_yet_valid: 'not valid yet',
  revocations_stale: 'past its age: nodes that know it accept nobody',
};

export function inspectCommand(io: Io): Command {
  return new Command('inspect')
    .description('what is in the file of an authority, a token or a list of revocations; shows no secrets')
    .argument('<file>')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: { json?: true }) => {
      const { describeDocument, MAX_AUTHORITY_FILE_BYTES, readSmallFile } = await import('@plexus/server/files');
      const facts = describeDocument(readSmallFile(file, MAX_AUTHORITY_FILE_BYTES), Date.now());
      if (facts === null) throw new CommandError(`${file} is no file of a realm, or is damaged`);
      await write(io.stdout, json ? `${JSON.stringify(facts)}\n` : table(rowsOf(facts)));
      // Anybody could have written the rest.
      if (facts.kind !== 'authority' && facts.problem === 'forged') throw new CommandError(PROBLEMS.forged);
    });
}

function table(rows: readonly Row[]): string {
  return rows.map(([name, value]) => `${name.padEnd(16)}${printable(String(value))}\n`).join('');
}

function rowsOf(facts: DocumentFacts): Row[] {
  const head: Row[] = [
    ['realm', facts.realm],
    ['authority key', facts.authorityKey],
  ];
  if (facts.kind === 'authority') return [['file', 'authority: keep it secret'], ...head, ...authorityRows(facts)];
  if (facts.kind === 'token') return [['file', 'token'], ...head, ...tokenRows(facts)];
  return [['file', 'revocations'], ...head, ...revocationRows(facts)];
}

function authorityRows({ createdAtMs, epochMs, overlapMs, epoch, lastIssue, lastList }: AuthorityFacts): Row[] {
  return [
    ['created', time(createdAtMs)],
    ['epochs', `length ${epochMs / DAY_MS} d, overlap ${overlapMs / DAY_MS} d; now number ${epoch}`],
    ['last token', lastIssue === 0 ? 'none' : lastIssue],
    ['last list', lastList === 0 ? 'none' : lastList],
  ];
}

function tokenRows(token: TokenFacts): Row[] {
  return [
    ['peer', token.peerId],
    ['cluster', token.cluster ?? 'none: the node is alone'],
    ['issue', token.issue],
    ['issued', time(token.issuedAtMs)],
    ['valid until', time(token.notAfterMs)],
    ['subscribe', token.subscribe.join('  ') || 'nothing'],
    ['publish', token.publish.join('  ') || 'nothing'],
    ['secrets', `of the epochs ${token.epochs.join(', ')}`],
    ['state', state(token.problem)],
  ];
}

function revocationRows(list: RevocationsFacts): Row[] {
  const peers = list.peers.map(({ peerId, upToIssue }) => `${peerId} up to issue ${upToIssue}`);
  return [
    ['number', list.number],
    ['issued', time(list.issuedAtMs)],
    ['renew before', time(list.notAfterMs)],
    ['revoked issues', list.issues.join(', ') || 'none'],
    ['revoked peers', peers.join(', ') || 'none'],
    ['state', state(list.problem)],
  ];
}

function state(problem: string | null): string {
  return problem === null ? 'valid, as far as the file and the time can tell' : (PROBLEMS[problem] ?? problem);
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
