import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { PeerTarget } from '../peer/channel.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Gatekeeper, Link, LinkCloseReason, LinkEvents } from '../peer/link-ports.ts';
import { StoreCaller } from './store-caller.ts';
import { type HeldStores, StoreServer } from './store-server.ts';
import { BadMessage, type Fields, MessageReader } from './store-wire.ts';

/** Links of purpose `store`, as the link pool gives them. */
export interface StoreLinkPool {
  /** Whoever comes, or is dialled, is heard by `events` from here on. Called once. */
  open(purpose: 'store', gatekeeper: Gatekeeper, events: LinkEvents): void;
  /** The link to a peer, which is dialled if there is none. @throws {PlexusError} when it cannot be reached */
  getOrCreate(purpose: 'store', target: PeerTarget): Promise<Link>;
}

export interface StoreLinksOptions {
  readonly pool: StoreLinkPool;
  readonly gatekeeper: Gatekeeper;
  /** Where a node is; null: it is not known, or not up. */
  readonly target: (nodeId: string) => PeerTarget | null;
  readonly stores: HeldStores;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Both halves of what goes over one link. */
interface End {
  readonly link: Link;
  readonly caller: StoreCaller;
  readonly server: StoreServer;
  readonly reader: MessageReader;
}

/**
 * The links on which nodes ask each other for their stores: apart from those of messages, so that pages never hold them up. What
 * is under way when a channel is lost has failed, on both ends, also if the link goes on: control frames are not sent again.
 */
export class StoreLinks implements LinkEvents {
  readonly #options: StoreLinksOptions;
  readonly #ends = new Map<Link, End>();
  readonly #byNode = new Map<string, End>();
  #lastId = 0;

  constructor(options: StoreLinksOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.pool.open('store', this.#options.gatekeeper, this);
  }

  /** Requests of this node that stay open: consumers and readers. */
  get streams(): number {
    let streams = 0;
    for (const { caller } of this.#ends.values()) streams += caller.streams;
    return streams;
  }

  /**
   * @param store for errors
   * @throws {PlexusError} store_unavailable: the node cannot be reached
   */
  async caller(nodeId: string, store: string): Promise<StoreCaller> {
    const known = this.#byNode.get(nodeId);
    if (known?.link.state === 'up') return known.caller;
    const target = this.#options.target(nodeId);
    if (target === null) throw unreachable(store, nodeId, 'it is not up');
    let link: Link;
    try {
      link = await this.#options.pool.getOrCreate('store', target);
    } catch (error) {
      throw unreachable(store, nodeId, error instanceof PlexusError ? error.message : 'it does not answer');
    }
    // Nobody would hear of its end any more, which was before this.
    if (link.state === 'closed') throw unreachable(store, nodeId, 'the link was closed');
    return this.#endOf(link).caller;
  }

  onUp(link: Link): void {
    this.#endOf(link);
  }

  onControl(link: Link, type: number, buffer: Uint8Array, start: number, end: number): void {
    if (type < FrameType.Request || type > FrameType.More) return;
    const own = this.#endOf(link);
    try {
      const received = own.reader.take(type, buffer, start, end);
      if (received !== null) dispatch(own, type, received.id, received.message);
    } catch (error) {
      if (!(error instanceof BadMessage)) this.#options.log.error({ err: error }, 'a message about stores failed');
      link.close('bad_frame', (error as Error).message);
    }
  }

  /** None are sent over these links. */
  onData(link: Link, number: number): boolean {
    link.done(number, 0);
    return true;
  }

  onLost(link: Link, reason: LinkCloseReason): void {
    this.#lost(link, reason);
  }

  onResumed(link: Link): void {
    // What this end had not noticed the loss of.
    this.#lost(link, 'channel_lost');
  }

  onClosed(link: Link, reason: LinkCloseReason): void {
    this.#lost(link, reason);
    this.#ends.delete(link);
    if (this.#byNode.get(link.peer.peerId)?.link === link) this.#byNode.delete(link.peer.peerId);
  }

  /** Whoever needs the node asks again. */
  onUnreachable(): void {}

  onRefused(): void {}

  /** Everything that is under way fails; the links are the pool's. */
  stop(): void {
    for (const { link } of [...this.#ends.values()]) this.#lost(link, 'leaving');
    this.#ends.clear();
    this.#byNode.clear();
  }

  #endOf(link: Link): End {
    let end = this.#ends.get(link);
    if (end === undefined) {
      const { clock, stores, log } = this.#options;
      const caller = new StoreCaller(link, clock, () => ++this.#lastId);
      end = { link, caller, server: new StoreServer({ link, stores, clock, log }), reader: new MessageReader() };
      this.#ends.set(link, end);
      this.#byNode.set(link.peer.peerId, end);
    }
    return end;
  }

  #lost(link: Link, reason: LinkCloseReason): void {
    const end = this.#ends.get(link);
    if (end === undefined) return;
    end.reader.clear();
    end.server.lost();
    end.caller.lost(`the link to node ${link.peer.peerId} broke: ${reason}`);
  }
}

function dispatch({ caller, server }: End, type: number, id: number, message: Fields): void {
  if (type === FrameType.Request) server.request(id, message);
  else if (type === FrameType.Answer) caller.answered(id, message);
  else if (type === FrameType.Item) caller.item(id, message);
  else server.more(id, message);
}

const unreachable = (store: string, nodeId: string, why: string): PlexusError =>
  new PlexusError('store_unavailable', { store, reason: `node ${nodeId} cannot be reached: ${why}` });
