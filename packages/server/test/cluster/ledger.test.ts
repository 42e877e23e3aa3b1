import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.ts';

/** Two nodes, a flow on the first, a receiver on the second, and a clock that goes on by 1 with each look. */
function world() {
  let now = 0;
  const ledger = new Ledger(() => now++);
  const flow = ledger.flow('f', 1);
  const receiver = ledger.receiver('r', 2);
  ledger.allReady();
  const publish = (): string => flow.next(now++);
  const acknowledge = (number: number, reason = 0): void => flow.answered(number, reason, now++);
  return { ledger, flow, receiver, publish, acknowledge };
}

describe('the ledger', () => {
  it('finds nothing wrong where all that was acknowledged has come, in order', () => {
    const { ledger, receiver, publish, acknowledge } = world();
    for (let i = 0; i < 3; i++) {
      receiver.receive(publish());
      if (i < 2) acknowledge(i);
    }
    expect(ledger.faults()).toEqual([]);
    expect([ledger.required, ledger.acknowledged]).toEqual([2, 2]);
  });

  it('finds what is missing, but not what was refused, never answered, or before the receiver was ready', () => {
    const { ledger, publish, acknowledge } = world();
    for (let i = 0; i < 3; i++) publish();
    const late = ledger.receiver('late', 2);
    ledger.allReady();
    acknowledge(0);
    acknowledge(1, 0x97);
    expect(ledger.faults()).toHaveLength(1);
    expect(ledger.faults()[0]).toMatch(/^r on node 2 .* misses 1 of flow f on node 1: 0;/);
    expect(late.count).toBe(0);
  });

  it('finds what was swapped, what came twice, and what nobody has sent', () => {
    const { ledger, receiver, publish } = world();
    const [first, second] = [publish(), publish()];
    for (const payload of [second, first, second, 'f 7']) receiver.receive(payload);
    expect(ledger.faults()).toEqual([
      'r on node 2 got f 0 after 1',
      'r on node 2 got f 1 twice',
      'r on node 2 got "f 7", which nobody has sent',
    ]);
  });

  it('lets come twice what its publisher has sent twice', () => {
    const { ledger, flow, receiver, publish } = world();
    receiver.receive(publish());
    receiver.receive(flow.again(0));
    expect([ledger.faults(), receiver.duplicates]).toEqual([[], 1]);
  });

  it('excuses what was on its way while the two nodes were parted, and nothing else', () => {
    const { ledger, publish, acknowledge } = world();
    publish();
    acknowledge(0);
    publish();
    const meet = ledger.part(2, null);
    const elsewhere = ledger.part(2, 3);
    publish();
    acknowledge(1);
    meet();
    acknowledge(2);
    publish();
    acknowledge(3);
    elsewhere();
    expect(ledger.faults()[0]).toMatch(/misses 2 of flow f on node 1: 0, 3;/);
  });
});
