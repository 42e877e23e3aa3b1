import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Arriving, KEPT_MESSAGES, KEPT_PAYLOAD_BYTES, MessageLog } from './message-log.ts';

let frames: FrameRequestCallback[] = [];
beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback));
});

/** One animation frame. */
function frame(nowMs: number): void {
  for (const callback of frames.splice(0)) callback(nowMs);
}

const message = (topic: string, bytes = 1): Arriving => ({
  atMs: 0,
  topic,
  payload: new Uint8Array(bytes),
  qos: 0,
  retained: false,
  contentType: null,
});

describe('the message log', () => {
  it('keeps the newest messages, oldest first, and counts them all', () => {
    const log = new MessageLog();
    for (let n = 1; n <= KEPT_MESSAGES + 5; n++) log.add(message(`t/${n}`));
    expect(log.count).toBe(KEPT_MESSAGES + 5);
    expect(log.messages().map(({ id }) => id)).toEqual(Array.from({ length: KEPT_MESSAGES }, (_, i) => i + 6));
    expect(log.messages().at(-1)?.topic).toBe(`t/${KEPT_MESSAGES + 5}`);
  });

  it('keeps the beginning of a large payload, as a copy', () => {
    const log = new MessageLog();
    const large = message('large', KEPT_PAYLOAD_BYTES * 3);
    log.add(large);
    large.payload.fill(9);
    const [kept] = log.messages();
    expect([kept?.payload.length, kept?.payloadBytes, kept?.payload[0]]).toEqual([
      KEPT_PAYLOAD_BYTES,
      KEPT_PAYLOAD_BYTES * 3,
      0,
    ]);
    expect(kept?.payload.buffer.byteLength).toBe(KEPT_PAYLOAD_BYTES);
  });

  it('stands still while paused, counts what arrives, and catches up', () => {
    const log = new MessageLog();
    log.add(message('before'));
    log.pause();
    log.add(message('while'));
    expect([log.paused, log.sincePause, log.messages().map(({ topic }) => topic)]).toEqual([true, 1, ['before']]);
    log.resume();
    expect([log.paused, log.sincePause, log.messages().length]).toEqual([false, 0, 2]);
  });

  it('is empty after a clear, paused or not', () => {
    const log = new MessageLog();
    for (let n = 0; n < KEPT_MESSAGES * 2 + 7; n++) log.add(message('old'));
    log.pause();
    log.clear();
    expect([log.count, log.sincePause, log.messages()]).toEqual([0, 0, []]);
    log.resume();
    log.add(message('new'));
    expect(log.messages().map(({ topic }) => topic)).toEqual(['new']);
  });

  it('asks to be drawn once for many messages, and not again within a tenth of a second', () => {
    const log = new MessageLog();
    let drawn = 0;
    log.live.listen(() => drawn++);
    for (let n = 0; n < 1000; n++) log.add(message('a'));
    frame(1000);
    expect(drawn).toBe(1);
    log.add(message('b'));
    for (const nowMs of [1016, 1033, 1099]) frame(nowMs);
    expect(drawn).toBe(1);
    frame(1100);
    expect([drawn, frames.length]).toEqual([2, 0]);
  });

  it('tells the rate of the last second', () => {
    const log = new MessageLog();
    log.rate(10_000);
    for (let n = 0; n < 300; n++) log.add(message('a'));
    expect(log.rate(11_500)).toBe(200);
    expect(log.rate(12_600)).toBe(0);
  });
});
