import type { ConnectionRecord } from '../history/ledger.ts';
import { Invariant } from './invariant.ts';

/** In the whole cluster one connection per client id of a realm; when two were opened in a partition, the later one stays. */
export class OneConnection extends Invariant {
  readonly name = 'one connection per client id';

  override whenSettled(): void {
    const byClient = new Map<string, ConnectionRecord[]>();
    for (const connection of this.history.ledger.connections) {
      if (connection.connected === null) continue;
      const key = `${connection.realm}/${connection.clientId}`;
      const known = byClient.get(key);
      if (known === undefined) byClient.set(key, [connection]);
      else known.push(connection);
    }
    for (const [client, connections] of byClient) this.#check(client, connections);
  }

  #check(client: string, connections: readonly ConnectionRecord[]): void {
    const open = connections.filter(({ gone }) => gone === null);
    if (open.length > 1) {
      this.report(`${client} is connected ${open.length} times: on ${open.map(({ life }) => life.nodeId).join(', ')}`);
    }
    const latest = connections.reduce((a, b) => (a.connected!.order > b.connected!.order ? a : b));
    // Ended by a takeover, though nobody connected after it.
    if (open.length === 0 && latest.goneReason === 0x8e) {
      this.report(`the latest connection of ${client}, on ${latest.life.nodeId}, was ended by an older one`);
    }
  }
}
