import { topicMatches } from '@plexus/protocol';
import type { MessagingNode, MessagingNodeParts, MessagingNodeView, Transport, TransportHandler } from '../ports.ts';
import { type ToyBroker, ToyClient, type ToyMessage } from './toy-client.ts';
import { type ToyFrame, ToyLink } from './toy-link.ts';

const PROTOCOL = '/toy/1';
const DIAL_EVERY_MS = 300;

interface Retained {
  readonly message: ToyMessage;
  readonly stamp: number;
  readonly nodeId: string;
}

/** What a toy node knows of another. */
interface Known {
  readonly link: ToyLink;
  readonly filters: Set<string>;
  readonly groups: Set<string>;
}

const parsed = (filter: string): { plain: string; share: boolean } => {
  const [, plain] = /^\$share\/[^/]+\/(.+)$/.exec(filter) ?? [];
  return { plain: plain ?? filter, share: plain !== undefined };
};

/**
 * The simplest cluster that keeps the invariants: everything in JSON, a lost channel is a lost member, nothing is resent. The
 * simulation is tested with it, so that what it finds in the real parts is not of its own making.
 */
export class ToyNode implements MessagingNode, ToyBroker {
  readonly view: MessagingNodeView;
  readonly #parts: MessagingNodeParts;
  readonly #clients = new Set<ToyClient>();
  readonly #peers = new Map<string, Known>();
  readonly #links = new Set<ToyLink>();
  readonly #addresses: Set<string>;
  readonly #counts = new Map<string, number>();
  readonly #groups = new Set<string>();
  readonly #retained = new Map<string, Retained>();
  /** When each connected. */
  readonly #since = new Map<ToyClient, number>();
  /** Filters that each is counted for. */
  readonly #held = new Map<ToyClient, Set<string>>();
  /** Node → the address where it was reached. */
  readonly #known = new Map<string, string>();
  /** Of the newest change that this node has heard of. */
  #stamp = 0;
  #number = 0;

  constructor(parts: MessagingNodeParts) {
    this.#parts = parts;
    this.#addresses = new Set(parts.join);
    this.view = {
      peers: () => [...this.#peers].map(([nodeId, { link }]) => ({ nodeId, incarnation: link.incarnation })),
      interest: (nodeId) => this.#filtersOf(nodeId).map((key) => split(key)),
      destinations: (realm, topic) =>
        [...this.#peers].flatMap(([id, { filters }]) =>
          [...filters].some((key) => split(key).realm === realm && topicMatches(parsed(split(key).filter).plain, topic))
            ? id
            : [],
        ),
      filterCount: (nodeId) => this.#filtersOf(nodeId).length,
      members: (group) => [
        ...membersIn(this.#groups, group, parts.network.peerId),
        ...[...this.#peers].flatMap(([id, { groups }]) => membersIn(groups, group, id)),
      ],
      retained: () => [...this.#retained.values()].flatMap(({ message }) => (message.payload === '' ? [] : message)),
      links: () => [...this.#peers.keys()].map((peerId) => ({ peerId, state: 'up', queuedBytes: 0, heldBytes: 0 })),
      queuedMessages: () => 0,
    };
  }

  get #id(): string {
    return this.#parts.network.peerId;
  }

  start(): void {
    this.#parts.network.accept(PROTOCOL, (channel) => this.#open(channel));
    const dial = (): void => {
      for (const address of this.#addresses) this.#dial(address);
    };
    dial();
    this.#parts.clock.setInterval(dial, DIAL_EVERY_MS);
  }

  accept(transport: Transport): TransportHandler {
    return new ToyClient(transport, this);
  }

  joinGroup(group: string, id: string): void {
    this.#groups.add(`${group} ${id}`);
    this.#tell({ kind: 'group', key: `${group} ${id}`, there: true });
  }

  leaveGroup(group: string, id: string): void {
    this.#groups.delete(`${group} ${id}`);
    this.#tell({ kind: 'group', key: `${group} ${id}`, there: false });
  }

  async stop(): Promise<void> {
    for (const link of [...this.#links]) link.close();
  }

  // ---- clients

  connected(client: ToyClient): void {
    const at = this.#tick();
    for (const other of [...this.#clients]) {
      if (other.id === client.id && other.realm === client.realm) other.takenOver();
    }
    this.#clients.add(client);
    this.#since.set(client, at);
    this.#tell({ kind: 'client', realm: client.realm, id: client.id, at, node: this.#id });
  }

  subscribed(client: ToyClient, filter: string): void {
    this.#count(`${client.realm} ${filter}`, 1, client, filter);
    for (const { message } of this.#retained.values()) {
      const wanted = message.realm === client.realm && topicMatches(filter, message.topic) && message.payload !== '';
      if (wanted) client.deliver(message, client.filters.get(filter)!, true);
    }
  }

  unsubscribed(client: ToyClient, filter: string): void {
    this.#count(`${client.realm} ${filter}`, -1, client, filter);
  }

  gone(client: ToyClient): void {
    if (!this.#clients.delete(client)) return;
    for (const filter of this.#held.get(client) ?? []) this.#count(`${client.realm} ${filter}`, -1, null, filter);
  }

  published(_client: ToyClient, message: ToyMessage, answered: () => void): void {
    let open = 1;
    const done = (): void => {
      if (--open === 0) answered();
    };
    if (message.retain) this.#retain({ message, stamp: this.#tick(), nodeId: this.#id }, true);
    this.#deliver(message, null);
    for (const [nodeId, share] of this.#destinations(message)) {
      const { link } = this.#peers.get(nodeId)!;
      const number = ++this.#number;
      link.send({ kind: 'message', number, message, share });
      if (message.qos === 0) continue;
      open++;
      if (this.#parts.plant.answerEarly) done();
      else link.open.set(number, done);
    }
    done();
  }

  // ---- other nodes

  #count(key: string, by: number, client: ToyClient | null, filter: string): void {
    if (client !== null) {
      const held = this.#held.get(client) ?? new Set();
      this.#held.set(client, held);
      if (held.has(filter) === by > 0) return;
      if (by > 0) held.add(filter);
      else held.delete(filter);
    }
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
    if (count === 0 || (count === 1 && by > 0)) this.#tell({ kind: 'filter', key, there: count > 0 });
  }

  /** By node, with the shared subscription it is for: one node of each. */
  #destinations(message: ToyMessage): [string, string | null][] {
    const { realm, topic } = message;
    const out: [string, string | null][] = [];
    const holders = new Map<string, (string | null)[]>();
    for (const key of this.#counts.keys()) this.#gather(holders, key, realm, topic, null);
    for (const [nodeId, { filters }] of this.#peers) {
      let plain = false;
      for (const key of filters) plain = this.#gather(holders, key, realm, topic, nodeId) || plain;
      if (plain) out.push([nodeId, null]);
    }
    for (const [filter, nodes] of holders) {
      const chosen = nodes[Math.floor(this.#parts.random() * nodes.length)]!;
      if (chosen !== null) out.push([chosen, filter]);
      else this.#deliver(message, filter);
    }
    return out;
  }

  /** @returns whether the filter matches and is not shared */
  #gather(
    holders: Map<string, (string | null)[]>,
    key: string,
    realm: string,
    topic: string,
    nodeId: string | null,
  ): boolean {
    const { realm: its, filter } = split(key);
    const { plain, share } = parsed(filter);
    if (its !== realm || !topicMatches(plain, topic)) return false;
    if (share) holders.set(filter, [...(holders.get(filter) ?? []), nodeId]);
    return !share;
  }

  /** @param share null: to all that are not shared */
  #deliver(message: ToyMessage, share: string | null): void {
    const members: [ToyClient, number][] = [];
    for (const client of this.#clients) {
      if (client.realm !== message.realm) continue;
      const granted = [...client.filters].flatMap(([filter, qos]) => {
        const wanted = share === null ? !parsed(filter).share : filter === share;
        return wanted && topicMatches(parsed(filter).plain, message.topic) ? qos : [];
      });
      if (granted.length === 0) continue;
      if (share === null) client.deliver(message, Math.max(...granted), false);
      else members.push([client, granted[0]!]);
    }
    const [chosen] = members.splice(Math.floor(this.#parts.random() * members.length), 1);
    if (chosen !== undefined) chosen[0].deliver(message, chosen[1], false);
  }

  #retain(entry: Retained, own: boolean): void {
    const key = `${entry.message.realm} ${entry.message.topic}`;
    const known = this.#retained.get(key);
    this.#stamp = Math.max(this.#stamp, entry.stamp);
    if (
      known !== undefined &&
      (known.stamp > entry.stamp || (known.stamp === entry.stamp && known.nodeId > entry.nodeId))
    )
      return;
    this.#retained.set(key, entry);
    if (own) this.#tell({ kind: 'retain', entry });
  }

  #tick(): number {
    this.#stamp = Math.max(this.#stamp + 1, this.#parts.clock.wallMs());
    return this.#stamp;
  }

  #tell(frame: ToyFrame): void {
    for (const { link } of this.#peers.values()) link.send(frame);
  }

  #filtersOf(nodeId: string | null): string[] {
    return [...(nodeId === null ? this.#counts.keys() : (this.#peers.get(nodeId)?.filters ?? []))];
  }

  #dial(address: string): void {
    const { network, clock } = this.#parts;
    if ([...this.#peers.keys()].some((id) => this.#known.get(id) === address)) return;
    const abort = new AbortController();
    const timer = clock.setTimeout(() => abort.abort(), 2000);
    network.dial({ peerId: null, addresses: [address] }, PROTOCOL, abort.signal).then(
      (channel) => {
        timer.cancel();
        this.#known.set(channel.peerId, address);
        this.#open(channel);
      },
      () => timer.cancel(),
    );
  }

  #open(channel: Parameters<Parameters<MessagingNodeParts['network']['accept']>[1]>[0]): void {
    const { clock, incarnation, network } = this.#parts;
    const link = new ToyLink(
      this.#id,
      channel,
      clock,
      (its, frame) => this.#onFrame(its, frame),
      (its) => this.#onGone(its),
    );
    this.#links.add(link);
    link.send({ kind: 'hello', incarnation, addresses: [...this.#addresses, ...network.addresses] });
  }

  #onGone(link: ToyLink): void {
    this.#links.delete(link);
    if (this.#peers.get(link.peerId)?.link !== link) return;
    if (!this.#parts.plant.forgetPurge) this.#peers.delete(link.peerId);
    this.#parts.watcher.onMember(link.peerId, link.incarnation, 'gone');
    this.#peers.delete(link.peerId);
    for (const done of link.open.values()) done();
  }

  #onFrame(link: ToyLink, frame: ToyFrame): void {
    const known = this.#peers.get(link.peerId);
    if (frame.kind === 'hello') this.#onHello(link, frame);
    else if (known?.link === link) this.#onKnown(known, frame);
  }

  #onHello(link: ToyLink, frame: ToyFrame): void {
    for (const address of frame.addresses as string[]) {
      if (!this.#parts.network.addresses.includes(address)) this.#addresses.add(address);
    }
    const known = this.#peers.get(link.peerId);
    link.incarnation = frame.incarnation as number;
    const isNewer = known === undefined || known.link.incarnation < link.incarnation;
    // Of two that were made at once, both ends keep the one of the smaller id.
    if (link.peerId === this.#id || (!isNewer && link.initiator > known.link.initiator)) {
      link.close();
      return;
    }
    known?.link.close();
    this.#peers.set(link.peerId, { link, filters: new Set(), groups: new Set() });
    this.#parts.watcher.onMember(link.peerId, link.incarnation, 'up');
    for (const key of this.#counts.keys()) link.send({ kind: 'filter', key, there: true });
    for (const key of this.#groups) link.send({ kind: 'group', key, there: true });
    for (const entry of this.#retained.values()) link.send({ kind: 'retain', entry });
    for (const { realm, id } of this.#clients) {
      const at = [...this.#since].find(([client]) => client.id === id && client.realm === realm && client.open)![1];
      link.send({ kind: 'client', realm, id, at, node: this.#id });
    }
  }

  #onKnown({ link, filters, groups }: Known, frame: ToyFrame): void {
    const set = frame.kind === 'filter' ? filters : frame.kind === 'group' ? groups : null;
    if (set !== null && frame.there === true) set.add(frame.key as string);
    else if (set !== null) set.delete(frame.key as string);
    else if (frame.kind === 'retain') this.#retain(frame.entry as Retained, false);
    else if (frame.kind === 'message') {
      this.#deliver(frame.message as ToyMessage, frame.share as string | null);
      link.send({ kind: 'answer', number: frame.number });
    } else if (frame.kind === 'answer') {
      link.open.get(frame.number as number)?.();
      link.open.delete(frame.number as number);
    } else if (frame.kind === 'client') this.#onClient(frame);
  }

  #onClient(frame: ToyFrame): void {
    const at = frame.at as number;
    this.#stamp = Math.max(this.#stamp, at);
    for (const client of [...this.#clients]) {
      const isIt = client.id === frame.id && client.realm === frame.realm;
      const since = this.#since.get(client)!;
      if (isIt && (since < at || (since === at && this.#id < (frame.node as string)))) client.takenOver();
    }
  }
}

function split(key: string): { realm: string; filter: string } {
  const at = key.indexOf(' ');
  return { realm: key.slice(0, at), filter: key.slice(at + 1) };
}

function membersIn(keys: ReadonlySet<string>, group: string, nodeId: string): { id: string; nodeId: string }[] {
  const own = [...keys].filter((key) => key.startsWith(`${group} `));
  return own.map((key) => ({ id: key.slice(group.length + 1), nodeId }));
}
