/**
 * Checks docs/mqtt-conformance.md: every numbered statement of both specifications has its row, in order; no cell is empty; the code and
 * the tests that a row names exist. Run as a program it exits 1 when something is wrong.
 *
 * It cannot tell whether a test shows what its row says: that is for whoever reads the row.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SPECIFICATIONS, type Specification, statementNumbers } from './mqtt-statements.ts';
import { repositoryRoot } from './repository.ts';

export const CONFORMANCE_DOC = 'docs/mqtt-conformance.md';

/** In place of code and test, for statements that a server has no part in. */
const CLIENT_ONLY = 'client only';
/** Shorter than this, a title would be found by chance. */
const MIN_TITLE_LENGTH = 8;

/** A file by its path from the root, or null where there is none. */
export type ReadSource = (path: string) => string | null;

interface Row {
  line: number;
  /** `1.5.4-1`; several in one row that binds clients only. */
  numbers: string[];
  cells: string[];
}

/** `protocol/topic.ts` → `packages/protocol/src/topic.ts`; what names no package is in the server. */
function sourcePath(short: string): string {
  const [first] = short.split('/');
  if (first === 'protocol' || first === 'cli') return `packages/${first}/src/${short.slice(first.length + 1)}`;
  return `packages/server/src/${short}`;
}

/** The rows of the table under the heading `## {title}`. */
function rowsUnder(doc: string, title: string): Row[] {
  const lines = doc.split('\n');
  const start = lines.indexOf(`## ${title}`);
  if (start === -1) return [];
  const rows: Row[] = [];
  for (let index = start + 1; index < lines.length && !lines[index]!.startsWith('## '); index++) {
    const line = lines[index]!;
    if (!/^\| *\d/.test(line)) continue;
    const cells = line.split('|').slice(1, -1).map(plain);
    rows.push({ line: index + 1, numbers: cells[0]!.split(', '), cells: cells.slice(1) });
  }
  return rows;
}

function plain(cell: string): string {
  return cell.replaceAll('`', '').trim();
}

/** The first place where the rows do not go on as the specification does. */
function orderProblem(rows: readonly Row[], specification: Specification): string | null {
  const expected = statementNumbers(specification);
  const given = rows.flatMap((row) => row.numbers.map((number) => ({ number, line: row.line })));
  for (const [index, number] of expected.entries()) {
    const row = given[index];
    if (row === undefined) return `${specification.title}: no row for ${number}`;
    if (row.number !== number) return `${CONFORMANCE_DOC}:${row.line} has ${row.number} where ${number} belongs`;
  }
  const extra = given[expected.length];
  return extra === undefined ? null : `${CONFORMANCE_DOC}:${extra.line} has ${extra.number}, which is no statement`;
}

/** `broker/will.ts: schedule` → what is wrong with it, or null. */
function codeProblem(reference: string, read: ReadSource): string | null {
  const [short, symbol] = reference.split(': ');
  if (symbol === undefined || symbol === '') return `${reference} names no symbol`;
  const source = read(sourcePath(short!));
  if (source === null) return `there is no ${sourcePath(short!)}`;
  const missing = symbol.split('.').find((part) => !new RegExp(`(?<![\\w$])${part}(?![\\w$])`).test(source));
  return missing === undefined ? null : `${sourcePath(short!)} has no ${missing}`;
}

/** `broker/will.test.ts › is published once` → what is wrong with it, or null. */
function testProblem(reference: string, read: ReadSource): string | null {
  const [short, title] = reference.split(' › ');
  if (title === undefined || title.length < MIN_TITLE_LENGTH) return `${reference} names no test`;
  if (!/\.(test|conformance)\.ts$/.test(short!)) return `${short} is no test file`;
  const source = read(sourcePath(short!));
  if (source === null) return `there is no ${sourcePath(short!)}`;
  return stringsOf(source).some((text) => text.includes(title)) ? null : `${sourcePath(short!)} has no test ${title}`;
}

/** String literals of a source, as they are written: titles of tests, and the rows that name them in tables. */
function stringsOf(source: string): string[] {
  const code = source.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  return [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
    ([, single, double, template]) => single ?? double ?? template ?? '',
  );
}

function rowProblems({ numbers, cells }: Row, read: ReadSource): string[] {
  const [statement = '', code = '', test = ''] = cells;
  if (cells.length !== 3) return [`has ${cells.length + 1} cells, not 4`];
  if (statement === '') return ['says nothing'];
  if (code === CLIENT_ONLY) return test === '' ? [] : ['binds clients only, and names a test'];
  if (numbers.length > 1) return ['has several statements: only rows that bind clients only may'];
  const references = (cell: string): string[] => cell.split('<br>').map((reference) => reference.trim());
  const problems = [
    ...(code === '' ? ['names no code'] : references(code).map((reference) => codeProblem(reference, read))),
    ...(test === '' ? ['names no test'] : references(test).map((reference) => testProblem(reference, read))),
  ];
  return problems.filter((problem) => problem !== null);
}

/** What is wrong with the document. Pure but for `read`, so that every rule has a test. */
export function checkConformance(
  doc: string,
  read: ReadSource,
  specifications: readonly Specification[] = SPECIFICATIONS,
): string[] {
  return specifications.flatMap((specification) => {
    const rows = rowsUnder(doc, specification.title);
    const order = orderProblem(rows, specification);
    const wrong = rows.flatMap((row) =>
      rowProblems(row, read).map((problem) => `${CONFORMANCE_DOC}:${row.line} (${row.numbers.join(', ')}) ${problem}`),
    );
    return order === null ? wrong : [order, ...wrong];
  });
}

/** Checks the repository's own. */
export function checkRepository(): string[] {
  const sources = new Map<string, string | null>();
  const read: ReadSource = (path) => {
    if (!sources.has(path)) {
      const absolute = join(repositoryRoot, path);
      sources.set(path, existsSync(absolute) ? readFileSync(absolute, 'utf8') : null);
    }
    return sources.get(path) ?? null;
  };
  return checkConformance(read(CONFORMANCE_DOC) ?? '', read);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkRepository();
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  const count = SPECIFICATIONS.reduce((sum, specification) => sum + statementNumbers(specification).length, 0);
  process.stderr.write(
    problems.length === 0
      ? `conformance: ${count} statements have their row\n`
      : `conformance: ${problems.length} wrong\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
