import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import { seeded } from '../testing/seed.ts';
import { SMALL_PACE, TableNetwork } from './testing/table-network.ts';

const NODES = 4;
const node = fc.nat(NODES - 1);
const key = fc.oneof(
  fc.nat(15).map((n) => `default\0a/${n}`),
  fc.nat(3).map((n) => `default\0$share/é/${n}\u{1f600}`),
);
const value = fc.constantFrom('', '1 0', '2 1', 'x'.repeat(90));

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ is: fc.constant('set' as const), node, key, value }) },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('delete' as const), node, key }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('burst' as const), node, count: fc.nat(40) }) },
  { weight: 8, arbitrary: fc.record({ is: fc.constant('deliver' as const), a: node, b: node, count: fc.nat(6) }) },
  { weight: 8, arbitrary: fc.record({ is: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('digest' as const) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('cut', 'connect', 'lose', 'resume'), a: node, b: node }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(network: TableNetwork, step: Step): void {
  switch (step.is) {
    case 'set':
      network.nodes[step.node]!.interest.set(step.key, step.value);
      network.nodes[step.node]!.groups.set(`g\0${step.key}`, step.value);
      return;
    case 'delete':
      network.nodes[step.node]!.interest.delete(step.key);
      return;
    case 'burst':
      for (let i = 0; i < step.count; i++) network.nodes[step.node]!.interest.set(`burst\0${i}`, '');
      return;
    case 'deliver':
      if (step.a !== step.b) network.deliver(step.a, step.b, step.count);
      return;
    case 'turn':
      network.turn();
      return;
    case 'digest':
      network.clock.advance(10_000);
      return;
    default:
      network[step.is](step.a, step.b);
  }
}

function expectCopies(network: TableNetwork): void {
  for (const owner of network.nodes) {
    for (const other of network.nodes) {
      if (other === owner) continue;
      expect(new Map(other.interestCopies.of(owner.id))).toEqual(new Map(owner.interest.entries()));
      expect(new Map(other.groupCopies.of(owner.id))).toEqual(new Map(owner.groups.entries()));
      expect(other.tables.isLevel(owner.id)).toBe(true);
    }
  }
}

describe('tables', () => {
  it('are the same on all nodes in the end, whatever was changed, delayed, cut and lost before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const network = new TableNetwork(NODES, SMALL_PACE);
        network.connectAll();
        for (const each of steps) take(network, each);
        const isLossless = steps.every(({ is }) => is !== 'lose');
        // What is lost shows at the next digest, and the one after it, if that has crossed a question.
        network.heal(isLossless ? 0 : 3);
        expectCopies(network);
        if (isLossless) expect(network.resyncs).toBe(0);
        for (const { tables } of network.nodes) for (const { id } of network.nodes) tables.linkGone(id);
        expect(network.clock.pending).toBe(0);
        for (const { interestCopies, groupCopies } of network.nodes) {
          expect([interestCopies.copies.size, groupCopies.copies.size]).toEqual([0, 0]);
        }
      }),
      seeded(400),
    );
  });

  it('are the same also where frames of any kind go missing or change', () => {
    const harm = fc.record({ at: fc.nat(60), drops: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(harm, { minLength: 1, maxLength: 4 }), (steps, harms) => {
        const network = new TableNetwork(2, SMALL_PACE);
        let frames = 0;
        network.tamper = ({ type, body }) => {
          // A lost answer to the question how far one is would stop everything: links lose frames only with their channel.
          if (type === FrameType.Pace || type === FrameType.PaceAnswer) return body;
          const planted = harms.find(({ at }) => at === frames);
          frames++;
          if (planted === undefined) return body;
          if (planted.drops) return null;
          // The last byte: of a text, of a digest, of a number.
          const last = body.length - 1;
          return body.map((byte, i) => (i === last && byte < 0x80 ? byte ^ 1 : byte));
        };
        network.onProblem = (_, from, to) => {
          network.cut(from, to);
          network.connect(from, to);
        };
        network.connectAll();
        for (const each of steps) {
          if ('node' in each) take(network, { ...each, node: each.node % 2 });
          else if (each.is === 'turn') network.run();
        }
        network.heal(1);
        network.tamper = ({ body }) => body;
        network.heal(6);
        expectCopies(network);
      }),
      seeded(300),
    );
  });
});
