import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import { seeded } from '../testing/seed.ts';
import { TableId } from './own-table.ts';
import { TABLE_PACE } from './table-feed.ts';
import { integersBody } from './table-frames.ts';
import { type SentFrame, SMALL_PACE, TableNetwork } from './testing/table-network.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Two nodes; the first has `count` entries, and the second knows them. */
function pair(count: number, pace = SMALL_PACE): TableNetwork {
  const network = new TableNetwork(2, pace);
  for (const i of range(count)) network.nodes[0]!.interest.set(`k${i}`, '');
  network.connect(0, 1);
  network.run();
  return network;
}

const owner = (network: TableNetwork) => network.nodes[0]!.interest;
const copy = (network: TableNetwork) => network.nodes[1]!.interestCopies.of('n0');
const copyIsRight = (network: TableNetwork): boolean =>
  JSON.stringify([...copy(network)].sort()) === JSON.stringify([...owner(network).entries()].sort());
const typesOf = (frames: readonly SentFrame[]): number[] => frames.map(({ type }) => type);

describe('changes', () => {
  it('of one turn are one delta, put together once for all links', () => {
    const network = new TableNetwork(3);
    network.connectAll();
    network.run();
    for (const i of range(100)) owner(network).set(`k${i}`, '');
    owner(network).set('k0', 'more');
    network.turn();
    expect(typesOf(network.queue(0, 1))).toEqual([FrameType.Delta]);
    expect(network.queue(0, 2)[0]!.body).toEqual(network.queue(0, 1)[0]!.body);
    network.run();
    expect(copy(network).size).toBe(100);
    expect(copy(network).get('k0')).toBe('more');
  });

  it('that are taken back within the turn are told to nobody', () => {
    const network = pair(1);
    const before = network.sent;
    owner(network).set('new', '');
    owner(network).delete('new');
    owner(network).delete('k0');
    owner(network).set('k0', 'other');
    owner(network).set('k0', '');
    network.run();
    expect(network.sent).toBe(before);
  });

  it('that are more than fit into a delta go with those of the next turns', () => {
    const network = pair(0);
    for (const i of range(10)) owner(network).set(`k${i}`, '');
    network.turn();
    expect(typesOf(network.queue(0, 1)).filter((type) => type === FrameType.Delta)).toHaveLength(1);
    network.run();
    expect(copyIsRight(network)).toBe(true);
    expect(network.resyncs).toBe(0);
  });

  it('of texts that no frame can carry are refused', () => {
    const table = owner(pair(0));
    expect(() => table.set('\ud800', '')).toThrow(RangeError);
    expect(() => table.set('k', '\udc00')).toThrow(RangeError);
    expect(() => table.set('k'.repeat(70_001), '')).toThrow(RangeError);
    expect(() => table.set('k', 'v'.repeat(65_537))).toThrow(RangeError);
    expect(table.size).toBe(0);
  });
});

describe('a snapshot', () => {
  it('of 100,000 entries goes in slices, and waits for the other end', () => {
    const network = new TableNetwork(2, TABLE_PACE);
    for (const i of range(100_000)) owner(network).set(`default\0plant/${i % 100}/line/${i}`, '');
    for (const _ of range(100_000 / TABLE_PACE.sliceEntries + 1)) network.turn();
    network.connect(0, 1);
    const most = TABLE_PACE.sliceBytes + 100;
    const bytesOf = (): number => network.queue(0, 1).reduce((sum, { body }) => sum + body.length, 0);
    for (let before = 0; ; before = bytesOf()) {
      network.turn();
      expect(bytesOf() - before).toBeLessThan(most);
      if (bytesOf() === before) break;
    }
    expect(bytesOf()).toBeGreaterThan(TABLE_PACE.windowBytes / 2);
    expect(bytesOf()).toBeLessThan(TABLE_PACE.windowBytes + most);
    network.run();
    expect(copy(network).size).toBe(100_000);
    expect(network.nodes[1]!.tables.isLevel('n0')).toBe(true);
    expect(network.resyncs).toBe(0);
  });

  it('has deltas among its slices, each change after what it changes', () => {
    const network = new TableNetwork(2, { ...SMALL_PACE, windowBytes: 100_000 });
    for (const i of range(30)) owner(network).set(`k${i}`, 'old');
    for (const _ of range(11)) network.turn();
    network.connect(0, 1);
    for (const i of range(5)) {
      network.turn();
      owner(network).set(`k${i}`, 'new');
      owner(network).delete(`k${29 - i}`);
      owner(network).set(`extra${i}`, '');
    }
    for (const _ of range(20)) network.turn();
    const types = typesOf(network.queue(0, 1).filter(({ body }) => body[0] === TableId.Interest));
    const slices = types.slice(types.indexOf(FrameType.Entries), types.indexOf(FrameType.SnapshotEnd));
    expect(slices).toContain(FrameType.Delta);
    expect(slices.at(-1)).not.toBe(FrameType.Delta);
    network.run();
    expect(copyIsRight(network)).toBe(true);
    expect(network.resyncs).toBe(0);
  });

  it('tells no change that is in no delta yet: it may still be taken back', () => {
    const network = new TableNetwork(2, SMALL_PACE);
    for (const i of range(9)) owner(network).set(`k${i}`, 'old');
    for (const _ of range(4)) network.turn();
    network.connect(0, 1);
    for (const i of range(9)) owner(network).set(`first${i}`, '');
    owner(network).set('k0', 'new');
    network.turn();
    owner(network).set('k0', 'old');
    network.run();
    expect([copyIsRight(network), network.resyncs]).toEqual([true, 0]);
  });

  it('gives each link its turn when many come up at once', () => {
    const network = new TableNetwork(8, { ...SMALL_PACE, slicesPerTurn: 2 });
    for (const i of range(9)) owner(network).set(`k${i}`, '');
    for (const _ of range(5)) network.turn();
    for (const i of range(7)) network.connect(0, i + 1);
    let most = 0;
    for (
      let turns = 0;
      range(7).some((i) => !typesOf(network.queue(0, i + 1)).includes(FrameType.SnapshotEnd));
      turns++
    ) {
      const before = range(7).map((i) => network.queue(0, i + 1).length);
      network.turn();
      most = Math.max(most, before.filter((length, i) => network.queue(0, i + 1).length > length).length);
      for (const i of range(7)) network.deliver(i + 1, 0);
      expect(turns).toBeLessThan(40);
    }
    // Two of the table with entries and two of the other.
    expect(most).toBeLessThanOrEqual(4);
  });

  it('after a link that took nothing for long tells what changed meanwhile, or everything when that is too much', () => {
    for (const changes of [5, 40]) {
      const network = pair(5);
      const begins: number[] = [];
      network.tamper = ({ type, body, from }) => {
        if (type === FrameType.SnapshotBegin && from === 'n0') begins.push(type);
        return body;
      };
      for (const i of range(30)) {
        owner(network).set('k0', `${i}`);
        network.turn();
      }
      const stuck = network.queue(0, 1).length;
      for (const i of range(changes)) owner(network).set(`more${i}`, '');
      for (const _ of range(20)) network.turn();
      expect(network.queue(0, 1)).toHaveLength(stuck);
      network.run();
      expect(copyIsRight(network)).toBe(true);
      expect([begins.length, network.resyncs]).toEqual([changes > SMALL_PACE.maxBehind ? 1 : 0, 0]);
    }
  });

  it('of a resync removes at its end, bit by bit, what the owner does not have, and nothing before', () => {
    const network = pair(0, TABLE_PACE);
    for (const i of range(9000)) owner(network).set(`k${i}`, '');
    network.run();
    // What the copy hears no more of.
    network.tamper = ({ type, body }) => (type === FrameType.Delta ? null : body);
    for (const i of range(8999)) owner(network).delete(`k${i}`);
    network.run();
    network.tamper = ({ body }) => body;
    network.clock.advance(10_000);
    const sizes: number[] = [];
    for (const _ of range(12)) {
      network.deliver(0, 1);
      network.deliver(1, 0);
      network.turn();
      sizes.push(copy(network).size);
    }
    expect([sizes[0], sizes.at(-1)]).toEqual([9000, 1]);
    for (const [i, size] of sizes.entries()) expect((sizes[i - 1] ?? size) - size).toBeLessThanOrEqual(2000);
  });
});

describe('a mistake on the way', () => {
  const plant = (network: TableNetwork, type: number, how: (body: Uint8Array) => Uint8Array | null): void => {
    let isPlanted = false;
    network.tamper = (frame) => {
      if (isPlanted || frame.type !== type) return frame.body;
      isPlanted = true;
      return how(frame.body);
    };
  };

  it('a delta that is missing shows by the number of the next', () => {
    const network = pair(5);
    plant(network, FrameType.Delta, () => null);
    owner(network).delete('k1');
    network.run();
    expect(copy(network).has('k1')).toBe(true);
    owner(network).set('k9', '');
    network.run();
    expect(copyIsRight(network)).toBe(true);
    expect(network.resyncs).toBe(1);
  });

  it('an entry that is not what it was shows at the end of the snapshot', () => {
    const network = new TableNetwork(2, SMALL_PACE);
    plant(network, FrameType.Entries, (body) => body.map((byte) => (byte === 0x35 ? 0x36 : byte)));
    for (const i of range(10)) owner(network).set(`k${i}`, `v${i}`);
    for (const _ of range(5)) network.turn();
    plant(network, FrameType.Entries, (body) => body.map((byte) => (byte === 0x31 ? 0x36 : byte)));
    network.connect(0, 1);
    network.run();
    expect(copyIsRight(network)).toBe(true);
    expect(network.resyncs).toBe(1);
  });

  it('a change that is not what it was shows by the next digest', () => {
    const network = pair(5);
    plant(network, FrameType.Delta, (body) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte)));
    owner(network).set('k2', 'value');
    network.run();
    expect([copyIsRight(network), network.resyncs]).toEqual([false, 0]);
    network.clock.advance(9999);
    network.run();
    expect(copyIsRight(network)).toBe(false);
    network.clock.advance(1);
    network.run();
    expect([copyIsRight(network), network.resyncs]).toEqual([true, 1]);
  });

  it('a question that is lost with its channel is asked again', () => {
    const network = pair(5);
    plant(network, FrameType.Delta, () => null);
    owner(network).delete('k1');
    network.turn();
    owner(network).set('k9', '');
    network.turn();
    network.deliver(0, 1);
    expect(typesOf(network.queue(1, 0))).toContain(FrameType.Resync);
    network.lose(0, 1);
    network.resume(0, 1);
    network.run();
    expect(copyIsRight(network)).toBe(true);
  });

  it('what is lost with a channel is found as soon as there is another', () => {
    const network = pair(5);
    owner(network).delete('k1');
    network.turn();
    network.lose(0, 1);
    owner(network).set('k7', '');
    network.turn();
    network.resume(0, 1);
    network.run();
    expect([copyIsRight(network), network.resyncs]).toEqual([true, 1]);
  });

  it('a snapshot that is lost with its channel begins again', () => {
    const network = new TableNetwork(2, SMALL_PACE);
    for (const i of range(20)) owner(network).set(`k${i}`, '');
    for (const _ of range(8)) network.turn();
    network.connect(0, 1);
    for (const _ of range(3)) network.turn();
    network.deliver(1, 0);
    network.deliver(0, 1, 4);
    expect(copy(network).size).toBeGreaterThan(0);
    network.lose(0, 1);
    network.resume(0, 1);
    const begins: number[] = [];
    network.tamper = ({ type, body }) => {
      if (type === FrameType.SnapshotBegin) begins.push(body[0]!);
      return body;
    };
    network.run();
    expect([copyIsRight(network), begins]).toEqual([true, [TableId.Interest]]);
  });

  it('there is no digest and no resync where all goes well', () => {
    const network = pair(50);
    network.heal(5);
    expect(network.resyncs).toBe(0);
  });
});

describe('a frame that is none', () => {
  const take = (type: number, body: readonly number[], maxEntries?: number): string | null => {
    const network = new TableNetwork(2, SMALL_PACE, maxEntries);
    network.connect(0, 1);
    network.run();
    return network.nodes[1]!.tables.onFrame('n0', type, Uint8Array.from(body), 0, body.length);
  };

  it.each([
    ['without a table', FrameType.Delta, []],
    ['with half a change', FrameType.Delta, [1, 0, 1, 1, 2, 65]],
    ['with a change of no kind', FrameType.Delta, [1, 0, 1, 2, 1, 65]],
    ['with a key without a value', FrameType.Entries, [1, 1, 65]],
    ['with a key that is too long', FrameType.Entries, [1, 0xf1, 0xa2, 0x04, ...new Array<number>(70_100).fill(65)]],
    ['with a key that is no UTF-8', FrameType.Entries, [1, 2, 0xc3, 65, 0]],
    ['with half a digest', FrameType.Digest, [1, 0, 0, 1, 2, 3]],
    ['with an integer that is too large', FrameType.SnapshotBegin, [1, ...new Array<number>(9).fill(0xff)]],
    ['with an answer to no question', FrameType.PaceAnswer, [1, ...integersBody(100_000)]],
  ])('%s is told to the caller', (_, type, body) => {
    expect(take(type, body)).toMatch(/./);
  });

  it('with more entries than one node may have is told to the caller', () => {
    expect(take(FrameType.Entries, [1, 1, 65, 0, 1, 66, 0], 2)).toBeNull();
    expect(take(FrameType.Entries, [1, 1, 65, 0, 1, 66, 0, 1, 67, 0], 2)).toMatch(/more than 2 entries/);
  });

  it('holds a replacement character that was meant', () => {
    expect(take(FrameType.Entries, [1, 3, 0xef, 0xbf, 0xbd, 0])).toBeNull();
  });

  it('is of a table, a type or a node that is not known: nothing happens, but a question is answered', () => {
    expect(take(FrameType.Delta, [3, 255])).toBeNull();
    expect(take(FrameType.Members, [])).toBeNull();
    const network = pair(0);
    expect(network.nodes[1]!.tables.onFrame('stranger', FrameType.Delta, Uint8Array.of(255), 0, 1)).toBeNull();
    expect(network.nodes[1]!.tables.onFrame('n0', FrameType.Pace, Uint8Array.of(77, 5), 0, 2)).toBeNull();
    expect(network.queue(1, 0).at(-1)).toMatchObject({ type: FrameType.PaceAnswer, body: Uint8Array.of(77, 5) });
  });

  it('never throws, whatever is in it', () => {
    const type = fc.integer({ min: 0, max: 63 });
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 40 })), { maxLength: 20 }), (frames) => {
        const network = pair(3);
        for (const [type, body] of frames) {
          for (const bytes of [body, Uint8Array.of(1, ...body)]) {
            const problem = network.nodes[1]!.tables.onFrame('n0', type, bytes, 0, bytes.length);
            expect(problem === null || problem.length > 0).toBe(true);
          }
        }
      }),
      seeded(300),
    );
  });
});

describe('a node that is gone', () => {
  it('is forgotten at once, and heard no more of in the frame that had it removed', () => {
    const network = pair(0);
    const { interestCopies, tables } = network.nodes[1]!;
    const onEntry = interestCopies.onEntry.bind(interestCopies);
    interestCopies.onEntry = (nodeId, key, value) => {
      onEntry(nodeId, key, value);
      tables.linkGone('n0');
    };
    for (const i of range(3)) owner(network).set(`k${i}`, '');
    network.turn();
    network.deliver(0, 1);
    network.turn();
    expect([interestCopies.told, interestCopies.copies.size]).toEqual([1, 0]);
  });

  it('has nothing more to sweep', () => {
    const network = pair(0, TABLE_PACE);
    for (const i of range(5000)) owner(network).set(`k${i}`, '');
    network.run();
    network.tamper = ({ type, body }) => (type === FrameType.Delta ? null : body);
    for (const i of range(5000)) owner(network).delete(`k${i}`);
    network.run();
    network.clock.advance(10_000);
    for (let turns = 0; copy(network).size === 5000; turns++) {
      expect(turns).toBeLessThan(50);
      network.turn();
      network.deliver(0, 1);
      network.deliver(1, 0);
    }
    const { told } = network.nodes[1]!.interestCopies;
    network.cut(0, 1);
    network.run();
    expect(network.nodes[1]!.interestCopies.told).toBe(told);
  });
});
