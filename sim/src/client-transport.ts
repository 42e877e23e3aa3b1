import type { Transport, TransportHandler } from './ports.ts';
import type { Random } from './random.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A client is near its node: between the two nothing is lost but the whole connection. */
const DELAY_MS = 0.05;
const JITTER_MS = 0.2;

export interface ClientSide {
  onData(bytes: Uint8Array): void;
  /** Called once; nothing follows. */
  onClosed(): void;
}

/** The connection of one client, and at the same time the transport that the broker sees. */
export class ClientTransport implements Transport {
  readonly remoteAddress: string;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #process: VirtualProcess;
  readonly #client: ClientSide;
  #handler: TransportHandler | null = null;
  #unread: Uint8Array[] = [];
  #paused = false;
  #writing = false;
  #ending = false;
  #open = true;
  readonly #last = { toBroker: 0, toClient: 0 };

  constructor(remoteAddress: string, time: VirtualTime, random: Random, process: VirtualProcess, client: ClientSide) {
    this.remoteAddress = remoteAddress;
    this.#time = time;
    this.#random = random;
    this.#process = process;
    this.#client = client;
  }

  /** The program at the other end. */
  get process(): VirtualProcess {
    return this.#process;
  }

  // ---- what the client does

  /** @param accept hands the transport to the broker */
  open(accept: (transport: Transport) => TransportHandler | null): void {
    this.#later('toBroker', () =>
      this.#process.input(() => {
        this.#handler = accept(this);
        if (this.#handler === null) this.#gone();
      }),
    );
  }

  send(bytes: Uint8Array): void {
    this.#later('toBroker', () => {
      this.#unread.push(bytes);
      this.#process.input(() => this.#read());
    });
  }

  /** The client's end breaks: the broker hears of it. */
  hangUp(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#later('toBroker', () => this.#process.input(() => this.#handler?.onClosed(new Error('hung up'))));
  }

  /** The broker's program is gone. */
  lost(): void {
    this.#gone();
  }

  // ---- what the broker calls

  write(slices: readonly Uint8Array[], count: number): void {
    if (this.#writing) throw new Error('a second write while one is under way');
    this.#writing = true;
    // The bytes stay the broker's until it hears that they were taken: read only then, as a socket might.
    const kept = slices.slice(0, count);
    this.#later('toClient', () => {
      const bytes = Buffer.concat(kept);
      this.#process.input(() => {
        this.#writing = false;
        if (!this.#open) return;
        this.#handler?.onWritten();
        if (this.#ending && !this.#writing) this.#close();
      });
      if (this.#open) this.#client.onData(bytes);
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#soon(() => this.#read());
  }

  end(graceMs: number): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#writing) this.#close();
    else this.#time.after(graceMs, () => this.destroy());
  }

  destroy(): void {
    this.#ending = true;
    this.#close();
  }

  #read(): void {
    while (this.#open && !this.#paused && !this.#ending && this.#handler !== null) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) break;
      this.#handler.onData(chunk);
    }
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#soon(() => this.#handler?.onClosed(null));
    this.#later('toClient', () => this.#client.onClosed());
  }

  #gone(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#later('toClient', () => this.#client.onClosed());
  }

  /** Never within a call of the broker. */
  #soon(fn: () => void): void {
    this.#time.after(0, () => this.#process.input(fn));
  }

  /** In each direction in order. */
  #later(way: 'toBroker' | 'toClient', fn: () => void): void {
    const at = Math.max(this.#last[way], this.#time.now + DELAY_MS + this.#random.around(JITTER_MS));
    this.#last[way] = at;
    this.#time.at(at, fn);
  }
}
