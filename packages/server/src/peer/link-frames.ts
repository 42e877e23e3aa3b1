import { readClose } from './close-frame.ts';
import type { FrameSink } from './frame-reader.ts';
import { FIRST_CONTROL_TYPE, FIRST_DATA_TYPE, FrameType } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { IncomingData, IncomingOwner } from './incoming-data.ts';
import type { LinkCloseReason } from './link-ports.ts';
import type { OutgoingData } from './outgoing-data.ts';
import { WireError, WireReader } from './wire-bytes.ts';

/** The link whose frames they are. */
export interface LinkFrameOwner extends IncomingOwner {
  now(): number;
  onControlFrame(type: number, buffer: Uint8Array, start: number, end: number): void;
  /** The peer does what it may not. */
  onWrong(reason: LinkCloseReason, detail: string): void;
  onPeerClose(reason: LinkCloseReason, detail: string): void;
  onChannelGone(): void;
}

/** What comes over the channels of a link, given to that part of it which deals with it. */
export class LinkFrames implements FrameSink {
  /** How many came. */
  count = 0;
  readonly #owner: LinkFrameOwner;
  readonly #incoming: IncomingData;
  readonly #outgoing: OutgoingData;
  readonly #heartbeat: Heartbeat;
  #writer: FrameWriter | null = null;

  constructor(owner: LinkFrameOwner, incoming: IncomingData, outgoing: OutgoingData, heartbeat: Heartbeat) {
    this.#owner = owner;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#heartbeat = heartbeat;
  }

  /** @param writer of the channel whose frames come from now on */
  attach(writer: FrameWriter): void {
    this.#writer = writer;
  }

  onFrame(type: number, buffer: Uint8Array, start: number, end: number): void {
    this.count++;
    if (type >= FIRST_DATA_TYPE) {
      const wrong = this.#incoming.onFrame(type, buffer, start, end);
      if (wrong !== null) this.#owner.onWrong(wrong, `a data frame of type ${type}`);
    } else if (type >= FIRST_CONTROL_TYPE) this.#owner.onControlFrame(type, buffer, start, end);
    else this.#onLinkFrame(type, new WireReader(buffer, start, end));
  }

  onBadFrame(reason: 'bad_frame' | 'frame_too_large', detail: string): void {
    this.#owner.onWrong(reason, detail);
  }

  /** Something has come: a large frame takes its time, and the heartbeats behind it wait. */
  onHeard(): void {
    this.#heartbeat.heard(this.#owner.now());
  }

  /** The channel has room again. */
  onRoom(): void {
    this.#outgoing.pump();
    this.#owner.onOwed();
  }

  onChannelGone(): void {
    this.#owner.onChannelGone();
  }

  #onLinkFrame(type: number, body: WireReader): void {
    try {
      this.#read(type, body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#owner.onWrong('bad_frame', `type ${type}: ${error.message}`);
    }
  }

  /** @throws {WireError} */
  #read(type: number, body: WireReader): void {
    switch (type) {
      case FrameType.Ack:
        this.#heartbeat.reads();
        this.#outgoing.onAck(body);
        break;
      case FrameType.Credit:
        this.#heartbeat.reads();
        this.#owner.onOwed();
        this.#outgoing.onCredit(body);
        break;
      case FrameType.Skip:
        this.#onSkip(body.integer());
        break;
      case FrameType.Heartbeat:
        this.#owner.onOwed();
        this.#incoming.onConfirmed(body.integer());
        this.#heartbeat.answer(this.#writer!, body);
        break;
      case FrameType.HeartbeatAnswer:
        this.#heartbeat.onAnswer(body, this.#owner.now());
        break;
      case FrameType.Close: {
        const { reason, detail } = readClose(body);
        this.#owner.onPeerClose(reason, detail);
        break;
      }
      case 0:
      case FrameType.Hello:
      case FrameType.Proof:
      case FrameType.Ready:
        this.#owner.onWrong('bad_frame', `type ${type} may not come here`);
        break;
      default:
      // Of a later version: skipped.
    }
  }

  #onSkip(through: number): void {
    const wrong = this.#incoming.onSkip(through);
    if (wrong !== null) this.#owner.onWrong(wrong, 'too many numbers skipped');
  }
}
