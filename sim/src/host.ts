import type { PeerChannel } from './ports.ts';
import type { ChannelEnd } from './virtual-channel.ts';
import type { VirtualProcess } from './virtual-process.ts';

/** A simulated machine with one address, on which one program runs at a time. */
export class Host {
  readonly peerId: string;
  /** Multiaddr. */
  readonly address: string;
  /** Off: it answers nothing, and says nothing. */
  powered = true;
  /** What runs there; null: nothing, and whoever knocks is refused. */
  process: VirtualProcess | null = null;
  /** By protocol. */
  readonly takers = new Map<string, (channel: PeerChannel) => void>();
  readonly ends = new Set<ChannelEnd>();

  constructor(peerId: string, address: string) {
    this.peerId = peerId;
    this.address = address;
  }

  run(process: VirtualProcess): void {
    this.powered = true;
    this.process = process;
  }

  /** The program ends, by `kill -9` or with the machine. */
  crash(silently: boolean): void {
    this.process?.kill();
    this.process = null;
    this.takers.clear();
    for (const end of this.ends) end.abandon(silently);
    this.ends.clear();
    if (silently) this.powered = false;
  }
}
