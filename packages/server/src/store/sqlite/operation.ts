import type { WriteName, WriteOperations } from '../operations.ts';

/** When an operation is carried out, and after which event. */
export interface Moment {
  /** Of the commit. */
  readonly timeUs: number;
  /** Of the last event so far; -1: none. */
  readonly lastPosition: number;
}

/**
 * An operation of the writer in two steps, so that one that is refused leaves nothing in the commit that it shares with
 * others: it checks, and throws the PlexusError that says why not; then what it returns writes.
 */
export type Operation<K extends WriteName> = (
  request: WriteOperations[K]['request'],
  moment: Moment,
) => () => WriteOperations[K]['result'];
