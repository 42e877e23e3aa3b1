import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const SWITCH = join(import.meta.dirname, 'network_switch.py');
/** Two labs on one machine should not have the same networks. */
const NETWORK = 64 + (process.pid % 128);
const QUEUE_PACKETS = 10_000;
const PYTHON = 'python3';

export interface NetworkRules {
  /** Of each packet, each way. */
  readonly delayMs?: number;
  /** Of each packet, in [0, 1]. */
  readonly loss?: number;
  /** Numbers of nodes between which nothing passes, from and to. */
  readonly cut?: readonly (readonly [number, number])[];
}

/** @returns null: this machine can; else why not */
export function labProblem(): string | null {
  if (process.platform !== 'linux' || !existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  if (process.getuid?.() !== 0) return 'not root';
  if (spawnSync(PYTHON, ['--version']).status !== 0) return 'no python3';
  const name = `plexus-${process.pid}-probe`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return 'ip netns add does not work';
  const device = ['tuntap', 'add', 'dev', 'probe', 'mode', 'tun'];
  const { status } = spawnSync('ip', ['-n', name, ...device]);
  spawnSync('ip', ['netns', 'del', name]);
  return status === 0 ? null : 'TUN devices cannot be made';
}

const LOCAL_NETWORK =
  'ip link set lo up && ip link add lan0 type veth peer name lan1 && ip addr add 10.203.0.1/24 dev lan0 && ip link set lan1 up && ip link set lan0 up multicast on && ip route add default dev lan0';

/** For `unshare`: runs one of our programs where there is one interface, whose multicast nobody else hears. */
export const onLocalNetwork = (program: string): string[] => [
  '--net',
  ...['sh', '-c', `${LOCAL_NETWORK} && exec "$0" "$1"`, process.execPath, program],
];

/**
 * A network namespace for each node, and between them a network of our own (network_switch.py) that delays, loses and cuts packets, for each
 * direction and pair of nodes. A program and not `tc`, because few kernels have netem, and none of its rules is for pairs. Clients reach
 * the nodes another way, that nothing happens to.
 */
export class NetworkLab implements AsyncDisposable {
  readonly #count: number;
  readonly #switch: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  private constructor(count: number, child: ChildProcess) {
    this.#count = count;
    this.#switch = child;
    this.#lines = createInterface(child.stdout!);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @param seed of the losses */
  static async open(count: number, seed: number): Promise<NetworkLab> {
    const numbers = Array.from({ length: count }, (_, i) => i + 1);
    const devices = numbers.map((number) => `${deviceOf(number)}:${peerHost(number)}`);
    const child = spawn(PYTHON, [SWITCH, `${seed}`, ...devices], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lab = new NetworkLab(count, child);
    try {
      await lab.#answer();
      for (const number of numbers) connect(number);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** What a node's command is started through. */
  through(number: number): readonly string[] {
    return ['ip', 'netns', 'exec', spaceOf(number)];
  }

  /** Arguments for a node. */
  args(number: number, peerPort: number): readonly string[] {
    const http = ['--http-hosts', this.clientHost(number)];
    const open = ['--host', '0.0.0.0', '--allow-anonymous', '--no-mdns', '--no-quic'];
    return [...open, ...http, '--public-addresses', `${peerHost(number)}:${peerPort}`];
  }

  /** Where other nodes reach a node. */
  peerHost(number: number): string {
    return peerHost(number);
  }

  /** Where clients reach it. */
  clientHost(number: number): string {
    return `10.${NETWORK}.${number}.2`;
  }

  /** Replaces all rules; in effect when this resolves. */
  async set({ delayMs = 0, loss = 0, cut = [] }: NetworkRules): Promise<void> {
    const pairs = cut.map(([from, to]) => [peerHost(from), peerHost(to)]);
    this.#switch.stdin!.write(`${JSON.stringify({ delayMs, loss, cut: pairs })}\n`);
    await this.#answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#switch.once('close', resolve));
    if (this.#switch.exitCode === null) {
      this.#switch.stdin!.end();
      await ended;
    }
    this.#lines.close();
    for (let number = 1; number <= this.#count; number++) spawnSync('ip', ['netns', 'del', spaceOf(number)]);
  }

  async #answer(): Promise<void> {
    const { done } = await this.#answers.next();
    if (done === true) throw new Error('the switch has ended');
  }
}

/** All pairs of a node and others, both ways. */
export function cutOff(number: number, others: readonly number[]): [number, number][] {
  return others.flatMap((other): [number, number][] => [
    [number, other],
    [other, number],
  ]);
}

const spaceOf = (number: number): string => `plexus-${process.pid}-${number}`;
const deviceOf = (number: number): string => `px${process.pid}t${number}`;
const vethOf = (number: number): string => `px${process.pid}v${number}`;
const peerHost = (number: number): string => `10.${NETWORK}.0.${number}`;

function connect(number: number): void {
  const [space, device, veth] = [spaceOf(number), deviceOf(number), vethOf(number)];
  const ip = (...args: string[]): void => void execFileSync('ip', args);
  const inside = (...args: string[]): void => ip('-n', space, ...args);
  ip('netns', 'add', space);
  ip('link', 'set', device, 'netns', space);
  inside('addr', 'add', `${peerHost(number)}/24`, 'dev', device);
  inside('link', 'set', device, 'txqueuelen', `${QUEUE_PACKETS}`, 'up');
  inside('link', 'set', 'lo', 'up');
  ip('link', 'add', veth, 'type', 'veth', 'peer', 'name', 'clients', 'netns', space);
  ip('addr', 'add', `10.${NETWORK}.${number}.1/30`, 'dev', veth);
  ip('link', 'set', veth, 'up');
  inside('addr', 'add', `10.${NETWORK}.${number}.2/30`, 'dev', 'clients');
  inside('link', 'set', 'clients', 'up');
}
