import type { TokenProblem } from '../../auth/federation/federated-realm.ts';
import type { RateLimitedLog } from '../../lib/log.ts';

export type Refusal =
  | TokenProblem
  /** A filter beyond what the peer's token may subscribe to. */
  | 'beyond_subscribe'
  /** A message beyond what it may publish. */
  | 'beyond_publish'
  /** A frame of a realm in which tokens do not hold, or were not shown. */
  | 'no_rights'
  /** No filter, or not one of the key under which it came. */
  | 'bad_filter'
  | 'too_many_filters'
  | 'too_many_paths'
  | 'too_many_peers';

/** What was refused, counted by reason. Peers can cause all of it at will, so the log is limited. */
export class Refusals {
  readonly counts = new Map<string, number>();
  readonly #log: RateLimitedLog;

  constructor(log: RateLimitedLog) {
    this.#log = log;
  }

  count(reason: Refusal, peerId: string, realm: string): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
    this.#log.warn(`mesh_${reason}`, { peerId, realm }, 'refused what a peer of the mesh has shown or said');
  }
}
