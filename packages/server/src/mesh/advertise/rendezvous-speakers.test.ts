import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { ClusterForMesh } from '../ports.ts';
import { RendezvousSpeakers } from './rendezvous-speakers.ts';

/** The groups of a cluster in which everybody hears of everything at once, each in an order of its own. */
class FakeGroups {
  readonly #members = new Map<string, Map<string, { id: string; nodeId: string }>>();
  readonly #listeners = new Map<string, Set<() => void>>();

  asSeenBy(nodeId: string): ClusterForMesh['groups'] {
    return {
      join: async (group, member) => {
        this.#of(group).set(member.nodeId, member);
        this.#tell(group);
      },
      leave: async (group) => {
        this.#of(group).delete(nodeId);
        this.#tell(group);
      },
      members: (group) => {
        const all = [...this.#of(group).values()];
        return [
          ...all.filter((member) => member.nodeId === nodeId),
          ...all.filter((member) => member.nodeId !== nodeId),
        ];
      },
      watch: (group, listener) => {
        const listeners = this.#listeners.get(group) ?? new Set();
        this.#listeners.set(group, listeners.add(listener));
        return () => void listeners.delete(listener);
      },
    };
  }

  /** A node is gone without having left. */
  lose(group: string, nodeId: string): void {
    this.#of(group).delete(nodeId);
    this.#tell(group);
  }

  again(group: string): void {
    this.#tell(group);
  }

  listeners(group: string): number {
    return this.#listeners.get(group)?.size ?? 0;
  }

  #of(group: string): Map<string, { id: string; nodeId: string }> {
    let members = this.#members.get(group);
    if (members === undefined) {
      members = new Map();
      this.#members.set(group, members);
    }
    return members;
  }

  #tell(group: string): void {
    for (const listener of this.#listeners.get(group) ?? []) listener();
  }
}

const PATHS = Array.from({ length: 500 }, (_, i) => `/site/${i % 7}/device/${i}`);

function nodes(groups: FakeGroups, ids: readonly string[]): Map<string, RendezvousSpeakers> {
  return new Map(
    ids.map((nodeId) => [nodeId, new RendezvousSpeakers({ nodeId, groups: groups.asSeenBy(nodeId) })] as const),
  );
}

/** Who says that it speaks for each path. */
function speakersOf(all: ReadonlyMap<string, RendezvousSpeakers>, realm = 'r'): string[][] {
  return PATHS.map((path) => [...all].filter(([, node]) => node.isOurs(realm, path)).map(([nodeId]) => nodeId));
}

describe('the speakers of a cluster', () => {
  const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 52 }), { minLength: 2, maxLength: 8 });

  it('are the same to all of its nodes, and when one goes only its keys move', () => {
    fc.assert(
      fc.property(ids, fc.nat(), (ids, pick) => {
        const groups = new FakeGroups();
        const all = nodes(groups, ids);
        for (const node of all.values()) node.join('r');
        const before = speakersOf(all);
        expect(before.filter((speakers) => speakers.length !== 1)).toEqual([]);
        const gone = ids[pick % ids.length]!;
        groups.lose('mesh/r', gone);
        all.delete(gone);
        const after = speakersOf(all);
        expect(after.filter((speakers) => speakers.length !== 1)).toEqual([]);
        expect(after.filter(([speaker], i) => before[i]![0] !== gone && speaker !== before[i]![0])).toEqual([]);
      }),
      seeded(20),
    );
  });

  it('are the same to all of its nodes also when ids have the same hash', () => {
    // Known collisions of FNV-1a.
    const all = nodes(new FakeGroups(), ['liquid', 'costarring']);
    for (const node of all.values()) node.join('r');
    expect(speakersOf(all).filter((speakers) => speakers.length !== 1)).toEqual([]);
  });

  it('have about as many keys each', () => {
    const all = nodes(new FakeGroups(), ['n1', 'n2', 'n3', 'n4', 'n5']);
    for (const node of all.values()) node.join('r');
    const counts = new Map<string, number>();
    for (const [speaker] of speakersOf(all)) counts.set(speaker!, (counts.get(speaker!) ?? 0) + 1);
    for (const id of all.keys()) expect(counts.get(id)).toBeGreaterThan(70);
  });

  it('are only nodes that have joined the realm, and one realm is not another', () => {
    const groups = new FakeGroups();
    const all = nodes(groups, ['n1', 'n2']);
    all.get('n1')!.join('r');
    expect(speakersOf(all).every((speakers) => speakers.join() === 'n1')).toBe(true);
    expect(speakersOf(all, 'other').flat()).toEqual([]);
    all.get('n2')!.join('r');
    all.get('n1')!.leave('r');
    expect(speakersOf(all).every((speakers) => speakers.join() === 'n2')).toBe(true);
    expect(groups.listeners('mesh/r')).toBe(1);
  });

  it('say when they change, and only then', () => {
    const groups = new FakeGroups();
    const all = nodes(groups, ['n1', 'n2']);
    const changes: string[] = [];
    all.get('n1')!.onChange = (realm) => changes.push(realm);
    all.get('n1')!.join('r');
    all.get('n1')!.join('r');
    expect(changes).toHaveLength(1);
    all.get('n2')!.join('r');
    expect(changes).toHaveLength(2);
    groups.again('mesh/r');
    expect(changes).toHaveLength(2);
    groups.lose('mesh/r', 'n2');
    expect(changes).toHaveLength(3);
    all.get('n1')!.leave('r');
    all.get('n1')!.leave('r');
    all.get('n2')!.join('r');
    expect(changes).toEqual(['r', 'r', 'r', 'r']);
  });

  it('without a cluster are this node', () => {
    const alone = new RendezvousSpeakers(null);
    alone.join('r');
    expect([alone.isOurs('r', '/a'), alone.isOurs('other', '')]).toEqual([true, true]);
    alone.leave('r');
  });
});
