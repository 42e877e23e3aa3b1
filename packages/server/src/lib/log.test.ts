import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { createLogger, rateLimited } from './log.ts';

function setUp() {
  const lines: { event: string; suppressed?: number; n: number }[] = [];
  const log = createLogger({ level: 'info', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const clock = new FakeClock();
  return { lines, clock, limited: rateLimited(log, clock, 1000) };
}

describe('rate-limited log', () => {
  it('writes the first of a kind at once, and then one line per interval with a count', () => {
    const { lines, clock, limited } = setUp();
    for (let n = 0; n < 10; n++) limited.warn('full', { n }, 'refused');
    limited.warn('other', { n: 0 }, 'x');
    expect(lines.map((line) => line.event)).toEqual(['full', 'other']);
    clock.advance(1000);
    expect(lines[2]).toMatchObject({ event: 'full', n: 9, suppressed: 8 });
    expect(lines).toHaveLength(3);
  });

  it('sets no timer when nothing happens', () => {
    const { lines, clock, limited } = setUp();
    limited.warn('full', { n: 0 }, 'refused');
    clock.advance(1000);
    expect(clock.pending).toBe(0);
    limited.warn('full', { n: 1 }, 'refused');
    expect(lines).toHaveLength(2);
  });

  it('writes open counts when it stops', () => {
    const { lines, clock, limited } = setUp();
    limited.warn('full', { n: 0 }, 'refused');
    limited.warn('full', { n: 1 }, 'refused');
    limited.stop();
    expect(lines[1]).toMatchObject({ n: 1, suppressed: 0 });
    expect(clock.pending).toBe(0);
  });
});
