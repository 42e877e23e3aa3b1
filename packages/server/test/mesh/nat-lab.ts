import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const NETWORK = join(import.meta.dirname, 'network_nat.py');

export interface NatHost {
  /** Of its only interface. */
  readonly address: string;
  /** Of the router that it is behind; null: it is on the open network. */
  readonly router: string | null;
}

/**
 * A network namespace for each host, and between them a network of our own with routers that translate addresses (network_nat.py): few
 * kernels here have rules for that.
 */
export class NatLab implements AsyncDisposable {
  readonly #hosts: readonly NatHost[];
  readonly #network: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  private constructor(hosts: readonly NatHost[], child: ChildProcess) {
    this.#hosts = hosts;
    this.#network = child;
    this.#lines = createInterface(child.stdout!);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  static async open(hosts: readonly NatHost[]): Promise<NatLab> {
    const devices = hosts.map(({ address, router }, i) =>
      [deviceOf(i), address, ...(router === null ? [] : [router])].join(':'),
    );
    const child = spawn('python3', [NETWORK, ...devices], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lab = new NatLab(hosts, child);
    try {
      await lab.#answer();
      for (const [i, { address }] of hosts.entries()) connect(i, address);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** What a program on a host is started through. */
  through(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', spaceOf(host)];
  }

  /** Which ports of routers are open to everybody, in place of those before; in effect when this resolves. */
  async forward(ports: readonly (readonly [router: string, port: number])[]): Promise<void> {
    this.#network.stdin!.write(`${JSON.stringify({ forward: ports })}\n`);
    await this.#answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#network.once('close', resolve));
    if (this.#network.exitCode === null) {
      this.#network.stdin!.end();
      await ended;
    }
    this.#lines.close();
    for (const i of this.#hosts.keys()) spawnSync('ip', ['netns', 'del', spaceOf(i)]);
  }

  async #answer(): Promise<void> {
    const { done } = await this.#answers.next();
    if (done === true) throw new Error('the network has ended');
  }
}

const spaceOf = (host: number): string => `plexus-nat-${process.pid}-${host}`;
const deviceOf = (host: number): string => `pn${process.pid}t${host}`;

function connect(host: number, address: string): void {
  const [space, device] = [spaceOf(host), deviceOf(host)];
  const ip = (...args: string[]): void => void execFileSync('ip', args);
  const inside = (...args: string[]): void => ip('-n', space, ...args);
  ip('netns', 'add', space);
  ip('link', 'set', device, 'netns', space);
  inside('addr', 'add', `${address}/32`, 'dev', device);
  inside('link', 'set', device, 'up');
  inside('link', 'set', 'lo', 'up');
  inside('route', 'add', 'default', 'dev', device);
}
