import type { LinkCloseReason, LinkPurpose } from './link-ports.ts';
import type { PeerLink } from './peer-link.ts';
import { RecencyList, type Recent } from './recency-list.ts';

/** There is at most one link of each. */
export function linkKey(purpose: LinkPurpose, peerId: string): string {
  return `${purpose} ${peerId}`;
}

class Entry implements Recent<Entry> {
  readonly key: string;
  readonly link: PeerLink;
  older: Entry | null = null;
  newer: Entry | null = null;
  inList = false;
  /** Monotonic, when it was put at the newest place of the list. */
  placedMs: number;
  lostSinceMs: number | null = null;
  lostReason: LinkCloseReason = 'channel_lost';

  constructor(key: string, link: PeerLink, nowMs: number) {
    this.key = key;
    this.link = link;
    this.placedMs = nowMs;
  }
}

/** The links that a pool has, by peer and purpose; those that nobody has pinned in the order in which they were last used. */
export class LinkSet {
  readonly #entries = new Map<string, Entry>();
  readonly #pins = new Map<string, number>();
  readonly #unpinned = new RecencyList<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): PeerLink | null {
    return this.#entries.get(key)?.link ?? null;
  }

  /** The place under `key` is free. */
  add(key: string, link: PeerLink, nowMs: number): void {
    const entry = new Entry(key, link, nowMs);
    this.#entries.set(key, entry);
    this.#place(entry, nowMs);
  }

  /** @returns whether it was this link that was there */
  remove(key: string, link: PeerLink): boolean {
    const entry = this.#entries.get(key);
    if (entry?.link !== link) return false;
    this.#entries.delete(key);
    this.#unpinned.delete(entry);
    return true;
  }

  touch(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry?.inList === true) this.#place(entry, nowMs);
  }

  lost(key: string, link: PeerLink, reason: LinkCloseReason, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry?.link !== link) return;
    entry.lostSinceMs = nowMs;
    entry.lostReason = reason;
  }

  resumed(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.lostSinceMs = null;
    if (entry.inList) this.#place(entry, nowMs);
  }

  /** Neither counts nor is surplus from now on; also if there is no link yet. To be undone as often as done. */
  pin(key: string): void {
    this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#unpinned.delete(entry);
    entry.link.pinned = true;
  }

  unpin(key: string, nowMs: number): void {
    const left = (this.#pins.get(key) ?? 0) - 1;
    if (left > 0) {
      this.#pins.set(key, left);
      return;
    }
    this.#pins.delete(key);
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#place(entry, nowMs);
  }

  isPinned(key: string): boolean {
    return this.#pins.has(key);
  }

  /** The link that was not used for longest, if there are more than `max` without a pin. */
  surplus(max: number): PeerLink | null {
    // What is used all the time is newer than its place whenever it is looked at: each gets one new place.
    for (let left = this.#unpinned.size; this.#unpinned.size > max; left--) {
      const entry = this.#unpinned.oldest!;
      if (left === 0 || !this.#catchUp(entry)) return entry.link;
    }
    return null;
  }

  /**
   * Links tell nobody when they are used: here those that were since they were placed are placed again.
   * @param expired gets each link without a pin that was lost for `lostMs`
   */
  tick(nowMs: number, lostMs: number, expired: (link: PeerLink, reason: LinkCloseReason) => void): void {
    for (const entry of this.#entries.values()) {
      entry.link.tick(nowMs);
      if (!entry.inList) continue;
      this.#catchUp(entry);
      if (entry.lostSinceMs !== null && nowMs - entry.lostSinceMs >= lostMs) expired(entry.link, entry.lostReason);
    }
  }

  *links(): Generator<PeerLink> {
    for (const entry of this.#entries.values()) yield entry.link;
  }

  #catchUp(entry: Entry): boolean {
    if (entry.link.lastUsedMs <= entry.placedMs) return false;
    this.#place(entry, entry.link.lastUsedMs);
    return true;
  }

  #place(entry: Entry, nowMs: number): void {
    entry.placedMs = nowMs;
    entry.link.pinned = this.#pins.has(entry.key);
    if (!entry.link.pinned) this.#unpinned.touch(entry);
  }
}
