import { FakeClock } from '../../../lib/fake-clock.ts';
import type { PeerTarget } from '../../../peer/channel.ts';
import type { Directory } from '../../../peer/directory.ts';
import { MemoryDirectoryHub, type MemoryDirectoryOptions } from '../../../testing/memory-directory.ts';
import type { MeshKey } from '../../ports.ts';
import { CachedLookups } from '../cached-lookups.ts';
import type { LookupOptions } from '../lookup-options.ts';

export interface SceneOptions {
  directory?: Partial<MemoryDirectoryOptions>;
  lookups?: Partial<LookupOptions>;
  random?: () => number;
}

/** A query of the directory, as it was begun. */
export interface Asked {
  readonly key: string;
  readonly at: number;
  isOver: boolean;
  /** Peer ids. */
  readonly found: string[];
}

/** The key of subscribers under a path. */
export const subscribers = (path: string, realm = 'r'): MeshKey => ({ kind: 'subscriber', realm, path });
export const textOf = ({ kind, realm, path }: MeshKey): string => `${kind} ${realm} ${path}`;

/** A directory with two nodes, and lookups at the first of them, whose peer id is `me`. */
export function scene(options: SceneOptions = {}) {
  const clock = new FakeClock();
  const hub = new MemoryDirectoryHub(clock, { delayMs: 10, ...options.directory });
  const me = hub.node('me', ['/memory/me']);
  const other = hub.node('other', ['/memory/other']);
  /** Of all epochs in use; none: this node takes no part. */
  let epochs = [1];
  const keysOf = (key: MeshKey) => epochs.map((epoch) => Buffer.from(`${epoch} ${textOf(key)}`));
  const covered = new Set<string>();
  const asked: Asked[] = [];
  const directory: Directory = {
    provide: (key, signal) => me.provide(key, signal),
    status: () => me.status(),
    async find(key, found, signal) {
      const query: Asked = { key: Buffer.from(key).toString().slice(2), at: clock.now(), isOver: false, found: [] };
      asked.push(query);
      const over = () => {
        query.isOver = true;
      };
      signal.addEventListener('abort', over, { once: true });
      const heard = (target: PeerTarget) => {
        if (!query.isOver) query.found.push(target.peerId!);
        found(target);
      };
      await me.find(key, heard, signal).finally(over);
    },
  };
  const lookups = new CachedLookups(
    { directory, keysOf, covered: (key) => covered.has(key.path), clock, random: options.random ?? (() => 0.5) },
    options.lookups,
  );
  /** `found KEY PEER` and `end KEY` or `failed KEY`, in order. */
  const heard: string[] = [];
  lookups.onFound = (key, { peerId }) => heard.push(`found ${textOf(key)} ${peerId}`);
  lookups.onEnd = (key, failed) => heard.push(`${failed ? 'failed' : 'end'} ${textOf(key)}`);
  const settle = async () => {
    for (let i = 0; i < 12; i++) await Promise.resolve();
  };
  return {
    clock,
    hub,
    me,
    other,
    lookups,
    covered,
    asked,
    heard,
    settle,
    setEpochs: (...numbers: number[]) => {
      epochs = numbers;
    },
    /** A record, of a peer that need not be there. */
    plant: (key: MeshKey, peerId: string, epoch = 1) =>
      hub.plant(Buffer.from(`${epoch} ${textOf(key)}`), { peerId, addresses: [`/memory/${peerId}`] }),
    forget: (key: MeshKey, peerId?: string) => hub.forget(Buffer.from(`1 ${textOf(key)}`), peerId),
    /** Answers come by promises, so time passes in steps. */
    pass: async (ms: number, stepMs = 50) => {
      await settle();
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left));
        await settle();
      }
    },
    /** Peer ids that a lookup shows now. */
    shown: (key: MeshKey) => [...lookups.get(key).targets.keys()].sort(),
  };
}
