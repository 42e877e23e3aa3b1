import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Directory, DirectoryKey, DirectoryStatus } from '../peer/directory.ts';

/** How many nodes a record is given to, as in Kademlia (§2.3: k). */
const COPIES = 20;
const SWEEP_MS = 60_000;

export interface MemoryDirectoryOptions {
  readonly validityMs: number;
  /** What an operation takes before anything comes of it. */
  delayMs: number;
  /** What each record takes that is found, one after the other. */
  recordDelayMs: number;
  /** Of operations: those that reach nobody. 0 to 1. */
  loss: number;
  /** Of records: those that a query does not come upon. 0 to 1. */
  recordLoss: number;
}

export const MEMORY_DIRECTORY_DEFAULTS: MemoryDirectoryOptions = {
  validityMs: 300_000,
  delayMs: 0,
  recordDelayMs: 0,
  loss: 0,
  recordLoss: 0,
};

interface Kept {
  readonly target: PeerTarget;
  readonly expiresAt: number;
}

/**
 * A directory in memory that several nodes share: what one provides, the others find until it expires. Nothing happens within a call, and
 * time passes on the clock, so a test says when.
 */
export class MemoryDirectoryHub {
  /** May be changed at any time, for operations that begin later. */
  readonly options: MemoryDirectoryOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #nodes = new Set<MemoryDirectory>();
  /** By key, in hexadecimal, then by peer id. */
  readonly #records = new Map<string, Map<string, Kept>>();
  #sweptAt: number;

  /** @param random in [0, 1), for losses */
  constructor(clock: Clock, options: Partial<MemoryDirectoryOptions> = {}, random: () => number = () => 0.999) {
    this.clock = clock;
    this.options = { ...MEMORY_DIRECTORY_DEFAULTS, ...options };
    this.random = random;
    this.#sweptAt = clock.now();
  }

  /** Adds a node. One that is alone reaches nobody. */
  node(peerId: string, addresses: readonly string[]): MemoryDirectory {
    const node = new MemoryDirectory(this, peerId, addresses);
    this.#nodes.add(node);
    return node;
  }

  /** A record that nobody has provided; of a peer that is not there, as it may be. Valid as long as others. */
  plant(key: DirectoryKey, target: PeerTarget & { readonly peerId: string }): void {
    this.keep(key, target);
  }

  /** Forgets what is known under a key, of one peer or of all. */
  forget(key: DirectoryKey, peerId?: string): void {
    if (peerId === undefined) this.#records.delete(hex(key));
    else this.#records.get(hex(key))?.delete(peerId);
  }

  // ---- what the nodes use

  leave(node: MemoryDirectory): void {
    this.#nodes.delete(node);
  }

  /** Nodes that another one reaches. */
  reachedBy(node: MemoryDirectory): number {
    if (node.isOutOfReach || !this.#nodes.has(node)) return 0;
    let count = 0;
    for (const other of this.#nodes) if (other !== node && !other.isOutOfReach) count++;
    return count;
  }

  keep(key: DirectoryKey, target: PeerTarget & { readonly peerId: string }): void {
    const now = this.clock.now();
    if (now - this.#sweptAt >= SWEEP_MS) this.#sweep(now);
    const id = hex(key);
    let under = this.#records.get(id);
    if (under === undefined) {
      under = new Map();
      this.#records.set(id, under);
    }
    under.set(target.peerId, { target, expiresAt: now + this.options.validityMs });
  }

  /** Whoever is under a key now, without the one who asks. */
  under(key: DirectoryKey, asking: string): PeerTarget[] {
    const targets: PeerTarget[] = [];
    for (const [peerId, { target, expiresAt }] of this.#records.get(hex(key)) ?? []) {
      if (peerId !== asking && expiresAt > this.clock.now()) targets.push(target);
    }
    return targets;
  }

  recordsOfOthers(peerId: string): number {
    let count = 0;
    const now = this.clock.now();
    for (const under of this.#records.values()) {
      for (const [owner, { expiresAt }] of under) if (owner !== peerId && expiresAt > now) count++;
    }
    return count;
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [id, under] of this.#records) {
      for (const [peerId, { expiresAt }] of under) if (expiresAt <= now) under.delete(peerId);
      if (under.size === 0) this.#records.delete(id);
    }
  }
}

const hex = (key: DirectoryKey): string => Buffer.from(key).toString('hex');

/** One node's access to a `MemoryDirectoryHub`. */
export class MemoryDirectory implements Directory {
  readonly peerId: string;
  readonly addresses: readonly string[];
  /** Set by tests: it reaches nobody, and nobody reaches it. */
  isOutOfReach = false;
  /** Set by tests: operations do not come to an end by themselves. */
  isSilent = false;
  /** Operations that were begun. */
  provides = 0;
  finds = 0;
  readonly #hub: MemoryDirectoryHub;

  constructor(hub: MemoryDirectoryHub, peerId: string, addresses: readonly string[]) {
    this.#hub = hub;
    this.peerId = peerId;
    this.addresses = addresses;
  }

  async provide(key: DirectoryKey, signal: AbortSignal): Promise<number> {
    this.provides++;
    const reached = await this.#reach(signal);
    this.#hub.keep(key, { peerId: this.peerId, addresses: [...this.addresses] });
    return Math.min(reached, COPIES);
  }

  async find(key: DirectoryKey, found: (target: PeerTarget) => void, signal: AbortSignal): Promise<void> {
    this.finds++;
    await this.#reach(signal);
    const { recordDelayMs, recordLoss } = this.#hub.options;
    for (const target of this.#hub.under(key, this.peerId)) {
      if (this.#hub.random() < recordLoss) continue;
      if (recordDelayMs > 0) await this.#pass(recordDelayMs, signal);
      found(target);
      // Whoever hears of somebody may have heard enough.
      signal.throwIfAborted();
    }
  }

  status(): DirectoryStatus {
    return {
      mode: 'server',
      peers: this.#hub.reachedBy(this),
      records: this.#hub.recordsOfOthers(this.peerId),
    };
  }

  /** It is gone; its records stay until they expire. */
  stop(): void {
    this.#hub.leave(this);
  }

  /** @returns how many nodes are reached */
  async #reach(signal: AbortSignal): Promise<number> {
    const { delayMs, loss } = this.#hub.options;
    const isLost = loss > 0 && this.#hub.random() < loss;
    await this.#pass(this.isSilent ? Number.POSITIVE_INFINITY : delayMs, signal);
    const reached = this.#hub.reachedBy(this);
    if (isLost || reached === 0) throw new PlexusError('directory_unreachable');
    return reached;
  }

  /** @throws the reason of `signal`, as soon as it is aborted */
  #pass(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      if (ms <= 0) {
        resolve();
        return;
      }
      const abort = () => {
        timer?.cancel();
        reject(signal.reason);
      };
      const timer =
        ms === Number.POSITIVE_INFINITY
          ? null
          : this.#hub.clock.setTimeout(() => {
              signal.removeEventListener('abort', abort);
              resolve();
            }, ms);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
