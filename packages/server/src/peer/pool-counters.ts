import type { DialCode } from './channel.ts';
import type { LinkCloseReason } from './link-ports.ts';

/** What a pool counts, for metrics. */
export class PoolCounters {
  dials = 0;
  evictions = 0;
  /** Control frames that waited for a link in vain, or found no room to wait. */
  droppedFrames = 0;
  readonly dialFailures = new Map<DialCode, number>();
  /** Introductions that were turned away, by us or by the other end, and those that broke off. */
  readonly refusals = new Map<LinkCloseReason, number>();

  dialFailed(code: DialCode): void {
    this.dialFailures.set(code, (this.dialFailures.get(code) ?? 0) + 1);
  }

  refused(reason: LinkCloseReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}
