import { lookup, resolveSrv } from 'node:dns/promises';

/** Where a service is, as a name server says. */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
}

/** Names to addresses. Nothing but this knows of DNS. */
export interface Resolver {
  /** A and AAAA records, and what the machine's own list of hosts has. Empty: there are none, or nobody could say. */
  addresses(name: string): Promise<string[]>;
  /** SRV records, the most wanted first. Empty likewise. */
  services(name: string): Promise<ServiceRecord[]>;
}

/** As the machine is set up to resolve names. */
export const systemResolver: Resolver = {
  async addresses(name) {
    try {
      const found = await lookup(name, { all: true });
      return found.map(({ address }) => address);
    } catch {
      return [];
    }
  },
  async services(name) {
    try {
      const found = await resolveSrv(name);
      found.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
      return found.map(({ name: target, port }) => ({ name: target, port }));
    } catch {
      return [];
    }
  },
};
