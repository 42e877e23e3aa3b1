import { describe } from 'vitest';
import { describeAppends } from './testing/conformance/appends.ts';
import { describeCauses } from './testing/conformance/causes.ts';
import { describeConditions } from './testing/conformance/conditions.ts';
import { describeDeletes } from './testing/conformance/deletes.ts';
import { describeEventIds } from './testing/conformance/event-ids.ts';
import { describeExpectations } from './testing/conformance/expectations.ts';
import { describeFacts } from './testing/conformance/facts.ts';
import { describeLimits } from './testing/conformance/limits.ts';
import { describeListeners } from './testing/conformance/listeners.ts';
import { describeReads } from './testing/conformance/reads.ts';
import { describeSnapshots } from './testing/conformance/snapshots.ts';
import { describeSubscriptionRecords } from './testing/conformance/subscription-records.ts';
import type { OpenEngine } from './testing/engine-steps.ts';

/** What every engine does. @param open makes a new, empty one */
export function describeEngine(name: string, open: OpenEngine): void {
  describe(`${name}:`, () => {
    describeAppends(open);
    describeExpectations(open);
    describeEventIds(open);
    describeConditions(open);
    describeLimits(open);
    describeDeletes(open);
    describeReads(open);
    describeFacts(open);
    describeCauses(open);
    describeSnapshots(open);
    describeSubscriptionRecords(open);
    describeListeners(open);
  });
}
