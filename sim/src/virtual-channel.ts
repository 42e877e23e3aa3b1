import type { Host } from './host.ts';
import type { NetworkPath } from './network-path.ts';
import type { PeerChannel, PeerChannelHandler } from './ports.ts';
import type { Random } from './random.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { VirtualTime } from './virtual-time.ts';
import { Wire } from './wire.ts';

/** How often a chunk is handed over in two parts: streams have no frames. */
const SPLIT_CHANCE = 0.03;

export interface ChannelEndParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly host: Host;
  readonly peer: Host;
  readonly direction: 'outbound' | 'inbound';
  readonly path: NetworkPath;
  readonly wayBack: NetworkPath;
  /** Tells the trace. */
  readonly note: (what: string, bytes: Uint8Array | null) => void;
  readonly onClosed: () => void;
}

/** One end of a channel between two processes, with a kernel's buffers behind it. */
export class ChannelEnd implements PeerChannel {
  readonly peerId: string;
  readonly direction: 'outbound' | 'inbound';
  readonly transport = 'memory';
  readonly remoteAddress: string;
  readonly #parts: ChannelEndParts;
  /** The program that has it: the machine may run another by now. */
  readonly #process: VirtualProcess;
  readonly #out: Wire;
  #other: ChannelEnd | null = null;
  #handler: PeerChannelHandler | null = null;
  #arrived: Uint8Array[] = [];
  #otherEnded = false;
  #paused = false;
  #ending = false;
  #open = true;
  #told = false;
  readonly #pump = (): void => this.#read();

  constructor(parts: ChannelEndParts, process: VirtualProcess) {
    this.#parts = parts;
    this.#process = process;
    this.peerId = parts.peer.peerId;
    this.direction = parts.direction;
    this.remoteAddress = parts.peer.address;
    this.#out = new Wire(parts.time, parts.path, parts.wayBack, {
      onArrived: (bytes) => this.#other!.#onArrived(bytes),
      onRoom: () => this.#soon(() => this.#drained()),
      onFinished: () => {
        if (this.#ending) this.#close(null);
      },
    });
  }

  /** Makes the two ends a channel. */
  static join(one: ChannelEnd, other: ChannelEnd): void {
    one.#other = other;
    other.#other = one;
  }

  get handler(): PeerChannelHandler | null {
    return this.#handler;
  }

  set handler(handler: PeerChannelHandler | null) {
    this.#handler = handler;
    if (this.#arrived.length > 0 || this.#otherEnded) this.#soon(this.#pump);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#open || this.#ending) return false;
    return this.#out.send(bytes);
  }

  get waitingBytes(): number {
    return this.#out.waitingBytes;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#soon(this.#pump);
  }

  end(graceMs: number): void {
    if (!this.#open || this.#ending) return;
    this.#ending = true;
    this.#out.finish();
    this.#parts.time.after(graceMs, () => this.destroy());
  }

  destroy(): void {
    if (!this.#open) return;
    this.#close(null);
    this.#reset();
  }

  /** Something between the two has broken it, and told both. */
  break(): void {
    if (!this.#open) return;
    this.#reset();
    this.#close(new Error('connection reset'));
  }

  /** Its program is gone. @param silently nobody is told: the machine is gone too */
  abandon(silently: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#told = true;
    if (!silently) this.#reset();
    this.#out.cut();
  }

  /** This direction carries nothing any more, though both ends believe in it: as when something between them has forgotten it. */
  starve(): void {
    this.#out.cut();
  }

  #onArrived(bytes: Uint8Array | null): void {
    const { host, note } = this.#parts;
    if (!host.powered) return;
    if (!this.#open) {
      // Nobody has it: the kernel says so.
      if (bytes !== null) this.#reset();
      return;
    }
    note(bytes === null ? 'end' : `${bytes.length} bytes`, bytes);
    if (bytes === null) this.#otherEnded = true;
    else this.#arrived.push(bytes);
    this.#process.input(this.#pump);
  }

  #read(): void {
    while (this.#open && !this.#paused && this.#handler !== null) {
      let chunk = this.#arrived.shift();
      if (chunk === undefined) break;
      if (chunk.length > 1 && this.#parts.random.chance(SPLIT_CHANCE)) {
        const at = 1 + this.#parts.random.below(chunk.length - 1);
        this.#arrived.unshift(chunk.subarray(at));
        chunk = chunk.subarray(0, at);
      }
      this.#other!.#out.read(chunk.length);
      this.#handler.onData(chunk);
    }
    if (this.#open && this.#otherEnded && this.#arrived.length === 0 && !this.#paused) this.#close(null);
  }

  #drained(): void {
    if (this.#open && !this.#ending) this.#handler?.onDrain();
  }

  #close(error: Error | null): void {
    if (!this.#open) return;
    this.#open = false;
    this.#arrived = [];
    this.#out.stop();
    this.#parts.host.ends.delete(this);
    this.#parts.note(error === null ? 'closed' : 'broken', null);
    this.#parts.onClosed();
    this.#soon(() => {
      if (this.#told) return;
      this.#told = true;
      this.#handler?.onClosed(error);
    });
  }

  /** Never within a call of the program. */
  #soon(fn: () => void): void {
    this.#parts.time.after(0, () => this.#process.input(fn));
  }

  /** Tells the other end that there is nobody here, if it can be told. */
  #reset(): void {
    const { time, path } = this.#parts;
    if (path.blocked) return;
    const other = this.#other!;
    time.at(Math.max(this.#out.lastArrival, path.arrival(0)), () => {
      if (!path.blocked && other.#parts.host.powered) other.#close(new Error('connection reset'));
    });
  }
}
