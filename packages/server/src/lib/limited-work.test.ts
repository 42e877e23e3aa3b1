import { describe, expect, it } from 'vitest';
import { LimitedWork } from './limited-work.ts';

/** Tasks that end when they are told to. */
function scene(atOnce: number, maxWaiting: number) {
  const work = new LimitedWork(atOnce, maxWaiting);
  const started: string[] = [];
  const endings = new Map<string, () => void>();
  const run = (name: string, wanted = () => true) =>
    work.run(() => {
      started.push(name);
      return new Promise<string>((resolve) => endings.set(name, () => resolve(name)));
    }, wanted);
  return { started, run, end: (name: string) => endings.get(name)!(), work };
}

describe('limited work', () => {
  it('runs so many at once, the others in order', async () => {
    const { started, run, end } = scene(2, 10);
    const all = ['a', 'b', 'c', 'd'].map((name) => run(name));
    expect(started).toEqual(['a', 'b']);
    end('b');
    await all[1];
    await Promise.resolve();
    expect(started).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) end(name);
    await all[2];
    await new Promise((resolve) => setImmediate(resolve));
    end('d');
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes no more than may wait', async () => {
    const { run } = scene(1, 1);
    run('a');
    run('b');
    expect(await run('c')).toBe('full');
  });

  it('passes over what nobody wants any more', async () => {
    const { started, run, end } = scene(1, 10);
    const first = run('a');
    const second = run('b', () => false);
    const third = run('c');
    end('a');
    await first;
    expect(await second).toBe('unwanted');
    await new Promise((resolve) => setImmediate(resolve));
    expect(started).toEqual(['a', 'c']);
    end('c');
    expect(await third).toBe('c');
  });

  it('goes on after a task that fails', async () => {
    const { run, end, work } = scene(1, 10);
    await expect(
      work.run(
        () => Promise.reject(new Error('no')),
        () => true,
      ),
    ).rejects.toThrow('no');
    const next = run('a');
    end('a');
    expect(await next).toBe('a');
  });
});
