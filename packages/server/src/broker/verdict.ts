import { Reason } from '@plexus/protocol';

/** What became of one filter of a SUBSCRIBE: the reason code, and for a refusal the words. */
export interface Verdict {
  readonly reason: number;
  /** null: not refused. */
  readonly problem: string | null;
}

export const granted = (qos: number): Verdict => ({ reason: qos, problem: null });
export const refused = (reason: number, problem: string): Verdict => ({ reason, problem });

export const NO_MORE = refused(Reason.QuotaExceeded, 'no more subscriptions');
