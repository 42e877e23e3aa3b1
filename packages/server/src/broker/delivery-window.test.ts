import { RecentTopic } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { Message } from './message.ts';
import { Delivery } from './session-store.ts';

const MESSAGE = Message.of(new RecentTopic('t', Buffer.from('t'), 0), Buffer.from('x'), { qos: 1, retain: false });
const delivery = (sequence: number) =>
  new Delivery(MESSAGE, { qos: 1, retain: false, identifiers: null, share: null }, sequence);

describe('a delivery window', () => {
  it('behaves as a map does: ids are unique while in use, found by id, gone once deleted', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ add: true, pick: 0 }) },
      { weight: 2, arbitrary: fc.record({ add: fc.constant(false), pick: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
        const window = new DeliveryWindow();
        const model = new Map<number, Delivery>();
        actions.forEach(({ add, pick }, i) => {
          if (add) {
            const one = delivery(i);
            window.add(one);
            expect(model.has(one.packetId)).toBe(false);
            model.set(one.packetId, one);
          } else {
            const id = [...model.keys()][pick % Math.max(1, model.size)] ?? pick % 0x1_0000;
            expect(window.get(id)).toBe(model.get(id) ?? null);
            window.delete(id);
            window.delete(id);
            model.delete(id);
            expect(window.get(id)).toBeNull();
          }
          expect(window.size).toBe(model.size);
        });
        expect(new Set(window)).toEqual(new Set(model.values()));
        for (const [id, one] of model) expect(window.get(id)).toBe(one);
      }),
      seeded(200),
    );
  });

  it('goes round after 65,535, leaves out 0, and passes ids over that are still in use [MQTT-2.2.1-3] [MQTT-2.2.1-4]', () => {
    const window = new DeliveryWindow();
    const stays = [delivery(0), delivery(1), delivery(2)];
    for (const one of stays) window.add(one);
    const seen = new Set<number>();
    for (let i = 0; i < 140_000; i++) {
      const one = delivery(i);
      window.add(one);
      expect(one.packetId >= 1 && one.packetId <= 0xffff).toBe(true);
      seen.add(one.packetId);
      window.delete(one.packetId);
    }
    for (const one of stays) {
      expect(seen.has(one.packetId)).toBe(false);
      expect(window.get(one.packetId)).toBe(one);
    }
  });

  it('holds as many as a client may have in flight', () => {
    const window = new DeliveryWindow();
    const ids = new Set<number>();
    for (let i = 0; i < 65_535; i++) {
      const one = delivery(i);
      window.add(one);
      ids.add(one.packetId);
    }
    expect(ids.size).toBe(65_535);
    window.delete(777);
    const last = delivery(0);
    window.add(last);
    expect(last.packetId).toBe(777);
  });

  it('finds nothing under ids that were never given', () => {
    const window = new DeliveryWindow();
    expect(window.get(1)).toBeNull();
    window.add(delivery(0));
    expect(window.get(17)).toBeNull();
    window.delete(17);
    expect(window.size).toBe(1);
  });
});
