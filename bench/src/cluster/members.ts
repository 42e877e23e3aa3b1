import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection } from '../http-connection.ts';
import { membership, type PlexusProcess, type PlexusStart, startPlexus } from '../peers/plexus-node.ts';
import { until } from '../peers/processes.ts';

/** How one is started, beside what makes it a member. */
export type MemberStart = Partial<Omit<PlexusStart, 'dataDir'>> & { readonly host?: string };

/** The nodes of a cluster, each in a process of its own; all join at the first. */
export class Members implements AsyncDisposable {
  readonly #directory: string;
  readonly #flags: readonly string[];
  readonly #all: PlexusProcess[] = [];
  #seed: string | null = null;

  private constructor(directory: string, flags: readonly string[]) {
    this.#directory = directory;
    this.#flags = flags;
  }

  static async in(directory: string): Promise<Members> {
    return new Members(directory, await membership(directory));
  }

  /** @param name of its data directory: that of one that was there before is the same node again */
  async start(name: string, { host = '127.0.0.1', flags = [], ...how }: MemberStart = {}): Promise<PlexusProcess> {
    const own = ['--host', host, ...(this.#seed === null ? [] : ['--join', this.#seed])];
    const dataDir = join(this.#directory, name);
    const started = await startPlexus({ ...how, dataDir, flags: [...this.#flags, ...own, ...flags] });
    this.#seed ??= `${host}:${started.node.peerPort}`;
    this.#all.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map(({ stop }) => stop()));
  }
}

interface Member {
  readonly nodeId: string;
  readonly state: string;
  readonly filters: number;
}

/** What a node says about the others, over one connection. */
export class View implements Disposable {
  readonly #http: HttpConnection;

  constructor({ node }: PlexusProcess, host?: string) {
    this.#http = new HttpConnection(node.httpPort, host);
  }

  async members(): Promise<readonly Member[]> {
    const { members } = (await this.get('/cluster')) as { members: readonly Member[] };
    return members;
  }

  /** Null for a node that it does not know, or does not know any more. */
  async member({ node }: PlexusProcess): Promise<Member | null> {
    return (await this.members()).find(({ nodeId }) => nodeId === node.nodeId) ?? null;
  }

  /** Resolves when it has that many filters of a node that is up. */
  async knows(other: PlexusProcess, filters: number): Promise<void> {
    await until(`${filters} filters of another node`, async () => {
      const member = await this.member(other);
      return member?.state === 'up' && member.filters === filters ? true : null;
    });
  }

  /** Whether a message on the topic would go to any other node. */
  async sends(topic: string): Promise<boolean> {
    const answer = await this.get(`/cluster/interest?topic=${encodeURIComponent(topic)}`);
    return (answer as { nodes: unknown[] }).nodes.length > 0;
  }

  async get(path: string): Promise<unknown> {
    const { status, body } = await this.#http.get(`/api/v1${path}`);
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
    return JSON.parse(body);
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }
}

const POLL_MS = 2;

/** Asks again and again, as often as makes sense for times of milliseconds. @returns when it was so first */
export async function whenFirst(limitMs: number, isSo: () => Promise<boolean>): Promise<number> {
  const since = performance.now();
  for (;;) {
    const so = await isSo();
    const now = performance.now();
    if (so) return now;
    if (now - since > limitMs) throw new Error(`it did not come to that within ${limitMs / 1000} s`);
    await sleep(POLL_MS);
  }
}
