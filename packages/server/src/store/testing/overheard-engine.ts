import type { AppendRequest, AppendResult } from '../append.ts';
import type { CommitListener, Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../operations.ts';

/** An engine whose commits a test hears of before whoever listens to it. */
export class OverheardEngine implements Engine {
  listener: CommitListener | null = null;
  readonly #engine: Engine;

  constructor(engine: Engine, hear: (events: readonly StoredEvent[]) => void) {
    this.#engine = engine;
    engine.listener = {
      committed: (events) => {
        hear(events);
        this.listener?.committed(events);
      },
    };
  }

  get lastPosition(): number {
    return this.#engine.lastPosition;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.#engine.append(request);
  }

  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return this.#engine.write(operation, request);
  }

  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']> {
    return this.#engine.read(operation, request);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
