import { describe, expect, it } from 'vitest';
import { type ShareCandidate, ShareTurns } from './share-turns.ts';

function spread(turns: ShareTurns, candidates: ShareCandidate[], rounds: number, messages = 1): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < rounds; i++) {
    const nodeId = turns.choose('r\0$share/g/t', candidates, messages);
    counts[nodeId] = (counts[nodeId] ?? 0) + messages;
  }
  return counts;
}

describe('turns among nodes', () => {
  it('gives each node messages in proportion to its members', () => {
    const candidates = [
      { nodeId: 'a', weight: 3 },
      { nodeId: 'b', weight: 1 },
      { nodeId: 'c', weight: 2 },
    ];
    expect(spread(new ShareTurns(), candidates, 600)).toEqual({ a: 300, b: 100, c: 200 });
  });

  it('lets nodes of one weight alternate', () => {
    const turns = new ShareTurns();
    const candidates = ['a', 'b'].map((nodeId) => ({ nodeId, weight: 5 }));
    const chosen = Array.from({ length: 6 }, () => turns.choose('s', candidates, 1));
    expect(chosen).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });

  it('evens out where messages come many at a time', () => {
    const turns = new ShareTurns();
    const candidates = ['a', 'b'].map((nodeId) => ({ nodeId, weight: 1 }));
    expect(turns.choose('s', candidates, 100)).toBe('a');
    // A hundred are owed to the other before it is the first one's turn again.
    for (let i = 0; i < 10; i++) expect(turns.choose('s', candidates, 10)).toBe('b');
  });

  it('forgets a node that is no candidate any more, and what it was owed', () => {
    const turns = new ShareTurns();
    const both = ['a', 'b'].map((nodeId) => ({ nodeId, weight: 1 }));
    turns.choose('s', both, 1000);
    expect(spread(turns, [both[0]!], 3)).toEqual({ a: 3 });
    expect(spread(turns, both, 100)).toEqual({ a: 50, b: 50 });
  });

  it('keeps shares apart', () => {
    const turns = new ShareTurns();
    const both = ['a', 'b'].map((nodeId) => ({ nodeId, weight: 1 }));
    expect([turns.choose('one', both, 1), turns.choose('two', both, 1)]).toEqual(['a', 'a']);
  });
});
