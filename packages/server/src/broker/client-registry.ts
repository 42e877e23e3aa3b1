import { TurnoverMap } from '../lib/turnover-map.ts';
import type { ConnectedClient } from './connected-client.ts';
import { EncodedMessage } from './encoded-message.ts';
import type { Message } from './message.ts';

export interface ClientQuery {
  readonly realm?: string;
  readonly endpoint?: string;
  /** Continue after this cursor, as `next` of the page before gave it. */
  readonly after?: number;
  readonly limit: number;
}

/** All connected clients of a node, with every index on them. Bounded by `maxClients`, which admission sees to. */
export class ClientRegistry {
  /** In order of connecting. */
  readonly #clients = new TurnoverMap<number, ConnectedClient>();
  readonly #realms = new Map<string, TurnoverMap<string, ConnectedClient>>();
  readonly #endpoints = new Map<string, Set<ConnectedClient>>();
  #sequence = 0;

  connected(client: ConnectedClient): void {
    client.sequence = ++this.#sequence;
    this.#clients.set(client.sequence, client);
    getOrAdd(this.#realms, client.realm.name, () => new TurnoverMap()).set(client.clientId, client);
    if (client.endpoint !== null) getOrAdd(this.#endpoints, client.endpoint, () => new Set()).add(client);
  }

  /** Idempotent. */
  disconnected(client: ConnectedClient): void {
    if (!this.#clients.delete(client.sequence)) return;
    const realm = this.#realms.get(client.realm.name)!;
    if (realm.get(client.clientId) === client) realm.delete(client.clientId);
    if (realm.size === 0) this.#realms.delete(client.realm.name);
    if (client.endpoint === null) return;
    const sharing = this.#endpoints.get(client.endpoint)!;
    sharing.delete(client);
    if (sharing.size === 0) this.#endpoints.delete(client.endpoint);
  }

  count(realm?: string): number {
    return realm === undefined ? this.#clients.size : (this.#realms.get(realm)?.size ?? 0);
  }

  find(realm: string, clientId: string): ConnectedClient | null {
    return this.#realms.get(realm)?.get(clientId) ?? null;
  }

  isAlive(realm: string, clientId: string): boolean {
    return this.find(realm, clientId) !== null;
  }

  findByEndpoint(endpoint: string): ConnectedClient[] {
    return [...(this.#endpoints.get(endpoint) ?? [])];
  }

  clientIds(realm: string): string[] {
    return [...(this.#realms.get(realm)?.keys() ?? [])];
  }

  all(): Iterable<ConnectedClient> {
    return this.#clients.values();
  }

  /** A page in order of connecting; stable while clients come and go. `next` is null at the end. */
  list(query: ClientQuery): { clients: ConnectedClient[]; next: number | null } {
    const clients: ConnectedClient[] = [];
    for (const client of this.#candidates(query)) {
      if (client.sequence <= (query.after ?? 0)) continue;
      if (query.endpoint !== undefined && client.endpoint !== query.endpoint) continue;
      if (query.realm !== undefined && client.realm.name !== query.realm) continue;
      if (clients.length === query.limit) return { clients, next: clients[clients.length - 1]?.sequence ?? null };
      clients.push(client);
    }
    return { clients, next: null };
  }

  /** Sends a message at QoS 0 to every client of a realm, subscribed or not. @returns how many there are */
  broadcast(realm: string, message: Message): number {
    const clients = this.#realms.get(realm);
    if (clients === undefined) return 0;
    const encoded = new EncodedMessage(message);
    for (const client of clients.values()) client.subscriber.sendQos0(encoded, false, null);
    return clients.size;
  }

  /** Closes a client's connection; its session goes on as its expiry says. @returns whether it was connected */
  kick(realm: string, clientId: string): boolean {
    const client = this.find(realm, clientId);
    client?.connection.close('kicked');
    return client !== null;
  }

  #candidates(query: ClientQuery): Iterable<ConnectedClient> {
    if (query.endpoint === undefined) return this.#clients.values();
    return this.findByEndpoint(query.endpoint).sort((a, b) => a.sequence - b.sequence);
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
