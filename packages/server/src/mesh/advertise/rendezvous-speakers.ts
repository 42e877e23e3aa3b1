import { hashText, rendezvousScore } from '../../lib/text-hash.ts';
import type { ClusterForMesh, KeyPath, Speakers } from '../ports.ts';

interface Member {
  readonly nodeId: string;
  readonly hash: number;
}

/** A realm that this node has joined. */
interface Joined {
  /** Those that can speak, in the order of their ids. */
  members: readonly Member[];
  readonly stopWatching: () => void;
}

/**
 * Shares the keys of a cluster out among its nodes, by rendezvous hashing. Those that can speak in a realm are the members of the group
 * `mesh/{realm}`: a node is one while its own token of the realm holds. The nodes agree as soon as they know of the same members; until then
 * two may speak for a key, or none. Without a cluster, every key is ours.
 */
export class RendezvousSpeakers implements Speakers {
  onChange: ((realm: string) => void) | null = null;
  readonly #cluster: Pick<ClusterForMesh, 'nodeId' | 'groups'> | null;
  readonly #realms = new Map<string, Joined>();

  constructor(cluster: Pick<ClusterForMesh, 'nodeId' | 'groups'> | null) {
    this.#cluster = cluster;
  }

  isOurs(realm: string, path: KeyPath): boolean {
    if (this.#cluster === null) return true;
    const hash = hashText(`${realm}\0${path}`);
    let speaker: string | null = null;
    let best = -1;
    for (const member of this.#realms.get(realm)?.members ?? []) {
      const score = rendezvousScore(hash, member.hash);
      if (score <= best) continue;
      best = score;
      speaker = member.nodeId;
    }
    return speaker === this.#cluster.nodeId;
  }

  /** This node has a token of the realm that holds. Does nothing if it had one. */
  join(realm: string): void {
    if (this.#cluster === null || this.#realms.has(realm)) return;
    const { nodeId, groups } = this.#cluster;
    const stopWatching = groups.watch(groupOf(realm), () => this.#update(realm));
    this.#realms.set(realm, { members: [], stopWatching });
    void groups.join(groupOf(realm), { id: nodeId, nodeId, metadata: {} });
    this.#update(realm);
  }

  /** Its token no longer holds: others speak for its keys. */
  leave(realm: string): void {
    const joined = this.#realms.get(realm);
    if (this.#cluster === null || joined === undefined) return;
    this.#realms.delete(realm);
    joined.stopWatching();
    void this.#cluster.groups.leave(groupOf(realm), this.#cluster.nodeId);
    this.onChange?.(realm);
  }

  #update(realm: string): void {
    const joined = this.#realms.get(realm);
    if (joined === undefined || this.#cluster === null) return;
    const ids = this.#cluster.groups.members(groupOf(realm)).map(({ nodeId }) => nodeId);
    // The order in which they came is another on each node; ties are to have one winner.
    ids.sort();
    if (ids.length === joined.members.length && ids.every((id, i) => id === joined.members[i]!.nodeId)) return;
    joined.members = ids.map((nodeId) => ({ nodeId, hash: hashText(nodeId) }));
    this.onChange?.(realm);
  }
}

const groupOf = (realm: string): string => `mesh/${realm}`;
