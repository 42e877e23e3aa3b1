import type { MembershipChange, WorkerMember, WorkerRegistry } from './worker-registry.ts';

type Listener = (change: MembershipChange) => void;

/** The registry of a node that is in no cluster. */
export class LocalWorkerRegistry implements WorkerRegistry {
  readonly #groups = new Map<string, Map<string, WorkerMember>>();
  readonly #listeners = new Map<string, Set<Listener>>();

  async join(group: string, member: WorkerMember): Promise<void> {
    await this.leave(group, member.id);
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.#groups.set(group, members);
    }
    members.set(member.id, member);
    this.#tell(group, { kind: 'joined', member });
  }

  async leave(group: string, id: string): Promise<void> {
    const members = this.#groups.get(group);
    const member = members?.get(id);
    if (members === undefined || member === undefined) return;
    members.delete(id);
    if (members.size === 0) this.#groups.delete(group);
    this.#tell(group, { kind: 'left', member });
  }

  members(group: string): readonly WorkerMember[] {
    return [...(this.#groups.get(group)?.values() ?? [])];
  }

  watch(group: string, listener: Listener): () => void {
    let listeners = this.#listeners.get(group);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(group, listeners);
    }
    const own: Listener = (change) => listener(change);
    listeners.add(own);
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(group) === listeners) this.#listeners.delete(group);
    };
  }

  #tell(group: string, change: MembershipChange): void {
    for (const listener of [...(this.#listeners.get(group) ?? [])]) listener(change);
  }
}
