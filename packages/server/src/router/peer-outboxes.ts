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
  sends: Fifo<MeshSend>;
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
    this.#push(this.#outboxes.get(peerId) ?? this.#dial(peerId), send);
  }

  /** Puts what was sent before all that waits for the peer in front of it, in order. */
  putBack(peerId: string, sends: readonly MeshSend[]): void {
    const outbox = this.#outboxes.get(peerId) ?? this.#dial(peerId);
    const { sends: later } = outbox;
    outbox.sends = new Fifo();
    for (const send of sends) this.#push(outbox, send);
    for (let send = later.shift(); send !== undefined; send = later.shift()) outbox.sends.push(send);
  }

  /** As `add`, for a peer that cannot be reached: it is not dialled, and what is for it waits for `retry`. */
  hold(peerId: string, send: MeshSend): void {
    this.#push(this.#outboxes.get(peerId) ?? this.#create(peerId), send);
  }

  /** What is held for a peer has another chance: each goes where `failed` says. */
  retry(peerId: string): void {
    this.#connected(peerId, null);
  }

  #create(peerId: string): Outbox {
    const outbox = { sends: new Fifo<MeshSend>(), messages: 0 };
    this.#outboxes.set(peerId, outbox);
    return outbox;
  }

  #dial(peerId: string): Outbox {
    const outbox = this.#create(peerId);
    this.#connect(peerId, (link) => {
      if (this.#outboxes.get(peerId) === outbox) this.#connected(peerId, link);
    });
    return outbox;
  }

  #push(outbox: Outbox, send: MeshSend): void {
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
