import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { anyFilter } from '../../testing/topics.ts';
import { pathOfFilter, plainFilter, takesPart } from '../key-paths.ts';
import type { ClusterForMesh } from '../ports.ts';
import { ClusterWants } from './cluster-wants.ts';

type Watcher = Parameters<ClusterForMesh['watchInterest']>[0];

const REALMS = ['default', 'other'];

/** What it says to its listener, and what the listener makes of that. */
class World {
  readonly federated = new Set<string>();
  readonly said: string[] = [];
  /** `{realm} {path} {filter}` */
  readonly filters = new Set<string>();
  readonly paths = new Set<string>();
  watcher: Watcher | null = null;
  readonly wants: ClusterWants;

  constructor(...federated: string[]) {
    for (const realm of federated) this.federated.add(realm);
    this.wants = new ClusterWants({
      cluster: {
        watchInterest: (watcher) => {
          this.watcher = watcher;
        },
      },
      isFederated: (realm) => this.federated.has(realm),
    });
    this.wants.listener = {
      onPath: (realm, path, isWanted) => this.#hear(this.paths, `${realm} ${path}`, isWanted),
      onFilter: (realm, path, filter, isWanted) => this.#hear(this.filters, `${realm} ${path} ${filter}`, isWanted),
    };
  }

  entry(nodeId: string, realm: string, filter: string): void {
    this.watcher!.onEntry(nodeId, `${realm}\0${filter}`, '');
  }

  gone(nodeId: string, realm: string, filter: string): void {
    this.watcher!.onGone(nodeId, `${realm}\0${filter}`);
  }

  federate(realm: string, isFederated: boolean): void {
    if (isFederated) this.federated.add(realm);
    else this.federated.delete(realm);
    this.wants.realmChanged(realm);
  }

  /** As the listing says, in the form in which the listener keeps it. */
  listed(): { filters: string[]; paths: string[] } {
    const filters: string[] = [];
    const paths: string[] = [];
    for (const realm of REALMS) {
      for (const path of this.wants.paths(realm)) {
        paths.push(`${realm} ${path}`);
        for (const filter of this.wants.filters(realm, path)) filters.push(`${realm} ${path} ${filter}`);
      }
    }
    return { filters: filters.sort(), paths: paths.sort() };
  }

  heard(): { filters: string[]; paths: string[] } {
    return { filters: [...this.filters].sort(), paths: [...this.paths].sort() };
  }

  #hear(known: Set<string>, what: string, isWanted: boolean): void {
    // Each coming once, each going once, in turns.
    expect(known.has(what)).toBe(!isWanted);
    if (isWanted) known.add(what);
    else known.delete(what);
    this.said.push(`${isWanted ? '+' : '-'}${what}`);
  }
}

describe('what a cluster wants', () => {
  const realm = fc.constantFrom(...REALMS);
  const nodeId = fc.constantFrom('', 'n1', 'n2', 'n3');
  const filter = fc.oneof(
    { weight: 3, arbitrary: anyFilter },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('g', '$x'), anyFilter).map(([g, f]) => `$share/${g}/${f}`) },
  );
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ is: fc.constant('entry' as const), nodeId, realm, filter }) },
    { weight: 5, arbitrary: fc.record({ is: fc.constant('gone' as const), nodeId, pick: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('purge' as const), nodeId }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('realm' as const), realm, isFederated: fc.boolean() }) },
  );

  it('is what a walk through everything that its nodes want gives, and the listener hears of each change once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World('default');
        // `{realm} NUL {filter}` by node; '' is this one.
        const model = new Map<string, Set<string>>(['', 'n1', 'n2', 'n3'].map((id) => [id, new Set()]));
        const set = (nodeId: string, key: string, isWanted: boolean): void => {
          const [realm = '', filter = ''] = key.split('\0');
          if (nodeId === '') world.wants.setLocal(realm, filter, isWanted);
          else if (isWanted) world.entry(nodeId, realm, filter);
          else world.gone(nodeId, realm, filter);
        };
        for (const each of steps) {
          if (each.is === 'realm') world.federate(each.realm, each.isFederated);
          else if (each.is === 'entry') {
            const key = `${each.realm}\0${each.filter}`;
            set(each.nodeId, key, true);
            model.get(each.nodeId)!.add(key);
          } else {
            const entries = model.get(each.nodeId)!;
            if (each.is === 'gone' && entries.size > 0) {
              const key = [...entries][each.pick % entries.size]!;
              set(each.nodeId, key, false);
              entries.delete(key);
            } else if (each.is === 'purge' && each.nodeId !== '') {
              world.watcher!.onPurged(each.nodeId);
              entries.clear();
            }
          }
          const filters = new Set<string>();
          const paths = new Set<string>();
          for (const key of [...model.values()].flatMap((entries) => [...entries])) {
            const [realm = '', filter = ''] = key.split('\0');
            if (!world.federated.has(realm) || !takesPart(filter)) continue;
            paths.add(`${realm} ${pathOfFilter(filter)}`);
            filters.add(`${realm} ${pathOfFilter(filter)} ${plainFilter(filter)}`);
          }
          const expected = { filters: [...filters].sort(), paths: [...paths].sort() };
          expect(world.listed()).toEqual(expected);
          expect(world.heard()).toEqual(expected);
        }
      }),
      seeded(400),
    );
  });

  it('tells of a filter before its key when they come, and after it when they go', () => {
    const world = new World('default');
    world.wants.setLocal('default', 'a/+', true);
    world.wants.setLocal('default', '$share/g/a/#', true);
    world.entry('n1', 'default', 'a/+');
    world.wants.setLocal('default', 'a/+', false);
    world.gone('n1', 'default', 'a/+');
    world.wants.setLocal('default', '$share/g/a/#', false);
    expect(world.said).toEqual([
      '+default /a a/+',
      '+default /a',
      '+default /a a/#',
      '-default /a a/+',
      '-default /a',
      '-default /a a/#',
    ]);
  });

  it('counts what a node says twice once', () => {
    const world = new World('default');
    for (let i = 0; i < 2; i++) {
      world.wants.setLocal('default', 'a', true);
      world.entry('n1', 'default', '$share/g/a');
    }
    world.wants.setLocal('default', 'a', false);
    expect(world.heard().filters).toEqual(['default /a a']);
    world.gone('n1', 'default', '$share/g/a');
    world.gone('n1', 'default', '$share/g/a');
    expect(world.said).toEqual(['+default /a a', '+default /a', '-default /a', '-default /a a']);
  });

  it('shows what has gone no more when the listener hears of it', () => {
    const world = new World('default');
    const shown: unknown[] = [];
    const look = (realm: string, path: string): void => {
      shown.push([...world.wants.filters(realm, path)]);
    };
    world.wants.listener = { onPath: look, onFilter: look };
    world.wants.setLocal('default', 'a', true);
    world.wants.setLocal('default', 'a', false);
    expect(shown).toEqual([['a'], ['a'], [], []]);
  });

  it('keeps what is wanted in a realm that is not federated until it is', () => {
    const world = new World();
    world.entry('n1', 'other', 'a/b');
    world.wants.setLocal('other', 'a/b', true);
    expect(world.said).toEqual([]);
    world.federate('other', true);
    world.wants.realmChanged('other');
    expect(world.said).toEqual(['+other /a/b a/b', '+other /a/b']);
    world.watcher!.onPurged('n1');
    expect(world.heard().filters).toEqual(['other /a/b a/b']);
    world.federate('other', false);
    expect(world.listed()).toEqual({ filters: [], paths: [] });
    expect(world.said.slice(2)).toEqual(['-other /a/b', '-other /a/b a/b']);
  });

  it.each(['no realm', 'default\0', 'default\0a/#/b', 'default\0a+', 'default\0$share/g', 'default\0$SYS/x'])(
    'has no use for a key like %j',
    (key) => {
      const world = new World('default');
      world.watcher!.onEntry('n1', key, '');
      world.watcher!.onGone('n1', key);
      expect(world.said).toEqual([]);
    },
  );

  it('without a cluster is what this node wants', () => {
    const wants = new ClusterWants({ cluster: null, isFederated: () => true });
    wants.setLocal('default', '$share/g/a/+', true);
    wants.setLocal('default', '$SYS/#', true);
    expect([...wants.paths('default')]).toEqual(['/a']);
    expect(wants.filters('default', '/a')).toEqual(['a/+']);
  });
});
