import type { NewEvent } from '@plexus/server';

export const DATA_BYTES = 200;

/** JSON of about 200 bytes. */
export function payload(seed: number): { n: number; text: string } {
  const n = seed % 1_000_000;
  return { n, text: 'x'.repeat(DATA_BYTES - 20 - `${n}`.length) };
}

export function newEvent(n: number, type = `type-${n % 16}`): NewEvent {
  return { type, data: payload(n) };
}

/**
 * Keeps `inFlight` calls of `send` on their way for `measureMs`, after a warm-up of a third of that.
 * @returns calls answered per second
 */
export async function closedLoop(
  inFlight: number,
  measureMs: number,
  send: (n: number) => Promise<unknown>,
): Promise<number> {
  let n = 0;
  let answered = 0;
  let stopped = false;
  const worker = async (): Promise<void> => {
    while (!stopped) {
      await send(n++);
      answered++;
    }
  };
  const workers = Array.from({ length: inFlight }, worker);
  await sleep(measureMs / 3);
  const [before, since] = [answered, performance.now()];
  await sleep(measureMs);
  const rate = ((answered - before) * 1000) / (performance.now() - since);
  stopped = true;
  await Promise.all(workers);
  return rate;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls `send` at a steady rate, in slices of a millisecond or so, for `ms`. */
export async function paced(ratePerSecond: number, ms: number, send: (n: number) => void): Promise<void> {
  const start = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= ms) return;
    const due = Math.floor((elapsed * ratePerSecond) / 1000);
    while (sent < due) send(sent++);
    await sleep(1);
  }
}
