import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { type Ack, AckSlots } from './ack-slots.ts';

type Answer = [packetId: number, ack: Ack, reason: number];

const recorded = () => {
  const answers: Answer[] = [];
  const slots = new AckSlots({ writeAcknowledgement: (...answer) => answers.push(answer) });
  return { slots, answers };
};

describe('acknowledgement slots', () => {
  it('answer once the last obligation is met', () => {
    const { slots, answers } = recorded();
    const slot = slots.take(7, 1);
    slots.oblige(slot);
    slots.meet(slot);
    expect(answers).toEqual([]);
    slots.meet(slot);
    expect(answers).toEqual([[7, 1, 0]]);
    expect(slots.pending).toBe(0);
  });

  it('answer in the order they were taken [MQTT-4.6.0-2]', () => {
    const { slots, answers } = recorded();
    const [a, b, c] = [slots.take(1, 1), slots.take(2, 2), slots.take(3, 1)];
    slots.meet(c);
    slots.meet(b, 0x10);
    expect(answers).toEqual([]);
    expect(slots.pendingQos1).toBe(2);
    slots.meet(a, 0x97);
    expect(answers).toEqual([
      [1, 1, 0x97],
      [2, 2, 0x10],
      [3, 1, 0],
    ]);
    expect(slots.pendingQos1).toBe(0);
  });

  it('tell the gravest of several reasons', () => {
    const { slots, answers } = recorded();
    const slot = slots.take(1, 2);
    for (let i = 0; i < 3; i++) slots.oblige(slot);
    for (const reason of [0x10, 0x97, 0x80, 0]) slots.meet(slot, reason);
    expect(answers).toEqual([[1, 2, 0x97]]);
  });

  it('are not harmed by an obligation that is met late: not after the answer, nor while it is held back', () => {
    const { slots, answers } = recorded();
    const [a, b] = [slots.take(1, 1), slots.take(2, 1)];
    slots.meet(b);
    slots.meet(b);
    slots.meet(a);
    slots.meet(a);
    slots.meet(b);
    expect(answers).toEqual([
      [1, 1, 0],
      [2, 1, 0],
    ]);
    slots.meet(slots.take(3, 1));
    expect(answers).toHaveLength(3);
  });

  it('can be taken and met from within an answer', () => {
    const answers: number[] = [];
    const slots: AckSlots = new AckSlots({
      writeAcknowledgement: (packetId) => {
        answers.push(packetId);
        if (packetId < 5) slots.meet(slots.take(packetId + 1, 1));
      },
    });
    slots.meet(slots.take(1, 1));
    expect(answers).toEqual([1, 2, 3, 4, 5]);
    expect(slots.pending).toBe(0);
  });

  it('behave as a naive model does, over growth and wrap-around', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('take' as const), qos: fc.constantFrom(1 as const, 2 as const), extra: fc.nat(2) }),
      fc.record({
        do: fc.constant('meet' as const),
        pick: fc.nat(),
        reason: fc.constantFrom(0, 0x10, 0x80, 0x97),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 500 }), (actions) => {
        const { slots, answers } = recorded();
        const model: { packetId: number; qos: 1 | 2; open: number; reason: number; slot: number }[] = [];
        const expected: Answer[] = [];
        let packetId = 0;
        for (const act of actions) {
          if (act.do === 'take') {
            const slot = slots.take(++packetId, act.qos);
            for (let i = 0; i < act.extra; i++) slots.oblige(slot);
            model.push({ packetId, qos: act.qos, open: 1 + act.extra, reason: 0, slot });
          } else {
            const open = model.filter((entry) => entry.open > 0);
            const entry = open[act.pick % Math.max(1, open.length)];
            if (entry === undefined) continue;
            entry.open--;
            entry.reason = Math.max(entry.reason, act.reason);
            slots.meet(entry.slot, act.reason);
          }
          while (model[0]?.open === 0) {
            const { packetId: id, qos, reason } = model.shift()!;
            expected.push([id, qos, reason]);
          }
          expect(answers).toEqual(expected);
          expect(slots.pending).toBe(model.length);
          expect(slots.pendingQos1).toBe(model.filter((entry) => entry.qos === 1).length);
        }
      }),
      seeded(150),
    );
  });
});
