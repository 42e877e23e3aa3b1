import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { labProblem, onLocalNetwork } from '../cluster/network-lab.ts';

const TIMEOUT_MS = 90_000;
const problem = labProblem();

describe('nodes of the mesh on one local network', { timeout: TIMEOUT_MS }, () => {
  itNeeds(
    `a network of its own (${problem})`,
    problem === null,
    "find each other's subscribers with no address to begin with; those without multicast DNS find nobody, and nobody them",
    async () => {
      const program = join(import.meta.dirname, 'local-mesh-nodes.ts');
      const { stdout } = await promisify(execFile)('unshare', onLocalNetwork(program), { timeout: TIMEOUT_MS - 5000 });
      const all = ['there0', 'there1', 'back0', 'back1'];
      expect(JSON.parse(stdout)).toEqual({
        answers: [0, 0, 0, 0],
        got: { exact: all, wildcard: all, back: all },
        unheard: [],
        quietPeers: [0, 0],
        quietLinks: 0,
      });
    },
  );
});
