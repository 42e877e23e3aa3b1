import type { Clock } from '../lib/clock.ts';
import type { TurnTask } from '../lib/turn.ts';
import { endsChannelOnly } from './close-frame.ts';
import { Traffic } from './frame-writer.ts';
import { Heartbeat } from './heartbeat.ts';
import { IncomingData } from './incoming-data.ts';
import type { Introduced } from './introduction.ts';
import { LinkChannel } from './link-channel.ts';
import { type LinkFrameOwner, LinkFrames } from './link-frames.ts';
import type {
  Link,
  LinkCloseReason,
  LinkEvents,
  LinkInfo,
  LinkPurpose,
  LinkState,
  Obligations,
  PeerFacts,
} from './link-ports.ts';
import type { PeerLinkSetup } from './link-setup.ts';
import { OutgoingData } from './outgoing-data.ts';
import { refuseChannel } from './refuse-channel.ts';

export { LINK_DEFAULTS, type LinkOptions, type LinkOwner, type PeerLinkSetup } from './link-setup.ts';

/**
 * A link over the channels that come for it, one after the other.
 *
 * It calls all of `LinkEvents` itself except `onUnreachable` and `onRefused`. Use: construct, put it where others find it, then
 * `open()`, which takes the channel, calls `onUp` and handles what came with it. When another channel comes: `attach()`.
 */
export class PeerLink implements Link, TurnTask {
  readonly purpose: LinkPurpose;
  readonly peer: PeerFacts;
  /** What both ends call this link; `Introducer.known` says it. */
  readonly session: number;
  /** For `info`; whoever keeps links sets it. */
  pinned = false;
  state: LinkState = 'up';
  readonly #setup: PeerLinkSetup;
  readonly #events: LinkEvents;
  readonly #clock: Clock;
  readonly #heartbeat: Heartbeat;
  readonly #outgoing: OutgoingData;
  readonly #incoming: IncomingData;
  readonly #traffic = new Traffic();
  readonly #frames: LinkFrames;
  readonly #bornMs: number;
  /** The last channel there was. */
  #introduced: Introduced;
  /** null unless up */
  #wire: LinkChannel | null = null;
  #scheduled = false;
  #lastUsedMs: number;
  /** Since the last tick. */
  #used = false;
  #losses = 0;
  #ending: { readonly reason: LinkCloseReason; readonly deadlineMs: number } | null = null;

  constructor(setup: PeerLinkSetup) {
    const { introduced, options, clock } = setup;
    this.purpose = setup.purpose;
    this.peer = introduced.peer;
    this.session = introduced.session;
    this.#setup = setup;
    this.#events = setup.events;
    this.#clock = clock;
    this.#introduced = introduced;
    this.#bornMs = clock.now();
    this.#lastUsedMs = this.#bornMs;
    this.#heartbeat = new Heartbeat(introduced.peer.version, options, this.#bornMs);
    this.#outgoing = new OutgoingData(options, introduced.peerMaxFrameBytes);
    const owner = this.#frameOwner();
    this.#incoming = new IncomingData(owner, options.windowBytes);
    this.#frames = new LinkFrames(owner, this.#incoming, this.#outgoing, this.#heartbeat);
  }

  /** Goes up, once, in the turn in which it was introduced. */
  open(): void {
    this.#begin(this.#introduced);
  }

  /**
   * Goes on over another channel (`introduced.resumed`). If it was up over one, that is destroyed and `LinkEvents.onLost` comes first.
   * A link that was closed turns the channel away.
   */
  attach(introduced: Introduced): void {
    this.#drop('duplicate', null);
    this.#checkEnd();
    if (this.state === 'closed') {
      refuseChannel(introduced.channel, 'forgotten', 'closed meanwhile');
      return;
    }
    this.state = 'up';
    this.#introduced = introduced;
    this.#begin(introduced);
  }

  /** To be called every 100 ms: heartbeats, and whether the peer is silent. */
  tick(nowMs: number): void {
    if (this.#used) this.#lastUsedMs = nowMs;
    this.#used = false;
    if (this.#wire === null) return;
    const { writer } = this.#wire;
    if (this.#heartbeat.isSilent(nowMs)) this.#lose('silent', 'nothing has come for too long');
    else if (this.#heartbeat.isDeaf(nowMs)) this.#lose('silent', 'answers nothing');
    else if (writer.isStuck) this.#lose('silent', 'takes nothing');
    else if (this.#heartbeat.beat(writer, nowMs, this.#outgoing.answered)) this.#schedule();
    this.#checkEnd();
  }

  /** Sends what waits, and closes when all is answered both ways, after `graceMs` whatever is left; at once if it is lost. */
  end(reason: LinkCloseReason, graceMs: number): void {
    this.#ending ??= { reason, deadlineMs: this.#clock.now() + graceMs };
    this.#checkEnd();
  }

  /** Number of the last data frame of the peer; `Introducer.known` says it. */
  get lastReceived(): number {
    return this.#incoming.lastReceived;
  }

  /** The last channel there was came over another node, and what is sent over such a one is sent again if it breaks. */
  get isRelayed(): boolean {
    return this.#introduced.channel.transport === 'relay';
  }

  /** Where the peer said that it listens when the last channel began. */
  get peerAddresses(): readonly string[] {
    return this.#introduced.peer.addresses;
  }

  /** We have opened the last channel there was. */
  get isOutbound(): boolean {
    return this.#introduced.channel.direction === 'outbound';
  }

  /** The channel will break soon. */
  get isEnding(): boolean {
    return this.#introduced.channel.isEnding === true;
  }

  /** Monotonic, when anything last came from the peer. */
  get lastHeardMs(): number {
    return this.#heartbeat.heardMs;
  }

  /** Monotonic, when a user last sent or got a frame: control or data. Exact to a tick. */
  get lastUsedMs(): number {
    return this.#used ? this.#clock.now() : this.#lastUsedMs;
  }

  get queuedBytes(): number {
    return this.#outgoing.queuedBytes;
  }

  get heldBytes(): number {
    return this.#outgoing.heldBytes;
  }

  get isFull(): boolean {
    return this.#outgoing.isFull;
  }

  whenRoom(call: () => void): void {
    this.#outgoing.whenRoom(call);
  }

  control(type: number, body: Uint8Array): void {
    if (this.#wire === null) return;
    this.#used = true;
    this.#wire.writer.copy(type, body);
    this.#schedule();
  }

  loose(type: number, head: Uint8Array, buffer: Uint8Array, start: number, end: number, messages: number): boolean {
    if (this.state === 'closed') {
      this.#outgoing.dropped += messages;
      return false;
    }
    this.#used = true;
    this.#schedule();
    return this.#outgoing.loose(type, head, buffer, start, end, messages);
  }

  held(type: number, head: Uint8Array, body: Uint8Array, obligations: Obligations, slot: number): void {
    if (this.state === 'closed') {
      obligations.meet(slot, 0);
      return;
    }
    this.#used = true;
    this.#schedule();
    this.#outgoing.held(type, head, body, obligations, slot);
  }

  done(number: number, reason: number): void {
    if (this.state !== 'closed') this.#incoming.done(number, reason);
  }

  resumeData(): void {
    if (this.state !== 'closed') this.#incoming.unpark();
  }

  close(reason: LinkCloseReason, detail = ''): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#wire?.end(reason, detail);
    this.#wire = null;
    this.#incoming.close();
    const unanswered = this.#outgoing.close();
    this.#events.onClosed(this, reason, unanswered);
    for (const frame of unanswered) {
      if (!frame.taken) frame.obligations.meet(frame.slot, 0);
    }
    this.#outgoing.release();
    this.#setup.owner?.linkClosed(this, reason);
  }

  info(): LinkInfo {
    const { channel } = this.#introduced;
    const nowMs = this.#clock.now();
    return {
      peerId: this.peer.peerId,
      purpose: this.purpose,
      state: this.state,
      direction: channel.direction,
      transport: channel.transport,
      address: channel.remoteAddress,
      incarnation: this.peer.incarnation,
      version: this.peer.version,
      ageMs: nowMs - this.#bornMs,
      idleMs: nowMs - this.lastUsedMs,
      roundTripMs: this.#heartbeat.roundTripMs,
      ...this.#traffic,
      queuedBytes: this.#outgoing.queuedBytes,
      heldBytes: this.#outgoing.heldBytes,
      dropped: this.#outgoing.dropped,
      resent: this.#outgoing.resent,
      duplicates: this.#incoming.duplicates,
      losses: this.#losses,
      pinned: this.pinned,
    };
  }

  endOfTurn(): void {
    this.#scheduled = false;
    if (this.#wire === null) return;
    this.#incoming.writeOwed(this.#wire.writer);
    this.#wire.writer.flush();
    this.#checkEnd();
  }

  #schedule(): void {
    if (this.#scheduled || this.#wire === null) return;
    this.#scheduled = true;
    this.#setup.turn.atEnd(this);
  }

  #begin(introduced: Introduced): void {
    const { options } = this.#setup;
    const wire = new LinkChannel(introduced.channel, this.#frames, this.#traffic, options.maxFrameBytes);
    this.#wire = wire;
    this.#frames.attach(wire.writer);
    this.#heartbeat.attach(this.#clock.now());
    if (!this.#outgoing.attach(wire.writer, introduced.peerReceived, this.isRelayed)) {
      this.close('bad_frame', 'data frames received that were never sent');
      return;
    }
    this.#incoming.attach();
    if (introduced.resumed) this.#events.onResumed(this);
    else this.#events.onUp(this);
    if (introduced.rest !== null) wire.onData(introduced.rest);
  }

  /** The channel is gone or useless; the link may go on over another. @param detail null: there is nobody to tell */
  #lose(reason: LinkCloseReason, detail: string | null): void {
    if (this.#wire === null) return;
    this.#drop(reason, detail);
    // Not when a listener has closed it.
    if (this.state !== 'lost') return;
    this.#setup.owner?.linkLost(this, reason);
    this.#checkEnd();
  }

  #drop(reason: LinkCloseReason, detail: string | null): void {
    const wire = this.#wire;
    if (wire === null) return;
    this.state = 'lost';
    this.#losses++;
    this.#wire = null;
    this.#outgoing.detach();
    if (detail === null) wire.destroy();
    else wire.end(reason, detail);
    this.#events.onLost(this, reason);
  }

  #checkEnd(): void {
    if (this.#ending === null) return;
    const isDone = this.#wire === null || (this.#outgoing.isIdle && this.#incoming.isIdle);
    if (isDone || this.#clock.now() >= this.#ending.deadlineMs) this.close(this.#ending.reason);
  }

  #frameOwner(): LinkFrameOwner {
    return {
      now: () => this.#clock.now(),
      onOwed: () => this.#schedule(),
      onDataFrame: (number, held, type, buffer, start, end) => {
        this.#used = true;
        return this.#events.onData(this, number, held, type, buffer, start, end);
      },
      onControlFrame: (type, buffer, start, end) => {
        this.#used = true;
        this.#events.onControl(this, type, buffer, start, end);
      },
      onWrong: (reason, detail) => (endsChannelOnly(reason) ? this.#lose(reason, detail) : this.close(reason, detail)),
      onPeerClose: (reason, detail) =>
        endsChannelOnly(reason) ? this.#lose(reason, null) : this.close(reason, detail),
      onChannelGone: () => this.#lose('channel_lost', null),
    };
  }
}
