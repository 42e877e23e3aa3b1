import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { TestStore } from '../testing/test-store.ts';
import { LongAnswers } from './long-answers.ts';
import { PullConsumers } from './pull-consumers.ts';

const reply = () => ({ raw: new ServerResponse(new IncomingMessage(new Socket())) }) as FastifyReply;

describe('streamed answers', () => {
  it('are 1,000 at a time, and none any more when the node drains', () => {
    const answers = new LongAnswers(new FakeClock());
    const open = Array.from({ length: 1000 }, () => answers.open(reply()));
    expect(() => answers.open(reply())).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
    open[0]!.giveUp();
    const last = answers.open(reply());
    expect(answers.size).toBe(1000);
    answers.drain();
    expect([last.isDraining, last.signal.aborted]).toEqual([true, true]);
    expect(() => answers.open(reply())).toThrow(expect.objectContaining({ code: 'shutting_down' }));
  });
});

describe('consumers over HTTP', () => {
  it('are 1,000 at a time; one that is let go makes room', async () => {
    const clock = new FakeClock();
    const store = new TestStore('default', 'default', new MemoryEngine({ wallMs: () => clock.wallMs() }), clock);
    const selector = { kind: 'all' } as const;
    await store.subscriptions.create({ name: 'jobs', selector, poolSize: 1000, ackTimeoutMs: 5000 });
    await store.subscriptions.create({ name: 'more', selector });
    const consumers = new PullConsumers(clock);
    const key = (consumer: string, subscription = 'jobs') => ({ store, subscription, consumer });
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 1000 }, (_, i) => consumers.pull(key(`c${i}`), 1, 1000, signal));
    const more = () => consumers.pull(key('x', 'more'), 1, 1000, signal);
    expect(more).toThrow(expect.objectContaining({ code: 'quota_exceeded', details: { limit: 'HTTP consumers' } }));
    clock.advance(1000);
    expect((await Promise.all(waiting)).flat()).toEqual([]);
    expect(consumers.size).toBe(1000);
    clock.advance(5000);
    expect(consumers.size).toBe(0);
    const late = more();
    expect(consumers.size).toBe(1);
    consumers.drain();
    expect(await late).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(more).toThrow(expect.objectContaining({ code: 'shutting_down' }));
  });
});
