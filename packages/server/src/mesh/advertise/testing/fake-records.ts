import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../../../lib/clock.ts';
import type { Directory, DirectoryStatus } from '../../../peer/directory.ts';

export interface Provided {
  readonly key: string;
  readonly atMs: number;
  readonly signal: AbortSignal;
}

/** A directory that takes records after a while, unless it is told otherwise, and says which. Its keys are texts. */
export class FakeRecords implements Pick<Directory, 'provide' | 'status'> {
  readonly provided: Provided[] = [];
  /** By key, when it was taken last. */
  readonly takenAtMs = new Map<string, number>();
  /** Under way now, and at most so far. */
  underWay = 0;
  mostUnderWay = 0;
  latencyMs = 0;
  /** Nodes of the directory that are known. */
  peers = 1000;
  /** What becomes of a record; `silent`: nobody answers until the signal. */
  answer: (key: string) => 'taken' | 'refused' | 'silent' = () => 'taken';
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  status(): DirectoryStatus {
    return { mode: 'server', peers: this.peers, records: 0 };
  }

  async provide(bytes: Uint8Array, signal: AbortSignal): Promise<number> {
    const key = new TextDecoder().decode(bytes);
    this.provided.push({ key, atMs: this.#clock.now(), signal });
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      await this.#wait(this.answer(key) === 'silent' ? Number.MAX_SAFE_INTEGER : this.latencyMs, signal);
    } finally {
      this.underWay--;
    }
    if (this.answer(key) !== 'taken') throw new PlexusError('directory_unreachable', { reason: 'a test' });
    this.takenAtMs.set(key, this.#clock.now());
    return 1;
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }
}
