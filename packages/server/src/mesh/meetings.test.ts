import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { Meetings } from './meetings.ts';
import type { MeshKey } from './ports.ts';

const own = (path: string): MeshKey => ({ kind: 'subscriber', realm: 'r', path });
const other = (path: string): MeshKey => ({ kind: 'publisher', realm: 'r', path });

describe('the other side of a key', () => {
  let clock: FakeClock;
  let advertised: Set<string>;
  let asked: string[];
  let meetings: Meetings;

  beforeEach(() => {
    clock = new FakeClock();
    advertised = new Set(['/a', '/b']);
    asked = [];
    const renew = ({ kind, path }: MeshKey): void => void asked.push(`${kind} ${path}`);
    meetings = new Meetings({ renew }, ({ kind, path }) => kind === 'subscriber' && advertised.has(path), clock);
  });

  it('is looked for once, if that succeeds', () => {
    meetings.arrange(own('/a'));
    meetings.onEnd(other('/a'), false);
    meetings.onEnd(other('/a'), true);
    clock.advance(60_000);
    expect(asked).toEqual(['publisher /a']);
  });

  it('is looked for again until it succeeds, or the key is given up', () => {
    meetings.arrange(own('/a'));
    meetings.arrange(own('/b'));
    for (const path of ['/a', '/b']) meetings.onEnd(other(path), true);
    advertised.delete('/b');
    clock.advance(5000);
    expect(asked.slice(2)).toEqual(['publisher /a']);
    meetings.onEnd(other('/a'), true);
    clock.advance(5000);
    expect(asked.slice(3)).toEqual(['publisher /a']);
    meetings.onEnd(other('/a'), false);
    clock.advance(60_000);
    expect(asked).toHaveLength(4);
  });

  it('is looked for a hundred keys at a time, where many have failed', () => {
    const paths = Array.from({ length: 250 }, (_, i) => `/${i}`);
    advertised = new Set(paths);
    for (const path of paths) {
      meetings.arrange(own(path));
      meetings.onEnd(other(path), true);
    }
    for (const count of [100, 200, 250, 250]) {
      clock.advance(5000);
      expect(asked.length - 250).toBe(count);
    }
  });

  it('is not of interest where nobody asked for it', () => {
    meetings.onEnd(other('/a'), true);
    clock.advance(60_000);
    expect(asked).toEqual([]);
  });
});
