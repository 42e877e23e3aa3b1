import { PacketError, type RecentTopic } from '@plexus/protocol';
import { AckSlots } from '../broker/ack-slots.ts';
import type { FlowControl, WaitingPublisher } from '../broker/flow-control.ts';
import type { Realm } from '../broker/realm.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import { Fifo } from '../lib/fifo.ts';
import type { Link } from '../peer/link-ports.ts';
import { WireError } from '../peer/wire-bytes.ts';

/** Messages of one node, in the order in which it sent them. */
export class PeerSource implements CommitTarget, WaitingPublisher {
  readonly slots: AckSlots;
  slot = 0;
  readonly #link: Link;
  /** Of the frames whose slots are open, oldest first: slots are answered in order. */
  readonly #numbers = new Fifo<number>();

  constructor(link: Link) {
    this.#link = link;
    this.slots = new AckSlots({
      writeAcknowledgement: (_packetId, _ack, reason) => link.done(this.#numbers.shift()!, reason),
    });
  }

  take(number: number): number {
    this.#numbers.push(number);
    // The packet id and the kind are a client's business.
    this.slot = this.slots.take(0, 1);
    return this.slot;
  }

  resumePublishing(): void {
    this.#link.resumeData();
  }
}

/** The other nodes that send messages to this one. They wait, as publishers do, while the node has no room. */
export abstract class PeerSources {
  readonly #flow: FlowControl;
  readonly #sources = new Map<Link, PeerSource>();

  constructor(flow: FlowControl) {
    this.#flow = flow;
  }

  onUp(link: Link): void {
    this.#sources.set(link, new PeerSource(link));
  }

  onClosed(link: Link): void {
    const source = this.#sources.get(link);
    if (source === undefined) return;
    this.#sources.delete(link);
    this.#flow.forget(source);
  }

  /** As `LinkEvents.onData`. */
  onData(
    link: Link,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const source = this.#sources.get(link)!;
    if (this.#flow.closed) {
      this.#flow.wait(source);
      return false;
    }
    try {
      this.take(link, source, number, held, type, buffer, start, end);
    } catch (error) {
      // A PacketError: not even the specification allows such a topic.
      if (!(error instanceof WireError) && !(error instanceof PacketError)) throw error;
      link.close('bad_frame', error.message);
    }
    return true;
  }

  /** A frame, for which there is room. A WireError or PacketError ends the link. */
  protected abstract take(
    link: Link,
    source: PeerSource,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void;
}

const DOLLAR = 0x24;

/** Its node may allow its clients more than this one. @throws {PacketError} for what is no topic anywhere */
export function topicIn(realm: Realm, topic: Buffer): RecentTopic {
  if (topic[0] === DOLLAR) return realm.unboundTopic(topic);
  try {
    return realm.topics.lookup(topic, 0, topic.length);
  } catch (error) {
    if (error instanceof PacketError) return realm.unboundTopic(topic);
    throw error;
  }
}
