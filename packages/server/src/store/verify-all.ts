import type { ReadOperations } from './operations.ts';
import type { VerifyReport } from './reads.ts';

/** Most faults that a report names. */
const MAX_FAULTS = 100;

type Verify = ReadOperations['verify'];
type Slice = Verify['result'];

/** A report that is still being added to. */
export interface FullReport extends VerifyReport {
  readonly faults: VerifyReport['faults'][number][];
}

/**
 * The whole scan, a slice after the other.
 * @param isGivenUp asked between slices: whether nobody wants it any more
 */
export async function verifyAll(
  read: (request: Verify['request']) => Slice | Promise<Slice>,
  isGivenUp: () => boolean = () => false,
): Promise<FullReport> {
  const faults: FullReport['faults'] = [];
  let [events, streams] = [0, 0];
  for (let from: number | null = 0; from !== null; ) {
    const slice: Slice = await read({ from });
    events += slice.events;
    streams += slice.streams;
    faults.push(...slice.faults.slice(0, MAX_FAULTS - faults.length));
    from = isGivenUp() ? null : slice.next;
  }
  return { events, streams, faults };
}
