import { Fifo } from '../lib/fifo.ts';
import type { Link } from '../peer/link-ports.ts';
import { costOf, countOf, type MeshSend } from './mesh-send.ts';

export interface OutboxLimits {
  /** For one peer. */
  readonly maxMessages: number;
  /** For all together. */
  readonly maxBytes: number;
}

interface Outbox {
  readonly sends: Fifo<MeshSend>;
  messages: number;
}

/**
 * What is for peers of the mesh whose links have gone, and who are dialled again: in order, until there is a link or the dial has failed. While a peer
 * has an outbox everything for it goes through that, so that nothing overtakes.
 */
export class PeerOutboxes {
  bytes = 0;
  readonly #limits: OutboxLimits;
  readonly #connect: (peerId: string, done: (link: Link | null) => void) => void;
  readonly #send: (link: Link, send: MeshSend) => void;
  readonly #failed: (peerId: string, send: MeshSend) => void;
  readonly #outboxes = new Map<string, Outbox>();

  /** @param failed the peer cannot be reached: what is to be done with each, in order */
  constructor(
    limits: OutboxLimits,
    connect: (peerId: string, done: (link: Link | null) => void) => void,
    send: (link: Link, send: MeshSend) => void,
    failed: (peerId: string, send: MeshSend) => void,
  ) {
    this.#limits = limits;
    this.#connect = connect;
    this.#send = send;
    this.#failed = failed;
  }

  /** Messages that wait. */
  get messages(): number {
    let count = 0;
    for (const { messages } of this.#outboxes.values()) count += messages;
    return count;
  }

  /** Peers that have one. */
  get size(): number {
    return this.#outboxes.size;
  }

  peers(): Iterable<string> {
    return this.#outboxes.keys();
  }

  has(peerId: string): boolean {
    return this.#outboxes.has(peerId);
  }

  /** Whether there is room for one more message. */
  hasRoom(peerId: string, bytes: number): boolean {
    const { maxMessages, maxBytes } = this.#limits;
    return (this.#outboxes.get(peerId)?.messages ?? 0) < maxMessages && this.bytes + bytes <= maxBytes;
  }

  add(peerId: string, send: MeshSend): void {
    let outbox = this.#outboxes.get(peerId);
    if (outbox === undefined) {
      outbox = { sends: new Fifo(), messages: 0 };
      this.#outboxes.set(peerId, outbox);
      this.#connect(peerId, (link) => this.#connected(peerId, link));
    }
    outbox.sends.push(send);
    outbox.messages += countOf(send);
    this.bytes += costOf(send);
  }

  #connected(peerId: string, link: Link | null): void {
    const outbox = this.#outboxes.get(peerId);
    if (outbox === undefined) return;
    this.#outboxes.delete(peerId);
    for (let send = outbox.sends.shift(); send !== undefined; send = outbox.sends.shift()) {
      this.bytes -= costOf(send);
      if (link === null) this.#failed(peerId, send);
      else this.#send(link, send);
    }
  }
}
