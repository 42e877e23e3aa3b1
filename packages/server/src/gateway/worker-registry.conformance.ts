import { describe, expect, it } from 'vitest';
import type { MembershipChange, WorkerMember, WorkerRegistry } from './worker-registry.ts';

const member = (id: string, metadata: Record<string, unknown> = {}): WorkerMember => ({ id, nodeId: 'node', metadata });

/** What every registry does. */
export function workerRegistryConformance(name: string, open: () => WorkerRegistry): void {
  const ids = (registry: WorkerRegistry, group: string): string[] => registry.members(group).map(({ id }) => id);

  describe(`worker registry: ${name}`, () => {
    it('lists who joined and has not left, with its metadata', async () => {
      const registry = open();
      expect(registry.members('a')).toEqual([]);
      await registry.join('a', member('1', { role: 'reader' }));
      await registry.join('a', member('2'));
      expect(registry.members('a')).toEqual([member('1', { role: 'reader' }), member('2')]);
      await registry.leave('a', '1');
      expect(ids(registry, 'a')).toEqual(['2']);
    });

    it('keeps groups apart', async () => {
      const registry = open();
      await registry.join('a', member('1'));
      await registry.join('b', member('2'));
      await registry.leave('a', '2');
      expect([ids(registry, 'a'), ids(registry, 'b')]).toEqual([['1'], ['2']]);
    });

    it('has one member of an id: the latest', async () => {
      const registry = open();
      await registry.join('a', member('1', { restarts: 0 }));
      await registry.join('a', member('1', { restarts: 1 }));
      expect(registry.members('a')).toEqual([member('1', { restarts: 1 })]);
    });

    it('tells watchers of changes, in order, until they stop', async () => {
      const registry = open();
      await registry.join('a', member('0'));
      const heard: string[] = [];
      const note = ({ kind, member: { id } }: MembershipChange): number => heard.push(`${id} ${kind}`);
      const stop = registry.watch('a', note);
      const stopOther = registry.watch('a', note);
      stopOther();
      await registry.join('a', member('1'));
      await registry.join('b', member('2'));
      await registry.join('a', member('1'));
      await registry.leave('a', '1');
      await registry.leave('a', '1');
      stop();
      stop();
      await registry.leave('a', '0');
      expect(heard).toEqual(['1 joined', '1 left', '1 joined', '1 left']);
    });

    it('shows the change before it tells of it', async () => {
      const registry = open();
      const seen: string[][] = [];
      registry.watch('a', () => seen.push(ids(registry, 'a')));
      await registry.join('a', member('1'));
      await registry.leave('a', '1');
      expect(seen).toEqual([['1'], []]);
    });

    it('gives listings that later changes leave alone', async () => {
      const registry = open();
      await registry.join('a', member('1'));
      const listing = registry.members('a');
      await registry.leave('a', '1');
      expect(listing).toHaveLength(1);
    });
  });
}
