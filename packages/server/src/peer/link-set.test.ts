import { expect, it } from 'vitest';
import { LinkSet } from './link-set.ts';
import type { PeerLink } from './peer-link.ts';

/** A link that is used all the time: it was used at whatever time it is asked. */
const busy = (clock: { now: number }): PeerLink =>
  ({
    pinned: false,
    get lastUsedMs() {
      return clock.now++;
    },
  }) as Partial<PeerLink> as PeerLink;

it('of links that are all in use one can be given up', () => {
  const clock = { now: 1 };
  const links = new LinkSet();
  const all = ['a', 'b', 'c'].map((key) => {
    const link = busy(clock);
    links.add(key, link, clock.now);
    return link;
  });
  expect(links.surplus(3)).toBe(null);
  expect(links.surplus(2)).toBe(all[0]);
});
