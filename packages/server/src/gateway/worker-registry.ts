/** A gateway worker, as others see it. */
export interface WorkerMember {
  /** Unique within its group: begins with the id of its node. */
  readonly id: string;
  /** The node that it runs on. */
  readonly nodeId: string;
  /** JSON values only. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface MembershipChange {
  readonly kind: 'joined' | 'left';
  readonly member: WorkerMember;
}

/**
 * Who serves what: groups of workers, one group per store. Members come and go; where nodes are in a cluster, all of them see
 * the same groups sooner or later, which is why changes are promises and the listing is not. Every implementation passes
 * `worker-registry.conformance.ts`.
 */
export interface WorkerRegistry {
  /** Takes the place of a member of the same id. Resolves when this node's listing has it. */
  join(group: string, member: WorkerMember): Promise<void>;
  /** Does nothing if it is no member. */
  leave(group: string, id: string): Promise<void>;
  /** As this node knows them, in order of joining; its own first in a cluster. */
  members(group: string): readonly WorkerMember[];
  /** Hears of every change after this call, in order. The listener must not throw. @returns how to stop */
  watch(group: string, listener: (change: MembershipChange) => void): () => void;
}
