/**
 * Checks who imports whom, against `import-rules.ts`. Run as a program it checks the repository and exits 1 on a violation.
 * Why it is our own: docs/adr/0001-import-check.md.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  AMBIENT_ALLOWED,
  BANNED_IN_SERVER,
  BROWSER_SAFE,
  PACKAGE_IMPORTS,
  RESERVED_MODULES,
  SERVER_LEVELS,
  SUBPATH_IMPORTS,
} from './import-rules.ts';
import { repositoryRoot, sourceFiles } from './repository.ts';
import { scanSource } from './scan-source.ts';

export interface Violation {
  /** From the root, with slashes. */
  file: string;
  line: number;
  rule: string;
  message: string;
}

const SERVER = 'packages/server/src';
const TESTING = 'testing';
const within = (path: string, places: readonly string[]): boolean =>
  places.some((place) => path === place || path.startsWith(`${place}/`));

/** `packages/server/src/broker/x.ts` → `server`; `bench/src/x.ts` → `bench`. */
function workspaceOf(path: string): string | null {
  const [first, second] = path.split('/');
  return first === 'packages' ? (second ?? null) : first === 'bench' || first === 'sim' ? first : null;
}

/** `packages/server/src/broker/x.ts` → `broker`; `packages/server/src/config.ts` → `config`. */
function partOf(path: string): string | null {
  if (!within(path, [SERVER])) return null;
  const first = path.slice(SERVER.length + 1).split('/')[0]!;
  return first.replace(/(\.test)?\.ts$/, '');
}

const isTest = (path: string): boolean => /\.(test|conformance)\.ts$/.test(path) || /\/(test|testing)\//.test(path);
const levelOf = (part: string): number => SERVER_LEVELS.findIndex((level) => level.includes(part));

function checkWorkspace(file: string, specifier: string, target: string | null): string | null {
  const from = workspaceOf(file);
  if (from === null) return null;
  const allowed = PACKAGE_IMPORTS[from];
  if (allowed === undefined) return `${from} is in no row of PACKAGE_IMPORTS`;
  if (target !== null) {
    return workspaceOf(target) === from ? null : `${specifier} leaves the package: import @plexus/… by name`;
  }
  const named = /^@plexus\/([^/]+)(\/.*)?$/.exec(specifier);
  if (named === null) return null;
  if (named[2] !== undefined && !SUBPATH_IMPORTS[from]?.includes(specifier))
    return `${specifier} reaches into a package: import @plexus/${named[1]}`;
  return named[1] === from || allowed.includes(named[1]!) ? null : `${from} may not import ${named[1]}`;
}

function checkPart(file: string, target: string | null): string | null {
  const from = partOf(file);
  const to = target === null ? null : partOf(target);
  if (from === null || to === null || from === to) return null;
  const [fromLevel, toLevel] = [levelOf(from), levelOf(to)];
  // What tests share may build anything; no source may lean on it.
  if (from === TESTING) return null;
  if (to === TESTING) return isTest(file) ? null : `${to} is for tests only`;
  if (isTest(file) && to === 'node') return null;
  // A test beside node.ts is on its level, whatever it is called.
  if (fromLevel === -1)
    return isTest(file) && !file.slice(SERVER.length + 1).includes('/') ? null : `${from} is on no level`;
  if (toLevel === -1) return `${to} is on no level`;
  if (toLevel < fromLevel) return null;
  return toLevel === fromLevel ? `${from} and ${to} are on one level` : `${from} is below ${to}`;
}

function checkReserved(file: string, specifier: string): string | null {
  for (const { what, pattern, allowedIn, testsExempt } of RESERVED_MODULES) {
    if (!pattern.test(specifier) || within(file, allowedIn) || (testsExempt && isTest(file))) continue;
    return `${what}: only in ${allowedIn.join(', ')}`;
  }
  return null;
}

function checkBrowserSafe(file: string, specifier: string): string | null {
  if (isTest(file) || !within(file, BROWSER_SAFE) || !specifier.startsWith('node:')) return null;
  return `${specifier} does not exist in a browser`;
}

/** Checks one file. Pure, so that every rule has a test. */
export function checkFile(file: string, source: string): Violation[] {
  const { imports, code } = scanSource(source);
  const violations: Violation[] = [];
  for (const { specifier, line } of imports) {
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : null;
    const report = (rule: string, message: string | null): void => {
      if (message !== null) violations.push({ file, line, rule, message });
    };
    report('package', checkWorkspace(file, specifier, target));
    report('part', checkPart(file, target));
    report('reserved', checkReserved(file, specifier));
    report('browser', checkBrowserSafe(file, specifier));
  }
  if (within(file, [SERVER]) && !isTest(file) && !within(file, AMBIENT_ALLOWED)) {
    for (const [index, text] of code.split('\n').entries()) {
      for (const { what, pattern } of BANNED_IN_SERVER) {
        if (!pattern.test(text)) continue;
        violations.push({
          file,
          line: index + 1,
          rule: 'ambient',
          message: `${what}: take it as a parameter, from lib`,
        });
      }
    }
  }
  return violations;
}

/** Checks every source of the repository. */
export function checkRepository(): Violation[] {
  return sourceFiles(['packages', 'bench', 'sim']).flatMap((file) =>
    checkFile(file, readFileSync(`${repositoryRoot}/${file}`, 'utf8')),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const violations = checkRepository();
  for (const { file, line, rule, message } of violations) {
    process.stderr.write(`${file}:${line} [${rule}] ${message}\n`);
  }
  process.stderr.write(
    violations.length === 0 ? 'imports: all directions hold\n' : `imports: ${violations.length} wrong\n`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
}
