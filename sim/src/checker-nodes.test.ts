import { describe, expect, it } from 'vitest';
import { MadeUpWorld } from './testing/made-up-world.ts';

describe('convergence', () => {
  function settled() {
    const world = new MadeUpWorld();
    world.subscriber(world.b, 's', 't/#');
    world.b.view.filters.set('', ['default t/#']);
    world.a.view.filters.set('B', ['default t/#']);
    return world;
  }

  it('is content when every node knows what is wanted', () => {
    const world = settled();
    world.checker.whenSettled();
    expect(world.broken).toEqual([]);
  });

  it.each<[string, (world: MadeUpWorld) => void]>([
    ['a filter that another node does not know', ({ a }) => a.view.filters.clear()],
    ['a filter that is no longer wanted', ({ a }) => a.view.filters.set('B', ['default t/#', 'default u'])],
    [
      'a filter that is known and not used',
      ({ a }) => {
        a.view.used = 0;
      },
    ],
    ['a filter in another realm', ({ a }) => a.view.filters.set('B', ['other t/#'])],
    ['a node that does not know its own filters', ({ b }) => b.view.filters.delete('')],
    [
      'a member that is not known',
      ({ a }) => {
        a.view.known = [];
      },
    ],
    [
      'a member from an earlier life',
      ({ a }) => {
        a.view.known = [{ nodeId: 'B', incarnation: 0 }];
      },
    ],
    [
      'a member of a group that is not known everywhere',
      ({ a, b, groupMembers }) => {
        groupMembers.push('m A');
        a.view.groupMembers = [{ id: 'm', nodeId: 'A' }];
        b.view.groupMembers = [];
      },
    ],
    [
      'retained messages that differ',
      ({ a }) => {
        a.view.kept = [{ realm: 'default', topic: 'r', payload: '1' }];
      },
    ],
  ])('notices %s', (_what, spoil) => {
    const world = settled();
    spoil(world);
    world.checker.whenSettled();
    expect(world.broken).toEqual(['convergence']);
  });
});

describe('interest travels', () => {
  it('is content when a filter is known in time', async () => {
    const world = new MadeUpWorld();
    await world.pass(5000);
    world.subscriber(world.b, 's', 't/#');
    world.a.view.filters.set('B', ['default t/#']);
    await world.pass(2000);
    expect(world.broken).toEqual([]);
  });

  it('notices a filter that is not known', async () => {
    const world = new MadeUpWorld();
    await world.pass(5000);
    world.subscriber(world.b, 's', 't/#');
    await world.pass(2000);
    expect(world.broken).toEqual(['interest travels']);
  });

  it('notices a filter that is known, and not used', async () => {
    const world = new MadeUpWorld();
    await world.pass(5000);
    world.subscriber(world.b, 's', 't/#');
    world.a.view.filters.set('B', ['default t/#']);
    world.a.view.routes = [];
    await world.pass(2000);
    expect(world.broken).toEqual(['interest travels']);
  });

  it('notices a filter that is not forgotten', async () => {
    const world = new MadeUpWorld();
    await world.pass(5000);
    const connection = world.subscriber(world.b, 's', 't/#');
    world.a.view.filters.set('B', ['default t/#']);
    await world.pass(2000);
    world.history.ledger.unsubscribing(connection, 't/#');
    world.checker.subscriptionChanged(connection.subscriptions[0]!);
    await world.pass(2000);
    expect(world.broken).toEqual(['interest travels']);
  });

  it('expects nothing while something is wrong, or of a node that is stopped', async () => {
    const world = new MadeUpWorld();
    await world.pass(5000);
    world.subscriber(world.b, 's', 't/#');
    world.history.disturbances.note('A', 'B');
    await world.pass(5000);
    world.subscriber(world.b, 's2', 'u/#');
    world.a.suspended = true;
    await world.pass(5000);
    expect(world.broken).toEqual([]);
  });
});

describe('members', () => {
  it('have no interest left when others hear that they are gone', () => {
    const world = new MadeUpWorld();
    world.a.view.filters.set('B', ['default t/#']);
    world.member(world.a, world.b, 'gone');
    expect(world.broken).toEqual(['purged before told']);
  });

  it('are sent nothing either', () => {
    const world = new MadeUpWorld();
    world.a.view.used = 1;
    world.member(world.a, world.b, 'gone');
    expect(world.broken).toEqual(['purged before told']);
  });

  it('have no place in a group left either', () => {
    const world = new MadeUpWorld();
    world.a.view.groupMembers = [{ id: 'm', nodeId: 'B' }];
    world.member(world.a, world.b, 'gone');
    expect(world.broken).toEqual(['purged before told']);
  });

  it('leave before they join again', () => {
    const world = new MadeUpWorld();
    world.history.lives.started('B', 2);
    world.member(world.a, world.b, 'up', 2);
    expect(world.broken).toEqual(['a restart is a leave and a join']);
  });

  it('are never two lives under one incarnation', () => {
    const world = new MadeUpWorld();
    world.member(world.a, world.b, 'gone');
    world.history.lives.started('B', 1);
    world.member(world.a, world.b, 'up', 1);
    expect(world.broken).toEqual(['a restart is a leave and a join']);
  });

  it('may be up, gone, and up again in one life, and restart', () => {
    const world = new MadeUpWorld();
    world.member(world.a, world.b, 'gone');
    world.member(world.a, world.b, 'up');
    world.member(world.a, world.b, 'gone');
    world.history.lives.started('B', 2);
    world.member(world.a, world.b, 'up', 2);
    expect(world.broken).toEqual([]);
  });
});

describe('failures', () => {
  it('are noticed in time', async () => {
    const world = new MadeUpWorld();
    world.history.lives.ended(world.b.life);
    await world.pass(5_000);
    world.checker.everySecond();
    expect(world.broken).toEqual([]);
    await world.pass(2_000);
    world.checker.everySecond();
    expect(world.broken).toEqual(['a failure is noticed']);
  });

  it('may be noticed late by a node that was stopped', async () => {
    const world = new MadeUpWorld();
    world.history.lives.ended(world.b.life);
    await world.pass(5_000);
    world.a.suspended = true;
    world.checker.everySecond();
    world.a.suspended = false;
    await world.pass(4_000);
    world.checker.everySecond();
    world.member(world.a, world.b, 'gone');
    await world.pass(9_000);
    world.checker.everySecond();
    expect(world.broken).toEqual([]);
  });

  it('are not seen where there are none', () => {
    const world = new MadeUpWorld();
    world.checker.whenSettled();
    world.member(world.a, world.b, 'gone');
    expect(world.broken).toEqual(['no failure without a fault']);
  });
});

describe('one connection per client id', () => {
  it('notices two', () => {
    const world = new MadeUpWorld();
    world.connect(world.a, 'same');
    world.connect(world.b, 'same');
    world.checker.whenSettled();
    expect(world.broken).toEqual(['one connection per client id']);
  });

  it('is content with one, and with the same id in two realms', () => {
    const world = new MadeUpWorld();
    world.history.ledger.gone(world.connect(world.a, 'same'), 0x8e);
    world.connect(world.b, 'same');
    world.connect(world.b, 'same', 'other');
    world.checker.whenSettled();
    expect(world.broken).toEqual([]);
  });

  it('notices that the later one was ended', () => {
    const world = new MadeUpWorld();
    world.history.ledger.gone(world.connect(world.a, 'same'), null);
    world.history.ledger.gone(world.connect(world.b, 'same'), 0x8e);
    world.checker.whenSettled();
    expect(world.broken).toEqual(['one connection per client id']);
  });
});

describe('bounded queues', () => {
  it('notices a queue past its bound', () => {
    const world = new MadeUpWorld();
    world.a.view.queuedBytes = 20 * 1024 * 1024;
    world.checker.everySecond();
    expect(world.broken).toEqual(['bounded queues']);
  });

  it('notices what is left when nobody publishes any more', () => {
    const world = new MadeUpWorld();
    world.b.view.queued = 1;
    world.checker.atEnd();
    expect(world.broken).toEqual(['bounded queues']);
  });
});
