import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { resultOfFirstTry } from './repeated-write.ts';

describe('a write that was tried before', () => {
  const definition = {
    name: 'sub',
    selector: { kind: 'all' },
    from: 'start',
    strategy: 'by_stream',
    poolSize: 1,
    window: 1,
    ackTimeoutMs: 1,
    maxRetries: 1,
    queueSize: 1,
    whenFull: 'block',
  } as const;
  const wallMs = 1_800_000_000_000;

  async function memory(): Promise<MemoryEngine> {
    const engine = new MemoryEngine({ wallMs: () => wallMs, store: 'test' });
    await engine.append({ writes: [{ stream: 's', events: [{ type: 't' }] }] });
    return engine;
  }

  it('that made a subscription gives that one, if it is that one', async () => {
    const engine = await memory();
    const record = await engine.write('createSubscription', { definition });
    const error = new PlexusError('subscription_exists', { name: 'sub' });
    const again = (request: unknown, sinceWallMs: number): Promise<unknown> =>
      resultOfFirstTry(engine, 'createSubscription', request, error, sinceWallMs);
    expect(await again({ definition }, wallMs)).toEqual(record);
    expect(await again({ definition: { ...definition, window: 2 } }, wallMs)).toBeUndefined();
    expect(await again({ definition }, wallMs + 5000)).toBeUndefined();
  });

  it('that deleted a subscription has done so; of others the error stands', async () => {
    const engine = await memory();
    const gone = new PlexusError('subscription_not_found', { store: 'test', name: 'sub' });
    expect(await resultOfFirstTry(engine, 'deleteSubscription', { name: 'sub' }, gone, wallMs)).toEqual({ parked: 0 });
    expect(await resultOfFirstTry(engine, 'saveSnapshot', {}, gone, wallMs)).toBeUndefined();
    const buried = new PlexusError('stream_tombstoned', { stream: 's' });
    const request = { stream: 's', tombstone: true };
    await engine.write('deleteStream', request);
    expect(await resultOfFirstTry(engine, 'deleteStream', request, buried, wallMs)).toBeUndefined();
  });
});
