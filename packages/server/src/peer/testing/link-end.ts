import type { FakeClock } from '../../lib/fake-clock.ts';
import { Turn } from '../../lib/turn.ts';
import { type Introducer, Introduction, type IntroductionResult } from '../introduction.ts';
import type { Gatekeeper, HeldFrame, Link, LinkCloseReason, LinkEvents, Obligations } from '../link-ports.ts';
import { LINK_DEFAULTS, type LinkOptions, type LinkOwner, PeerLink } from '../peer-link.ts';
import { channelPair, type PairedChannel, type PairOptions } from './channel-pair.ts';

export interface ReceivedData {
  readonly number: number;
  readonly held: boolean;
  readonly type: number;
  readonly text: string;
}

/** Lets everybody in who says the same word. */
export function wordGatekeeper(word: string): Gatekeeper {
  return {
    greeting: () => Buffer.from('hello'),
    welcomes: () => null,
    prove: (context) => Buffer.from(`${context.role} ${context.initiatorPeerId} ${context.version} ${word}`),
    check: (context, proof) => {
      const expected = `${context.role} ${context.initiatorPeerId} ${context.version} ${word}`;
      return Buffer.from(proof).toString() === expected ? null : 'wrong_secret';
    },
  };
}

/** A node as far as one link goes: what it is told, it writes down. */
export class LinkEnd implements LinkEvents, LinkOwner, Introducer, Obligations {
  readonly peerId: string;
  incarnation = 1;
  readonly clock: FakeClock;
  readonly timeoutMs = 5000;
  readonly maxFrameBytes: number;
  newestVersion = 2;
  word = 'sesame';
  link: PeerLink | null = null;
  result: IntroductionResult | null = null;
  readonly events: string[] = [];
  /** What its owner hears, behind the events before it. */
  readonly owned: string[] = [];
  readonly controls: string[] = [];
  readonly data: ReceivedData[] = [];
  /** Slots, in the order they were met, with their reasons. */
  readonly met: { slot: number; reason: number }[] = [];
  /** What `onData` answers. */
  accepts: (data: ReceivedData) => boolean = () => true;
  /** Called for what was accepted. */
  deal: (data: ReceivedData) => void = (data) => this.link!.done(data.number, 0);
  /** Which of the unanswered are taken over. */
  takes: (frame: HeldFrame) => boolean = () => false;
  readonly options: LinkOptions;
  readonly turn: Turn;
  #sessions = 0;

  constructor(clock: FakeClock, peerId: string, options: Partial<LinkOptions> = {}) {
    this.clock = clock;
    this.peerId = peerId;
    this.options = { ...LINK_DEFAULTS, ...options };
    this.maxFrameBytes = this.options.maxFrameBytes;
    this.turn = new Turn((run) => clock.setImmediate(run));
    clock.setInterval(() => this.link?.tick(clock.now()), 100);
  }

  addresses = (): readonly string[] => [`/memory/${this.peerId}`];
  nonce = (): Uint8Array => new Uint8Array(32).fill(this.peerId.charCodeAt(0));
  newSession = (): number => 1000 * this.peerId.charCodeAt(0) + ++this.#sessions;
  gatekeeper = (purpose: string): Gatekeeper | null => (purpose === 'cluster' ? wordGatekeeper(this.word) : null);

  known(_purpose: string, peerId: string, incarnation: number) {
    const { link } = this;
    if (link === null || link.state === 'closed') return null;
    const isSame = link.peer.peerId === peerId && link.peer.incarnation === incarnation;
    return isSame ? { session: link.session, lastReceived: link.lastReceived } : null;
  }

  /** Introduces itself over a channel, and makes a link of it, or goes on with the one there is. */
  meetOver(channel: PairedChannel, initiates: boolean): Introduction {
    return new Introduction(channel, this, initiates ? 'cluster' : null, (result) => {
      this.result = result;
      if (!('introduced' in result)) return;
      const { introduced } = result;
      if (introduced.resumed) {
        this.link!.attach(introduced);
        return;
      }
      this.link?.close('forgotten');
      const { clock, turn, options } = this;
      this.link = new PeerLink({ purpose: 'cluster', introduced, clock, turn, events: this, options, owner: this });
      this.link.open();
    });
  }

  loose(text: string): boolean {
    const body = Buffer.from(text);
    return this.link!.loose(65, Buffer.from('L'), body, 0, body.length, 1);
  }

  held(text: string, slot: number): void {
    this.link!.held(64, Buffer.from('H'), Buffer.from(text), this, slot);
  }

  meet(slot: number, reason = 0): void {
    this.met.push({ slot, reason });
  }

  onUp(): void {
    this.events.push('up');
  }

  onControl(_link: Link, type: number, buffer: Uint8Array, start: number, end: number): void {
    this.controls.push(`${type} ${Buffer.from(buffer.subarray(start, end)).toString()}`);
  }

  onData(
    _link: Link,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const data = { number, held, type, text: Buffer.from(buffer.subarray(start, end)).toString() };
    if (!this.accepts(data)) return false;
    this.data.push(data);
    this.deal(data);
    return true;
  }

  onLost(_link: Link, reason: LinkCloseReason): void {
    this.events.push(`lost ${reason}`);
  }

  onResumed(): void {
    this.events.push('resumed');
  }

  onClosed(_link: Link, reason: LinkCloseReason, unanswered: readonly HeldFrame[]): void {
    this.events.push(`closed ${reason}`);
    for (const frame of unanswered) frame.taken = this.takes(frame);
  }

  linkLost(_link: Link, reason: LinkCloseReason): void {
    this.owned.push(`${this.events.at(-1)}; lost ${reason}`);
  }

  linkClosed(_link: Link, reason: LinkCloseReason): void {
    this.owned.push(`${this.events.at(-1)}; closed ${reason}`);
  }

  onUnreachable(): void {}

  onRefused(): void {}
}

/** Lets two ends meet over a new pair of channels; the first dials. @returns the dialler's end of it */
export function connect(a: LinkEnd, b: LinkEnd, options: Partial<PairOptions> = {}): PairedChannel {
  const [outbound, inbound] = channelPair(a.clock, a.peerId, b.peerId, options);
  b.meetOver(inbound, false);
  a.meetOver(outbound, true);
  return outbound;
}
