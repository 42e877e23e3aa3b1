import { describe, expect, it } from 'vitest';
import { NatEvidence } from './nat-evidence.ts';

const OWN = ['192.168.1.2', '127.0.0.1'];
const NOTHING = { announced: false, forwarded: false, refuted: false };
const nobody = (): boolean => false;

describe('whether a node can be reached', () => {
  it('is what the configuration says, whatever others say', () => {
    for (const option of ['yes', 'no'] as const) {
      const evidence = new NatEvidence(option);
      evidence.seen('p', '203.0.113.1', OWN, 0);
      const verdict = evidence.judge({ announced: false, forwarded: true, refuted: true }, 0, nobody);
      expect(verdict).toEqual({ reachable: option === 'yes', basis: 'configured' });
    }
  });

  it('is presumed on a network without a router, loopback too', () => {
    const evidence = new NatEvidence('auto');
    expect(evidence.judge(NOTHING, 0, nobody)).toEqual({ reachable: true, basis: 'presumed' });
    evidence.seen('p', '192.168.1.2', OWN, 0);
    evidence.seen('q', '127.0.0.1', OWN, 0);
    expect(evidence.judge(NOTHING, 0, nobody)).toEqual({ reachable: true, basis: 'presumed' });
  });

  it('is not when one peer saw it from behind a router, though others saw it directly', () => {
    const evidence = new NatEvidence('auto');
    evidence.seen('far', '203.0.113.1', OWN, 0);
    evidence.seen('near', '192.168.1.2', OWN, 0);
    expect(evidence.judge(NOTHING, 0, nobody)).toEqual({ reachable: false, basis: 'translated' });
    evidence.seen('far', '192.168.1.2', OWN, 1);
    expect(evidence.judge(NOTHING, 1, nobody).reachable).toBe(true);
  });

  it('forgets what was said long ago by somebody who is gone', () => {
    const evidence = new NatEvidence('auto');
    evidence.seen('far', '203.0.113.1', OWN, 0);
    expect(evidence.judge(NOTHING, 4_000_000, (peerId) => peerId === 'far').reachable).toBe(false);
    expect(evidence.judge(NOTHING, 4_000_000, nobody).reachable).toBe(true);
  });

  it('is what AutoNAT found, if it found anything', () => {
    const evidence = new NatEvidence('auto');
    expect(evidence.judge({ ...NOTHING, refuted: true }, 0, nobody)).toEqual({ reachable: false, basis: 'refuted' });
    evidence.seen('far', '203.0.113.1', OWN, 0);
    expect(evidence.judge({ ...NOTHING, forwarded: true }, 0, nobody)).toEqual({ reachable: true, basis: 'verified' });
  });
});
