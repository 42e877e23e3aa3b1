import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { labProblem } from './network-lab.ts';

const problem = labProblem();
/** An interface of its own, whose multicast nobody else hears. */
const NETWORK =
  'ip link set lo up && ip link add lan0 type veth peer name lan1 && ip addr add 10.203.0.1/24 dev lan0 && ip link set lan1 up && ip link set lan0 up multicast on && ip route add default dev lan0';

describe('nodes on one local network', () => {
  itNeeds(
    `a network of its own (${problem})`,
    problem === null,
    'hear of each other by multicast DNS, with an address that can be dialled',
    async () => {
      const pair = join(import.meta.dirname, 'local-network-pair.ts');
      const args = ['--net', 'sh', '-c', `${NETWORK} && exec "$0" "$1"`, process.execPath, pair];
      const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 15_000 });
      expect(stdout, stderr).toBe('found\n');
    },
  );
});
