import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import type { Clock, Timer } from '../lib/clock.ts';
import type { ChannelTransport, PeerChannel, PeerChannelHandler } from './channel.ts';
import { transportOf, withoutPeerId } from './libp2p-addresses.ts';
import { RelayLimits } from './relay-limits.ts';

/** Bytes that wait for the other end to give room, at which writers are told to stop. With less the two take turns to work. */
const HIGH_WATER_BYTES = 512 * 1024;
/** Writes of one turn that are smaller than this on average are sent as one piece; to copy larger ones costs more than it saves. */
const SMALL_WRITE_BYTES = 16 * 1024;
/** What the other end gets to read the rest after it has ended its side. */
const REMOTE_END_GRACE_MS = 5000;

/** One libp2p stream. */
export class Libp2pChannel implements PeerChannel {
  readonly peerId: string;
  readonly direction: 'outbound' | 'inbound';
  readonly transport: ChannelTransport;
  readonly remoteAddress: string;
  readonly #stream: Stream;
  readonly #clock: Pick<Clock, 'setTimeout' | 'now'>;
  /** null: there are none. */
  readonly #limits: RelayLimits | null;
  /** `broken`: it did not come to an end in peace. */
  readonly #onGone: (broken: boolean) => void;
  #handler: PeerChannelHandler | null = null;
  /** Written in this turn. */
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** `write` has said no, and `onDrain` is owed. */
  #blocked = false;
  #paused = false;
  #endTimer: Timer | null = null;
  /** The stream is gone; `#error` says why. */
  #closed = false;
  #told = false;
  #error: Error | null = null;

  constructor(
    stream: Stream,
    connection: Connection,
    direction: 'outbound' | 'inbound',
    clock: Pick<Clock, 'setTimeout' | 'now'>,
    onGone: (broken: boolean) => void,
  ) {
    this.#stream = stream;
    this.#limits = connection.limits === undefined ? null : new RelayLimits(connection.limits, clock.now());
    this.#clock = clock;
    this.#onGone = onGone;
    this.peerId = connection.remotePeer.toString();
    this.direction = direction;
    this.transport = transportOf(connection.remoteAddr);
    this.remoteAddress = withoutPeerId(connection.remoteAddr);
    stream.addEventListener('close', this.#onClose);
    stream.addEventListener('drain', this.#onRoom);
    stream.addEventListener('idle', this.#onRoom);
    stream.addEventListener('end', this.#onEnd);
    if (stream.status !== 'open') this.#gone(null);
  }

  get handler(): PeerChannelHandler | null {
    return this.#handler;
  }

  /** What came before is handed out from the end of this turn on. */
  set handler(handler: PeerChannelHandler | null) {
    const first = this.#handler === null;
    this.#handler = handler;
    if (handler === null || !first) return;
    if (this.#closed) queueMicrotask(this.#tell);
    this.#stream.addEventListener('message', this.#onMessage);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#endTimer !== null) return true;
    if (this.#gathered.length === 0) queueMicrotask(this.#flush);
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    this.#blocked ||= this.waitingBytes >= HIGH_WATER_BYTES;
    return !this.#blocked;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    try {
      if (this.#stream.readStatus === 'paused') this.#stream.resume();
    } catch {
      // What was held was handed out before; telling the other end so fails on a connection that is gone.
    }
    if (this.#closed) queueMicrotask(this.#tell);
  }

  end(graceMs: number): void {
    if (this.#closed || this.#endTimer !== null) return;
    this.#flush();
    if (this.#closed) return;
    this.#endTimer = this.#clock.setTimeout(() => this.destroy(), graceMs);
    this.#stream.close().catch(() => this.destroy());
  }

  destroy(): void {
    if (!this.#closed) this.#fail(null);
  }

  get isEnding(): boolean {
    return this.#limits?.isNear(this.#clock.now()) ?? false;
  }

  get waitingBytes(): number {
    return this.#gatheredBytes + this.#stream.writeBufferLength;
  }

  /** Every write on its own would be a frame of Yamux, a message of Noise and a packet. */
  readonly #flush = (): void => {
    const gathered = this.#gathered;
    if (gathered.length === 0 || this.#closed) return;
    const areSmall = gathered.length > 1 && this.#gatheredBytes < gathered.length * SMALL_WRITE_BYTES;
    const pieces = areSmall ? [Buffer.concat(gathered, this.#gatheredBytes)] : gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    try {
      for (const piece of pieces) this.#stream.send(piece);
    } catch (error) {
      this.#fail(error as Error);
    }
    if (this.#blocked) this.#onRoom();
  };

  /** @param error null: we wanted it so */
  #fail(error: Error | null): void {
    this.#paused = false;
    this.#gone(error);
    this.#stream.abort(error ?? new Error('destroyed'));
  }

  #gone(error: Error | null, broken = true): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#endTimer?.cancel();
    this.#onGone(broken);
    queueMicrotask(this.#tell);
  }

  /** Later than whatever caused it: nobody is called back from within a call of their own. */
  readonly #tell = (): void => {
    const unread = this.#paused && this.#error === null && this.#stream.readBufferLength > 0;
    if (this.#told || unread || this.#handler === null) return;
    this.#told = true;
    this.#handler.onClosed(this.#error);
  };

  readonly #onMessage = ({ data }: StreamMessageEvent): void => {
    if (data instanceof Uint8Array) {
      this.#deliver(data);
      return;
    }
    let handedOut = 0;
    for (const chunk of data) {
      // The handler has had enough in the middle of it.
      if (this.#paused && this.#stream.readStatus === 'paused') {
        this.#stream.unshift(data.sublist(handedOut));
        return;
      }
      handedOut += chunk.length;
      this.#deliver(chunk);
    }
  };

  #deliver(chunk: Uint8Array): void {
    // After an end in peace there may be bytes left that a paused reader has not had.
    if (this.#told || (this.#closed && this.#error !== null)) return;
    this.#handler?.onData(chunk);
  }

  readonly #onRoom = (): void => {
    if (!this.#blocked) return;
    // The stream itself goes on sending in a microtask that it has queued before this one.
    queueMicrotask(() => {
      if (!this.#blocked || this.#closed || this.waitingBytes >= HIGH_WATER_BYTES) return;
      this.#blocked = false;
      this.#handler?.onDrain();
    });
  };

  /** The other end sends no more, and all of it was handed out: as with TCP, that ends our side too. */
  readonly #onEnd = (): void => {
    if (!this.#closed) this.end(REMOTE_END_GRACE_MS);
  };

  readonly #onClose = (event: StreamCloseEvent): void => {
    this.#gone(event.error ?? null, event.error !== undefined);
  };
}
