import type { Timer } from '../lib/clock.ts';
import type { PeerChannel, PeerChannelHandler } from './channel.ts';
import { readClose } from './close-frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import { FrameWriter, Traffic } from './frame-writer.ts';
import { type Hello, helloBody, type Ready, readHello, readReady, readyBody } from './hello.ts';
import type { Introducer, IntroductionRefused, IntroductionResult } from './introduction-ports.ts';
import type { Gatekeeper, LinkCloseReason, LinkPurpose, PeerFacts, ProofContext } from './link-ports.ts';
import { refuseChannel } from './refuse-channel.ts';
import { WireError, WireReader } from './wire-bytes.ts';
import { commonVersion, FEATURES, OLDEST_VERSION, VERSION } from './wire-versions.ts';

export type { Introduced, Introducer, IntroductionRefused, IntroductionResult } from './introduction-ports.ts';

/** Largest frame before Ready: whoever sends it is not proven. */
const MAX_FRAME_BYTES = 16 * 1024;

/** Why this node does not go on. */
class Refused extends Error {
  override name = 'Refused';
  readonly reason: LinkCloseReason;

  constructor(reason: LinkCloseReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/**
 * How two nodes come to a link on a fresh channel (docs/wire.md §2): Hello, Proof and Ready of either end, each an answer to the other's.
 * The initiator shows itself first, so that a responder tells a stranger nothing but its own Hello.
 *
 *     initiator   Hello          Proof          Ready
 *     responder          Hello          Proof          Ready
 */
export class Introduction implements PeerChannelHandler, FrameSink {
  readonly #channel: PeerChannel;
  readonly #introducer: Introducer;
  readonly #role: 'initiator' | 'responder';
  readonly #done: (result: IntroductionResult) => void;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #timer: Timer;
  readonly #nonce: Uint8Array;
  /** Known to the responder once the peer's Hello has come. */
  #purpose: LinkPurpose | null;
  #gatekeeper: Gatekeeper | null = null;
  #expected: number = FrameType.Hello;
  /** Both are there from the peer's Hello on. */
  #peer: PeerFacts | null = null;
  #hello: Hello | null = null;
  /** What the initiator's Ready said. */
  #offered: Ready | null = null;
  #over = false;

  /**
   * Sets itself as the channel's handler, and begins.
   * @param purpose null: we are the responder, and learn it
   * @param done is called exactly once, never from within the constructor
   */
  constructor(
    channel: PeerChannel,
    introducer: Introducer,
    purpose: LinkPurpose | null,
    done: (result: IntroductionResult) => void,
  ) {
    this.#channel = channel;
    this.#introducer = introducer;
    this.#purpose = purpose;
    this.#role = purpose === null ? 'responder' : 'initiator';
    this.#done = done;
    this.#reader = new FrameReader(this, MAX_FRAME_BYTES);
    this.#writer = new FrameWriter(channel, new Traffic());
    this.#nonce = introducer.nonce();
    channel.handler = this;
    this.#timer = introducer.clock.setTimeout(() => {
      this.#refuse('introduction_timeout', `no introduction within ${introducer.timeoutMs} ms`);
    }, introducer.timeoutMs);
    if (purpose === null) return;
    this.#gatekeeper = introducer.gatekeeper(purpose);
    this.#sendHello(purpose);
  }

  /** Gives up and tells the peer why; `done` hears it. Does nothing when it is over. */
  abort(reason: LinkCloseReason): void {
    this.#refuse(reason, '');
  }

  onData(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  onDrain(): void {}

  onClosed(error: Error | null): void {
    this.#finish({ ...this.#refusal('channel_lost', error?.message ?? 'closed by the peer'), byPeer: error === null });
  }

  onBadFrame(reason: 'bad_frame' | 'frame_too_large', detail: string): void {
    this.#refuse(reason, detail);
  }

  onFrame(type: number, buffer: Uint8Array, start: number, end: number): void {
    try {
      this.#onFrame(type, new WireReader(buffer, start, end));
    } catch (error) {
      if (error instanceof Refused) this.#refuse(error.reason, error.message);
      else if (error instanceof WireError) this.#refuse('bad_frame', error.message);
      else throw error;
    }
  }

  /** @throws {WireError | Refused} */
  #onFrame(type: number, body: WireReader): void {
    if (type === FrameType.Close) this.#onClose(body);
    else if (type !== this.#expected) throw new Refused('bad_frame', `a frame of type ${type} in the introduction`);
    else if (type === FrameType.Hello) this.#onHello(readHello(body));
    else if (type === FrameType.Proof) this.#onProof(body.bytes(body.left));
    else this.#onReady(readReady(body));
  }

  #onClose(body: WireReader): void {
    const { reason, detail } = readClose(body);
    this.#channel.destroy();
    this.#finish({ ...this.#refusal(reason, detail), byPeer: true });
  }

  #onHello(hello: Hello): void {
    const { peerId } = this.#channel;
    if (peerId === this.#introducer.peerId)
      throw new Refused('same_identity', 'the peer has the identity of this node');
    const version = this.#versionWith(hello);
    // A responder takes the purpose as it comes: the gatekeeper says whether there is such a one.
    const isMine = this.#purpose === null || this.#purpose === hello.purpose;
    this.#gatekeeper = isMine ? this.#introducer.gatekeeper(hello.purpose) : null;
    if (this.#gatekeeper === null) throw new Refused('not_accepted', `no links for ${JSON.stringify(hello.purpose)}`);
    this.#purpose = hello.purpose as LinkPurpose;
    const { incarnation, addresses, greeting } = hello;
    this.#hello = hello;
    this.#peer = { peerId, incarnation, version, features: (hello.features & FEATURES) >>> 0, addresses, greeting };
    const unwelcome = this.#gatekeeper.welcomes(this.#peer);
    if (unwelcome !== null) throw new Refused(unwelcome, 'by its greeting');
    this.#expected = FrameType.Proof;
    if (this.#role === 'responder') this.#sendHello(this.#purpose);
    else this.#sendProof();
  }

  #versionWith(hello: Hello): number {
    const newest = this.#introducer.newestVersion ?? VERSION;
    const version = commonVersion(newest, hello.oldestVersion, hello.newestVersion);
    if (version !== null) return version;
    const theirs = `${hello.oldestVersion} to ${hello.newestVersion}`;
    throw new Refused('version_mismatch', `the peer speaks ${theirs}, this node ${OLDEST_VERSION} to ${newest}`);
  }

  #onProof(proof: Uint8Array): void {
    const theirs = this.#role === 'initiator' ? 'responder' : 'initiator';
    const refused = this.#gatekeeper!.check(this.#proofContext(theirs), proof);
    if (refused !== null) throw new Refused(refused, 'by its proof');
    this.#expected = FrameType.Ready;
    if (this.#role === 'responder') this.#sendProof();
    else this.#offered = this.#sendReady();
  }

  #onReady(ready: Ready): void {
    const offered = this.#offered ?? this.#sendReady();
    const resumed = offered.session !== 0 && offered.session === ready.session;
    // Closed since the initiator has offered it: the responder believes that it goes on.
    if (resumed && this.#known()?.session !== ready.session) throw new Refused('forgotten', 'closed meanwhile');
    const proposal = this.#role === 'initiator' ? offered.proposal : ready.proposal;
    this.#finish({
      introduced: {
        channel: this.#channel,
        role: this.#role,
        purpose: this.#purpose!,
        peer: this.#peer!,
        peerMaxFrameBytes: this.#hello!.maxFrameBytes,
        session: resumed ? ready.session : proposal,
        resumed,
        peerReceived: resumed ? ready.lastReceived : 0,
        rest: this.#reader.takeRest(),
      },
    });
  }

  #sendHello(purpose: LinkPurpose): void {
    const { incarnation, maxFrameBytes } = this.#introducer;
    this.#send(
      FrameType.Hello,
      helloBody({
        oldestVersion: OLDEST_VERSION,
        newestVersion: this.#introducer.newestVersion ?? VERSION,
        features: FEATURES,
        incarnation,
        maxFrameBytes,
        purpose,
        nonce: this.#nonce,
        addresses: this.#introducer.addresses(),
        greeting: this.#gatekeeper?.greeting() ?? new Uint8Array(0),
      }),
    );
  }

  #sendProof(): void {
    this.#send(FrameType.Proof, this.#gatekeeper!.prove(this.#proofContext(this.#role)));
  }

  #sendReady(): Ready {
    const known = this.#known();
    const proposal = this.#introducer.newSession();
    const ready = { session: known?.session ?? 0, lastReceived: known?.lastReceived ?? 0, proposal };
    this.#send(FrameType.Ready, readyBody(ready));
    return ready;
  }

  #known() {
    return this.#introducer.known(this.#purpose!, this.#channel.peerId, this.#peer!.incarnation);
  }

  /** @param role of whoever proves */
  #proofContext(role: 'initiator' | 'responder'): ProofContext {
    const [mine, theirs] = [this.#introducer.peerId, this.#channel.peerId];
    const isInitiator = this.#role === 'initiator';
    return {
      role,
      initiatorNonce: isInitiator ? this.#nonce : this.#hello!.nonce,
      responderNonce: isInitiator ? this.#hello!.nonce : this.#nonce,
      initiatorPeerId: isInitiator ? mine : theirs,
      responderPeerId: isInitiator ? theirs : mine,
      version: this.#peer!.version,
    };
  }

  #send(type: number, body: Uint8Array): void {
    this.#writer.copy(type, body);
    this.#writer.flush();
  }

  #refuse(reason: LinkCloseReason, detail: string): void {
    if (this.#over) return;
    refuseChannel(this.#channel, reason, detail);
    this.#finish(this.#refusal(reason, detail));
  }

  #refusal(refused: LinkCloseReason, detail: string): IntroductionRefused {
    return { refused, detail, byPeer: false, peerId: this.#channel.peerId };
  }

  #finish(result: IntroductionResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#reader.stop();
    this.#done(result);
  }
}
