import type { ClientRegistry } from '../broker/client-registry.ts';
import type { ClientDirectory } from '../broker/ports.ts';
import { compareStamps, type HybridClock, parseStamp, type Stamp, stampText } from '../cluster/hybrid-clock.ts';
import type { GroupMember, Groups } from '../cluster/ports.ts';

const GROUP_PREFIX = 'clients/';

export interface ClientClaimsParts {
  readonly nodeId: string;
  readonly groups: Groups;
  readonly stamps: HybridClock;
}

/**
 * One connection per client id in the whole cluster. Each node claims the ids that are connected to it, in a group per realm, with the
 * time of their CONNECT; a node that hears of a later claim closes its own connection with 0x8E. Nodes that could not hear of each
 * other compare their claims when they can.
 */
export class ClientClaims implements ClientDirectory {
  readonly #parts: ClientClaimsParts;
  /** By realm and client id. */
  readonly #own = new Map<string, Stamp>();
  readonly #watched = new Map<string, () => void>();
  #clients: ClientRegistry | null = null;

  constructor(parts: ClientClaimsParts) {
    this.#parts = parts;
  }

  /** Where connections that have been overtaken are closed. */
  start(clients: ClientRegistry): void {
    this.#clients = clients;
  }

  stop(): void {
    for (const unwatch of this.#watched.values()) unwatch();
    this.#watched.clear();
  }

  connected(realm: string, clientId: string): void {
    this.#watch(realm);
    const stamp = this.#parts.stamps.next(this.#latest(realm, clientId));
    this.#own.set(keyOf(realm, clientId), stamp);
    const member = { id: clientId, nodeId: this.#parts.nodeId, metadata: { at: stampText(stamp) } };
    void this.#parts.groups.join(GROUP_PREFIX + realm, member);
  }

  gone(realm: string, clientId: string): void {
    if (this.#own.delete(keyOf(realm, clientId))) void this.#parts.groups.leave(GROUP_PREFIX + realm, clientId);
  }

  /** Before the first client of a realm: who is connected nowhere here can be overtaken by nobody. */
  #watch(realm: string): void {
    if (this.#watched.has(realm)) return;
    const stop = this.#parts.groups.watch(GROUP_PREFIX + realm, ({ kind, member }) => {
      if (kind === 'joined' && member.nodeId !== this.#parts.nodeId) this.#heard(realm, member);
    });
    this.#watched.set(realm, stop);
  }

  /** Of the claims that are known: this node's clock may be behind that of the node which made it. */
  #latest(realm: string, clientId: string): Stamp | null {
    let latest: Stamp | null = null;
    for (const member of this.#parts.groups.find(GROUP_PREFIX + realm, clientId)) {
      const stamp = stampOf(member);
      if (stamp !== null && (latest === null || compareStamps(stamp, latest) > 0)) latest = stamp;
    }
    return latest;
  }

  #heard(realm: string, member: GroupMember): void {
    const { id } = member;
    const theirs = stampOf(member);
    if (theirs === null) return;
    this.#parts.stamps.observe(theirs);
    const own = this.#own.get(keyOf(realm, id));
    if (own === undefined || compareStamps(own, theirs) > 0) return;
    this.#clients?.find(realm, id)?.connection.close('session_taken_over', 'connected to another node of the cluster');
  }
}

/** null: of a newer version, perhaps */
function stampOf({ metadata }: GroupMember): Stamp | null {
  return typeof metadata.at === 'string' ? parseStamp(metadata.at) : null;
}

function keyOf(realm: string, clientId: string): string {
  return `${realm}\0${clientId}`;
}
