import { describe, expect, it } from 'vitest';
import { MadeUpWorld } from './testing/made-up-world.ts';

/** A subscriber on B that everybody knows, and a publisher on A. */
async function pair(filter = 't/#', qos: 0 | 1 = 1) {
  const world = new MadeUpWorld();
  world.a.view.filters.set('B', [`default ${filter}`]);
  const subscriber = world.subscriber(world.b, 's', filter, qos);
  const publisher = world.connect(world.a, 'p');
  await world.pass(5000);
  return { world, subscriber, publisher };
}

describe('nothing lost', () => {
  it('is content when what was answered was received', async () => {
    const { world, subscriber, publisher } = await pair();
    const message = world.publish(publisher, 't/1');
    world.receive(subscriber, message);
    world.answer(message);
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual([]);
  });

  it('notices an answered message that never came', async () => {
    const { world, publisher } = await pair();
    world.answer(world.publish(publisher, 't/1'));
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual(['nothing lost']);
  });

  it('notices it though the channel broke meanwhile and came back', async () => {
    const { world, publisher } = await pair();
    const message = world.publish(publisher, 't/1');
    world.history.disturbances.note('A', 'B');
    await world.pass(1000);
    world.answer(message);
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual(['nothing lost']);
  });

  it('expects nothing of a node that was held to be down before the answer', async () => {
    const { world, publisher } = await pair();
    const message = world.publish(publisher, 't/1');
    world.history.disturbances.note('A', 'B');
    world.a.view.filters.delete('B');
    world.member(world.a, world.b, 'gone');
    world.answer(message);
    world.member(world.a, world.b, 'up');
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual([]);
  });

  it('notices it though the node was held to be down right after the answer', async () => {
    const { world, publisher } = await pair();
    world.answer(world.publish(publisher, 't/1'));
    world.a.view.filters.delete('B');
    world.member(world.a, world.b, 'gone');
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual(['nothing lost']);
  });

  it('expects nothing for a subscriber that went away, or was subscribed too late', async () => {
    const { world, subscriber, publisher } = await pair();
    world.answer(world.publish(publisher, 't/1'));
    world.history.ledger.gone(subscriber, null);
    const late = world.subscriber(world.b, 'late', 't/#');
    world.answer(world.publish(publisher, 't/1'));
    world.history.ledger.unsubscribing(late, 't/#');
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual([]);
  });

  it('expects QoS 0 only while nothing is wrong', async () => {
    const { world, publisher } = await pair('t/#', 0);
    world.publish(publisher, 't/1', 0);
    world.history.disturbances.note('A', 'B');
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual([]);
    world.publish(publisher, 't/1', 0);
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual(['nothing lost']);
  });
});

describe('order', () => {
  it('notices a swap, and allows a gap', async () => {
    const { world, subscriber, publisher } = await pair();
    const [first, second, third] = [1, 2, 3].map(() => world.publish(publisher, 't/1', 0));
    world.receive(subscriber, first!);
    world.receive(subscriber, third!);
    expect(world.broken).toEqual([]);
    world.receive(subscriber, second!);
    expect(world.broken).toEqual(['order']);
  });

  it('promises nothing between topics and QoS', async () => {
    const { world, subscriber, publisher } = await pair();
    const [first, second] = [world.publish(publisher, 't/1', 0), world.publish(publisher, 't/2', 0)];
    const third = world.publish(publisher, 't/2', 1);
    for (const message of [third, second, first]) world.receive(subscriber, message);
    expect(world.broken).toEqual([]);
  });

  it.each([0, 1] as const)('notices a second copy at QoS %d', async (qos) => {
    const { world, subscriber, publisher } = await pair();
    const message = world.publish(publisher, 't/1', qos);
    world.receive(subscriber, message);
    world.receive(subscriber, message);
    expect(world.broken).toEqual(['order']);
  });

  it('does not count retained copies', async () => {
    const { world, subscriber, publisher } = await pair();
    const message = world.publish(publisher, 't/1', 1, true);
    world.receive(subscriber, message);
    world.receive(subscriber, message, { retain: true });
    expect(world.broken).toEqual([]);
  });
});

describe('realms', () => {
  it('notices a message of another realm', async () => {
    const { world, publisher } = await pair();
    const stranger = world.subscriber(world.b, 'x', 't/#', 1, 'other');
    world.receive(stranger, world.publish(publisher, 't/1'));
    expect(world.broken).toEqual(['realms']);
  });

  it.each([
    ['another topic', { topic: 't/2' }],
    ['a higher QoS', { qos: 1 as const }],
    ['as retained', { retain: true }],
  ])('notices one that came as it was not sent: %s', async (_what, how) => {
    const { world, subscriber, publisher } = await pair();
    world.receive(subscriber, world.publish(publisher, 't/1', 0), how);
    expect(world.broken).toEqual(['realms']);
  });

  it('notices one that nobody asked for', async () => {
    const { world, subscriber, publisher } = await pair('t/1');
    world.receive(subscriber, world.publish(publisher, 't/2'));
    expect(world.broken).toEqual(['realms']);
  });
});

describe('shared subscriptions', () => {
  async function members(qos: 0 | 1) {
    const world = new MadeUpWorld();
    world.a.view.filters.set('B', ['default $share/g/t']);
    world.b.view.filters.set('A', ['default $share/g/t']);
    const [one, two] = [
      world.subscriber(world.a, 'm1', '$share/g/t', qos),
      world.subscriber(world.b, 'm2', '$share/g/t', qos),
    ];
    const publisher = world.connect(world.a, 'p');
    await world.pass(5000);
    return { world, one: one!, two: two!, publisher };
  }

  it('notices two members with one message at QoS 0, whatever is wrong', async () => {
    const { world, one, two, publisher } = await members(0);
    const message = world.publish(publisher, 't', 0);
    world.history.disturbances.note('A', 'B');
    world.receive(one, message);
    world.receive(two, message);
    expect(world.broken).toEqual(['shared subscriptions']);
  });

  it('notices two members with one message at QoS 1 while nothing is wrong, and not otherwise', async () => {
    const { world, one, two, publisher } = await members(1);
    const play = async (disturbed: boolean): Promise<string[]> => {
      const message = world.publish(publisher, 't');
      if (disturbed) world.history.disturbances.note('A', 'B');
      world.receive(one, message);
      world.receive(two, message);
      world.answer(message);
      await world.pass(20_000);
      world.checker.atEnd();
      return world.broken;
    };
    expect(await play(true)).toEqual([]);
    expect(await play(false)).toEqual(['shared subscriptions']);
  });

  it.each([0, 1] as const)('notices a message at QoS %d that no member got', async (qos) => {
    const { world, publisher } = await members(qos);
    const message = world.publish(publisher, 't', qos);
    if (qos > 0) world.answer(message);
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual(['shared subscriptions']);
  });

  it('expects nothing when a member went away', async () => {
    const { world, two, publisher } = await members(1);
    world.answer(world.publish(publisher, 't'));
    world.history.ledger.gone(two, null);
    await world.pass(20_000);
    world.checker.atEnd();
    expect(world.broken).toEqual([]);
  });
});

describe('publishers are answered', () => {
  it('notices one that is not', async () => {
    const { world, publisher } = await pair();
    world.publish(publisher, 'nobody/listens');
    await world.pass(9_000);
    world.checker.everySecond();
    expect(world.broken).toEqual([]);
    await world.pass(2_000);
    world.checker.everySecond();
    expect(world.broken).toEqual(['publishers are answered']);
  });

  it('waits while something is wrong, and not for those that are gone', async () => {
    const { world, publisher } = await pair();
    world.publish(publisher, 'nobody/listens');
    const over = world.history.disturbances.begin('A', 'B');
    await world.pass(30_000);
    world.checker.everySecond();
    over();
    await world.pass(9_000);
    world.checker.everySecond();
    world.history.ledger.gone(publisher, null);
    await world.pass(9_000);
    world.checker.everySecond();
    expect(world.broken).toEqual([]);
  });
});
