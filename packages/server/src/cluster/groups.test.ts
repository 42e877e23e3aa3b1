import { describe, expect, it } from 'vitest';
import { ClusterGroups } from './groups.ts';
import type { GroupMember } from './ports.ts';
import { SMALL_PACE, TableNetwork } from './testing/table-network.ts';

const member = (nodeId: string, id: string, metadata: Record<string, unknown> = {}): GroupMember => ({
  id,
  nodeId,
  metadata,
});

/** Groups on `count` nodes, and what the watcher of group `g` on each has heard. */
function cluster(count: number) {
  const network = new TableNetwork(count, SMALL_PACE);
  const groups = network.nodes.map(({ id, groups, groupCopies }) => {
    const each = new ClusterGroups(id, groups);
    groupCopies.onEntry = each.onEntry.bind(each);
    groupCopies.onGone = each.onGone.bind(each);
    groupCopies.onPurged = each.onPurged.bind(each);
    return each;
  });
  const heard = groups.map((each) => {
    const changes: string[] = [];
    each.watch('g', ({ kind, member: { nodeId, id } }) => changes.push(`${nodeId} ${id} ${kind}`));
    return changes;
  });
  network.connectAll();
  network.run();
  return { network, groups, heard };
}

const listed = (groups: ClusterGroups): string[] => groups.members('g').map(({ nodeId, id }) => `${nodeId} ${id}`);

describe('groups', () => {
  it('have the members of all nodes: own ones first, then in the order of joining', async () => {
    const { network, groups } = cluster(3);
    for (const [node, id] of [
      [1, 'a'],
      [2, 'b'],
      [0, 'c'],
      [1, 'd'],
    ] as const) {
      await groups[node]!.join('g', member(`n${node}`, id, { number: id }));
      network.run();
    }
    expect(groups.map(listed)).toEqual([
      ['n0 c', 'n1 a', 'n2 b', 'n1 d'],
      ['n1 a', 'n1 d', 'n2 b', 'n0 c'],
      ['n2 b', 'n1 a', 'n0 c', 'n1 d'],
    ]);
    expect(groups[0]!.members('g')[1]).toEqual(member('n1', 'a', { number: 'a' }));
    expect(groups[0]!.membersOf('n1')).toBe(2);
    expect(groups[0]!.membersOf('n0')).toBe(1);
  });

  it('tell everywhere of who joins, changes and leaves', async () => {
    const { network, groups, heard } = cluster(2);
    await groups[0]!.join('g', member('n0', 'a'));
    network.run();
    await groups[0]!.join('g', member('n0', 'a', { restarts: 1 }));
    network.run();
    await groups[0]!.leave('g', 'a');
    await groups[0]!.leave('g', 'never');
    network.run();
    expect(heard[1]).toEqual(['n0 a joined', 'n0 a left', 'n0 a joined', 'n0 a left']);
    expect(heard[0]).toEqual(heard[1]);
    expect(groups.map(listed)).toEqual([[], []]);
  });

  it('list an id of two nodes twice', async () => {
    const { network, groups } = cluster(2);
    await groups[0]!.join('g', member('n0', 'same'));
    await groups[1]!.join('g', member('n1', 'same'));
    network.run();
    expect(groups.map(listed)).toEqual([
      ['n0 same', 'n1 same'],
      ['n1 same', 'n0 same'],
    ]);
    await groups[0]!.leave('g', 'same');
    network.run();
    expect(groups.map(listed)).toEqual([['n1 same'], ['n1 same']]);
  });

  it('lose the members of a node that is gone, and tell of each when none is listed any more', async () => {
    const { network, groups, heard } = cluster(2);
    for (const id of ['a', 'b']) await groups[1]!.join('g', member('n1', id));
    await groups[1]!.join('other', member('n1', 'c'));
    network.run();
    const sizes: number[] = [];
    groups[0]!.watch('g', () => sizes.push(groups[0]!.members('g').length));
    network.cut(0, 1);
    expect(heard[0]!.slice(2)).toEqual(['n1 a left', 'n1 b left']);
    expect(sizes).toEqual([0, 0]);
    expect(groups[0]!.members('other')).toEqual([]);
    network.heal(0);
    expect(listed(groups[0]!)).toEqual(['n1 a', 'n1 b']);
  });

  it('tell all watchers of changes in one order, also of those that a watcher makes, and a new one only of what comes after it', async () => {
    const { groups } = cluster(1);
    const [first, second, late]: [string[], string[], string[]] = [[], [], []];
    const own = groups[0]!;
    own.watch('g', ({ kind, member: { id } }) => {
      first.push(`${id} ${kind}`);
      if (id !== 'a' || kind !== 'joined') return;
      void own.leave('g', 'a');
      own.watch('g', ({ kind, member: { id } }) => late.push(`${id} ${kind}`));
      void own.join('g', member('n0', 'b'));
    });
    own.watch('g', ({ kind, member: { id } }) => second.push(`${id} ${kind}`));
    await own.join('g', member('n0', 'a'));
    expect(second).toEqual(['a joined', 'a left', 'b joined']);
    expect(first).toEqual(second);
    expect(late).toEqual(['b joined']);
  });

  it('refuse what no other node could be told', async () => {
    const { groups } = cluster(1);
    const refused = [
      groups[0]!.join('g', member('n1', 'a')),
      groups[0]!.join('g\0', member('n0', 'a')),
      groups[0]!.join('g', member('n0', '\ud800')),
      groups[0]!.join('g', member('n0', 'a'.repeat(70_000))),
      groups[0]!.join('g', member('n0', 'a', { large: 'x'.repeat(65_536) })),
    ];
    for (const each of refused) await expect(each).rejects.toThrow(RangeError);
    expect(listed(groups[0]!)).toEqual([]);
  });

  it.each([
    ['no key', 'a', '{}'],
    ['no JSON', 'g\0a', '{'],
    ['no object', 'g\0a', '[1]'],
    ['nothing', 'g\0a', 'null'],
  ])('do not list what has %s', (_, key, value) => {
    const groups = new ClusterGroups('n0', { size: 0, set: () => {}, delete: () => {} });
    groups.onEntry('n1', key, value);
    groups.onGone('n1', key);
    groups.onPurged('n1');
    expect(groups.members('g')).toEqual([]);
  });
});
