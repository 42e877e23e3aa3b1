import { pino } from 'pino';
import { FakeClock } from '../../lib/fake-clock.ts';
import { Turn } from '../../lib/turn.ts';
import { FakeLinks, type FakePool } from '../../testing/fake-links.ts';
import { Cluster } from '../cluster.ts';
import { CLUSTER_DEFAULTS, type ClusterOptions } from '../cluster-setup.ts';

export const SECRET = 'a secret';
export interface StartOptions {
  join?: string[];
  incarnation?: number;
  name?: string;
  secrets?: string[];
  options?: Partial<ClusterOptions>;
}

export class TestNode {
  readonly pool: FakePool;
  readonly cluster: Cluster;
  readonly nodeId: string;
  /** What was heard, in order. */
  readonly heard: string[] = [];
  readonly log: Record<string, unknown>[];

  constructor(nodeId: string, pool: FakePool, cluster: Cluster, log: Record<string, unknown>[]) {
    this.nodeId = nodeId;
    this.pool = pool;
    this.cluster = cluster;
    this.log = log;
    cluster.onMember(({ kind, member }) => this.heard.push(`${kind} ${member.nodeId} ${member.incarnation}`));
  }

  /** Other nodes, by what state they are in here. */
  in(state: string): string[] {
    return this.cluster
      .members()
      .filter((member) => !member.self && member.state === state)
      .map(({ nodeId }) => nodeId)
      .sort();
  }
}

/** Clusters on a virtual clock, linked by `FakeLinks`. */
export function world() {
  const clock = new FakeClock();
  const links = new FakeLinks(clock);
  let drawn = 0;
  const start = (nodeId: string, options: StartOptions = {}): TestNode => {
    const address = addressOf(nodeId);
    const incarnation = options.incarnation ?? 1;
    const pool = links.pool({ nodeId, incarnation, addresses: [address] });
    const log: Record<string, unknown>[] = [];
    const cluster = new Cluster({
      name: options.name ?? 'c',
      secrets: options.secrets ?? [SECRET],
      self: { nodeId, incarnation, addresses: () => [address] },
      pool,
      join: (options.join ?? []).map((other) => addressOf(other)),
      resolver: { addresses: async () => [], services: async () => [] },
      discovery: null,
      clock,
      turn: new Turn((run) => clock.setImmediate(run)),
      random: () => {
        drawn = (drawn + 0.37) % 1;
        return drawn;
      },
      log: pino({ base: null }, { write: (line: string) => void log.push(JSON.parse(line)) }),
      options: { ...CLUSTER_DEFAULTS, ...options.options },
    });
    cluster.start();
    return new TestNode(nodeId, pool, cluster, log);
  };
  /** Seeds are resolved by promises, so time passes in steps. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
  };
  return { clock, links, start, pass };
}

/** a → 192.0.2.97 */
export const addressOf = (nodeId: string) => `/ip4/192.0.2.${nodeId.charCodeAt(0)}/tcp/9443`;

/** a, b and c, linked; what they heard until then is forgotten. */
export async function three() {
  const { clock, links, start, pass } = world();
  const [a, b, c] = [start('a'), start('b', { join: ['a'] }), start('c', { join: ['a'] })];
  await pass(1000);
  for (const node of [a, b, c]) node.heard.length = 0;
  return { clock, links, start, pass, a, b, c };
}
