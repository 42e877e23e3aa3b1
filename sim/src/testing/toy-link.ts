import type { Clock, PeerChannel, PeerChannelHandler, Timer } from '../ports.ts';

const HEARTBEAT_MS = 500;
const DEAD_MS = 2000;

export type ToyFrame = { readonly kind: string } & Record<string, unknown>;

/** Lines of JSON over a channel, with heartbeats. */
export class ToyLink implements PeerChannelHandler {
  readonly peerId: string;
  readonly initiator: string;
  incarnation = 0;
  up = false;
  /** Calls when the peer has answered a message, or will not any more. */
  readonly open = new Map<number, () => void>();
  readonly #channel: PeerChannel;
  readonly #clock: Clock;
  readonly #onFrame: (frame: ToyFrame) => void;
  readonly #onGone: () => void;
  readonly #timers: Timer[];
  readonly #decoder = new TextDecoder();
  #rest = '';
  #heardAt: number;
  #gone = false;

  constructor(
    self: string,
    channel: PeerChannel,
    clock: Clock,
    onFrame: (link: ToyLink, frame: ToyFrame) => void,
    onGone: (link: ToyLink) => void,
  ) {
    this.peerId = channel.peerId;
    this.initiator = channel.direction === 'outbound' ? self : channel.peerId;
    this.#channel = channel;
    this.#clock = clock;
    this.#onFrame = (frame) => onFrame(this, frame);
    this.#onGone = () => onGone(this);
    this.#heardAt = clock.now();
    channel.handler = this;
    this.#timers = [
      clock.setInterval(() => this.send({ kind: 'heartbeat' }), HEARTBEAT_MS),
      clock.setInterval(() => this.#check(), HEARTBEAT_MS),
    ];
  }

  send(frame: ToyFrame): void {
    if (!this.#gone) this.#channel.write(Buffer.from(`${JSON.stringify(frame)}\n`));
  }

  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const timer of this.#timers) timer.cancel();
    this.#channel.destroy();
    this.#onGone();
  }

  onData(chunk: Uint8Array): void {
    this.#heardAt = this.#clock.now();
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (!this.#gone) this.#onFrame(JSON.parse(line) as ToyFrame);
  }
  onDrain(): void {}
  onClosed(): void {
    this.close();
  }

  #check(): void {
    if (this.#clock.now() - this.#heardAt > DEAD_MS) this.close();
  }
}
