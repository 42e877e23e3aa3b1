import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { launch, until } from '../peers/processes.ts';

export const OWN_HOST = '10.91.0.1';
export const OTHER_HOST = '10.91.0.2';

/** What a process is started through that uses {@link Cable}: it gets a network of its own, and may arrange it. */
export const OWN_NETWORK = ['unshare', '--map-root-user', '--net'] as const;

/** A program and its arguments, none of which has a space in it. */
export const run = (command: string): void => {
  const [program, ...args] = command.split(' ') as [string, ...string[]];
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

/**
 * A second machine as far as the network goes, behind a switch as a third: Linux network namespaces. The cable between the switch and the
 * other machine can be pulled so that neither end is told; packets are just gone.
 */
export class Cable {
  /** What to start a program through so that it is on the other machine. */
  readonly other: readonly string[];
  readonly #toSwitch: string;

  private constructor(otherPid: number, switchPid: number) {
    this.other = ['nsenter', '-t', `${otherPid}`, '-n', '--'];
    this.#toSwitch = `nsenter -t ${switchPid} -n --`;
    run('ip link set lo up');
    run(`${this.#toSwitch} ip link add name switch type bridge`);
    run(`${this.#toSwitch} ip link set switch up`);
    this.#plug('', 'port-own', switchPid, OWN_HOST);
    this.#plug(this.other.join(' '), 'port-other', switchPid, OTHER_HOST);
  }

  static async between(): Promise<Cable> {
    return new Cable(await emptyNetwork(), await emptyNetwork());
  }

  cut(): void {
    run(`${this.#toSwitch} ip link set port-other nomaster`);
  }

  mend(): void {
    run(`${this.#toSwitch} ip link set port-other master switch`);
  }

  #plug(on: string, port: string, switchPid: number, host: string): void {
    const there = on === '' ? '' : `${on} `;
    run(`${there}ip link add name cable type veth peer name ${port} netns ${switchPid}`);
    run(`${there}ip address add ${host}/24 dev cable`);
    run(`${there}ip link set cable up`);
    run(`${there}ip link set lo up`);
    run(`${this.#toSwitch} ip link set ${port} master switch`);
    run(`${this.#toSwitch} ip link set ${port} up`);
  }
}

/** @returns the process that keeps it */
export async function emptyNetwork(): Promise<number> {
  const { pid } = launch('unshare', ['--net', 'sleep', 'infinity']);
  const own = readlinkSync('/proc/self/ns/net');
  await until('a network', async () => (readlinkSync(`/proc/${pid}/ns/net`) === own ? null : true));
  return pid!;
}
