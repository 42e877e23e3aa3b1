import type { AppendRequest, AppendResult } from './append.ts';
import type { StoredEvent } from './event.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from './operations.ts';

/** Who hears of every commit. */
export interface CommitListener {
  /**
   * Events that were just committed, in order of position, without a gap to those before. Their bytes may be kept.
   * Called after the commit and before the appends of it are answered.
   */
  committed(events: readonly StoredEvent[]): void;
}

/**
 * One event store: an append-only log with its indexes, reached by messages. Every implementation passes
 * `engine.conformance.ts`. All errors are PlexusErrors; any call may also fail with `store_damaged`, `overloaded`,
 * `store_full`, `store_unavailable`, `timeout`, `shutting_down`.
 */
export interface Engine {
  /**
   * Durable when answered. Writes are done in the order in which they are asked for, but that an append whose condition takes long to
   * look for may come after later ones.
   * @throws {PlexusError} wrong_expected_version, append_condition_failed, event_id_conflict, stream_tombstoned, bad_request,
   * payload_too_large
   */
  append(request: AppendRequest): Promise<AppendResult>;
  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']>;
  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']>;
  /** Last position that was acknowledged; -1: none. */
  readonly lastPosition: number;
  /** null: nobody needs to hear; then commits cost less. Set it before the first append that must be heard. */
  listener: CommitListener | null;
  close(): Promise<void>;
}
