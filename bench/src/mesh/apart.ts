import { readFileSync } from 'node:fs';
import { emptyNetwork, run } from '../cluster/cable.ts';

const OWN_HOST = '10.92.0.1';
/** What clients connect to. */
export const APART_HOST = '10.92.0.2';

/**
 * A network for nodes that has a cable to this one, which clients use. Whatever nodes say to each other goes over its loopback
 * interface, whose counter has every byte of it: payloads, frames, encryption, acknowledgements, heartbeats, the directory.
 */
export class Apart {
  /** What to start a program through so that it is there. */
  readonly through: readonly string[];
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
    this.through = ['nsenter', '-t', `${pid}`, '-n', '--'];
    const there = this.through.join(' ');
    run('ip link set lo up');
    run(`ip link add name apart type veth peer name clients netns ${pid}`);
    run(`ip address add ${OWN_HOST}/24 dev apart`);
    run('ip link set apart up');
    run(`${there} ip address add ${APART_HOST}/24 dev clients`);
    run(`${there} ip link set clients up`);
    run(`${there} ip link set lo up`);
  }

  /** In a process that has a network of its own. */
  static async beside(): Promise<Apart> {
    return new Apart(await emptyNetwork());
  }

  /** That went over loopback so far, with the headers of IP, TCP and UDP. */
  bytes(): number {
    const lines = readFileSync(`/proc/${this.#pid}/net/dev`, 'latin1').split('\n');
    const loopback = lines.find((line) => line.trimStart().startsWith('lo:'));
    return Number(/lo:\s*(?<received>\d+)/.exec(loopback ?? '')!.groups!.received);
  }
}
