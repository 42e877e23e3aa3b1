/**
 * The import directions of docs/ARCHITECTURE.md, as data. Nothing here reads a file; `check-imports.ts` does.
 */

/** Workspace → the workspaces it may import, by package name. */
export const PACKAGE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  client: ['protocol'],
  'client-peer': ['protocol', 'client'],
  server: ['protocol'],
  dashboard: ['protocol', 'client'],
  cli: ['protocol', 'client', 'client-peer', 'server'],
  // Over public interfaces only; the codec is how its generator speaks them, and the store has one for programs.
  bench: ['protocol', 'server'],
  sim: ['protocol', 'server'],
};

/** Workspace → exports of packages, beside their main ones, that it may import. */
export const SUBPATH_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  bench: ['@plexus/server/links'],
  cli: ['@plexus/server/files'],
  sim: ['@plexus/server/simulation'],
};

/** Parts of the server, lowest level first. A part imports lower levels, and itself; never its own level, never up. */
export const SERVER_LEVELS: readonly (readonly string[])[] = [
  ['lib'],
  ['config'],
  ['auth', 'store', 'peer'],
  ['broker', 'cluster', 'mesh', 'gateway', 'replication'],
  ['router'],
  ['admin'],
  ['node', 'files'],
  ['index', 'simulation', 'links'],
];

/** External modules that only some folders may import. Paths are from the root, a folder or a file. */
export interface ReservedModule {
  readonly what: string;
  readonly pattern: RegExp;
  readonly allowedIn: readonly string[];
  readonly testsExempt: boolean;
}

export const RESERVED_MODULES: readonly ReservedModule[] = [
  {
    what: 'SQLite',
    pattern: /^(node:sqlite|better-sqlite3|sqlite3)$/,
    allowedIn: ['packages/server/src/lib/sqlite'],
    testsExempt: false,
  },
  {
    what: 'libp2p',
    pattern: /^(libp2p|@libp2p\/.+|@chainsafe\/libp2p-.+)$/,
    allowedIn: ['packages/server/src/peer', 'packages/client-peer', 'bench/src/mesh'],
    testsExempt: false,
  },
  {
    what: 'NATS',
    pattern: /^(nats|@nats-io\/.+)$/,
    allowedIn: ['packages/server/src/replication', 'bench'],
    testsExempt: false,
  },
  {
    what: 'sockets',
    pattern: /^(node:)?(net|tls|dgram)$/,
    allowedIn: [
      'packages/server/src/lib/host.ts',
      'packages/server/src/broker/listeners',
      'packages/server/src/peer',
      'packages/cli',
      'bench',
      'sim',
      'scripts',
    ],
    testsExempt: true,
  },
  {
    what: 'timers',
    pattern: /^(node:)?timers(\/promises)?$/,
    allowedIn: ['packages/server/src/lib', 'packages/server/src/node.ts', 'packages/cli', 'bench', 'sim', 'scripts'],
    testsExempt: true,
  },
];

/** Ambient time and randomness: in the server only `lib` may touch them, everything else takes them as parameters. */
export interface BannedGlobal {
  readonly what: string;
  readonly pattern: RegExp;
}

// `(?<![.#\w$])` keeps members of other objects out (`clock.setTimeout`), and the look-ahead keeps declarations of
// methods out (`setTimeout(fn: () => void, …)` in an interface that a consumer declares).
const called = (name: string): RegExp =>
  new RegExp(
    `(?:(?<![.#\\w$])|\\b(?:globalThis|global)\\.)${name}\\b(?!\\s*[?]?\\s*:)(?!\\(\\s*(?:\\)\\s*:|\\w+\\??\\s*:))`,
  );

export const BANNED_IN_SERVER: readonly BannedGlobal[] = [
  { what: 'Date.now', pattern: /\bDate\s*\.\s*now\b/ },
  { what: 'new Date()', pattern: /\bnew\s+Date\s*(?:\(\s*\)|(?![\s(]))/ },
  { what: 'performance.now', pattern: /\bperformance\s*\.\s*(?:now|timeOrigin)\b/ },
  { what: 'process.hrtime', pattern: /\bprocess\s*\.\s*hrtime\b/ },
  { what: 'process.uptime', pattern: /\bprocess\s*\.\s*uptime\b/ },
  { what: 'Math.random', pattern: /\bMath\s*\.\s*random\b/ },
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({ what: name, pattern: called(name) })),
  ...['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues'].map((name) => ({
    what: name,
    pattern: new RegExp(`\\b${name}\\b`),
  })),
];

/** Files of the server that may, beside `lib`. */
export const AMBIENT_ALLOWED: readonly string[] = ['packages/server/src/lib', 'packages/server/src/node.ts'];

/** Workspaces that run in a browser: no `node:` module. */
export const BROWSER_SAFE: readonly string[] = ['packages/protocol', 'packages/client', 'packages/dashboard'];
