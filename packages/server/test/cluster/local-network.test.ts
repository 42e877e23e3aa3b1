import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { labProblem, onLocalNetwork } from './network-lab.ts';

const problem = labProblem();

describe('nodes on one local network', () => {
  itNeeds(
    `a network of its own (${problem})`,
    problem === null,
    'hear of each other by multicast DNS, with an address that can be dialled',
    async () => {
      const pair = join(import.meta.dirname, 'local-network-pair.ts');
      const { stdout, stderr } = spawnSync('unshare', onLocalNetwork(pair), { encoding: 'utf8', timeout: 15_000 });
      expect(stdout, stderr).toBe('found\n');
    },
  );
});
