import { describe, expect, it } from 'vitest';
import { checkFile, checkRepository } from './check-imports.ts';
import { scanSource } from './scan-source.ts';

const S = 'packages/server/src';
const rules = (file: string, source: string): string[] => checkFile(file, source).map(({ rule }) => rule);

describe('a violation of each kind is caught', () => {
  it.each([
    ['package', 'packages/protocol/src/a.ts', "import { x } from '@plexus/server';"],
    ['package', 'packages/server/src/a.ts', "import type { x } from '@plexus/client';"],
    ['package', 'packages/cli/src/a.ts', "import { x } from '../../server/src/node.ts';"],
    ['package', 'packages/cli/src/a.ts', "await import('@plexus/server/src/node.ts');"],
    ['package', 'bench/src/a.ts', "export * from '@plexus/cli';"],
    ['package', 'packages/unheard-of/src/a.ts', "import 'x';"],
    ['part', `${S}/lib/a.ts`, "import { x } from '../broker/b.ts';"],
    ['part', `${S}/broker/a.ts`, "import { x } from '../mesh/b.ts';"],
    ['part', `${S}/broker/listeners/a.ts`, "import type { x } from '../../admin/ports.ts';"],
    ['part', `${S}/auth/a.ts`, "const x = await import('../store/b.ts');"],
    ['part', `${S}/router/a.ts`, "export { x } from '../node.ts';"],
    ['part', `${S}/broker/a.test.ts`, "import { x } from '../router/b.ts';"],
    ['part', `${S}/broker/a.ts`, "import { x } from '../testing/b.ts';"],
    ['part', `${S}/unheard-of/a.ts`, "import { x } from '../lib/b.ts';"],
    ['reserved', `${S}/lib/a.ts`, "import { DatabaseSync } from 'node:sqlite';"],
    ['reserved', `${S}/broker/a.ts`, "import { createLibp2p } from 'libp2p';"],
    ['reserved', `${S}/cluster/a.ts`, "import { ping } from '@libp2p/ping';"],
    ['reserved', `${S}/store/a.ts`, "import { connect } from '@nats-io/transport-node';"],
    ['reserved', `${S}/broker/a.ts`, "import { createServer } from 'node:net';"],
    ['reserved', `${S}/router/a.ts`, "import { scheduler } from 'node:timers/promises';"],
    ['browser', 'packages/protocol/src/a.ts', "import { Buffer } from 'node:buffer';"],
    ['ambient', `${S}/broker/a.ts`, 'const now = Date.now();'],
    ['ambient', `${S}/broker/a.ts`, 'const now = new Date();'],
    ['ambient', `${S}/broker/a.ts`, 'const now = performance.now();'],
    ['ambient', `${S}/broker/a.ts`, 'const now = process.hrtime.bigint();'],
    ['ambient', `${S}/router/a.ts`, 'const x = Math.random();'],
    ['ambient', `${S}/router/a.ts`, 'setTimeout(() => done(), 5);'],
    ['ambient', `${S}/router/a.ts`, 'setTimeout(wait ? a : b, 5);'],
    ['ambient', `${S}/router/a.ts`, 'const later = globalThis.setInterval;'],
    ['ambient', `${S}/router/a.ts`, 'new Turn(setImmediate);'],
    ['ambient', `${S}/auth/a.ts`, 'const id = randomUUID();'],
    ['ambient', `${S}/auth/a.ts`, 'crypto.getRandomValues(bytes);'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code in a template counts too
    ['ambient', `${S}/auth/a.ts`, 'log(`at ${Date.now()}`);'],
  ])('%s: %s: %s', (rule, file, source) => {
    expect(rules(file, source)).toEqual([rule]);
  });
});

describe('what is allowed passes', () => {
  it.each([
    ['packages/cli/src/a.ts', "import { startNode } from '@plexus/server';"],
    ['packages/server/src/broker/a.ts', "import { Reason } from '@plexus/protocol';"],
    [
      `${S}/broker/a.ts`,
      "import { x } from './b.ts'; import { y } from '../lib/c.ts'; import { z } from '../auth/d.ts';",
    ],
    [`${S}/node.ts`, "import { x } from './admin/server.ts'; import { y } from './mesh/a.ts'; setTimeout(f, 1);"],
    [`${S}/node.test.ts`, "import { x } from './node.ts'; import { y } from './broker/a.ts';"],
    [`${S}/takeover.test.ts`, "import { x } from './node.ts';"],
    [`${S}/broker/a.test.ts`, "import { x } from '../node.ts'; import { it } from 'vitest'; setTimeout(f, 1);"],
    [`${S}/testing/a.ts`, "import { x } from '../broker/a.ts'; import { y } from '../router/a.ts';"],
    [`${S}/broker/b.test.ts`, "import { x } from '../testing/a.ts';"],
    [`${S}/broker/listeners/tcp.ts`, "import { createServer } from 'node:net';"],
    [`${S}/lib/sqlite/a.ts`, "import { DatabaseSync } from 'node:sqlite';"],
    [`${S}/lib/clock.ts`, 'export const now = () => performance.now();'],
    [`${S}/broker/a.ts`, 'this.#clock.setTimeout(f, 1); clock.now(); new Date(clock.wallMs());'],
    [`${S}/broker/ports.ts`, 'interface Timers { setTimeout(fn: () => void, ms: number): Timer; setImmediate: Defer }'],
    [`${S}/broker/a.ts`, "// Date.now()\n/* import 'libp2p' */ const text = 'Math.random()';"],
    [`${S}/broker/a.ts`, 'const pattern = /[/"]Date.now()/; const half = a / 2; const text = `Date.now()`;'],
  ])('%s: %s', (file, source) => {
    expect(checkFile(file, source)).toEqual([]);
  });
});

describe('the scanner', () => {
  it('finds every form of import, with its line', () => {
    const source = [
      "import a from 'a';",
      "import {\n  b,\n  type c,\n} from 'b';",
      "import 'c';",
      "export * as d from 'd';",
      "type E = import('e').E;",
      "const f = createRequire(import.meta.url)('f');",
    ].join('\n');
    expect(scanSource(source).imports).toEqual(
      [1, 5, 6, 7, 8, 9].map((line, index) => ({ specifier: 'abcdef'[index], line })),
    );
  });

  it('does not take an export for an import', () => {
    expect(scanSource("export const from = 'x'; export function f() { return 'from'; }").imports).toEqual([]);
  });
});

it('the repository has no violation', () => {
  expect(checkRepository()).toEqual([]);
});
