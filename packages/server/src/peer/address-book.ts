/** Where peers were last known to listen; bounded, and those not asked for longest are forgotten. */
export class AddressBook {
  readonly #maxPeers: number;
  /** In order of last use. */
  readonly #addresses = new Map<string, readonly string[]>();

  constructor(maxPeers: number) {
    this.#maxPeers = maxPeers;
  }

  /** What somebody says now wins over what is remembered. */
  put(peerId: string, addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    this.#addresses.delete(peerId);
    this.#addresses.set(peerId, addresses);
    if (this.#addresses.size <= this.#maxPeers) return;
    for (const oldest of this.#addresses.keys()) {
      this.#addresses.delete(oldest);
      return;
    }
  }

  /** For what the peer says itself: it may not know how it looks from here, so it does not replace what is remembered. */
  putIfNew(peerId: string, addresses: readonly string[]): void {
    if (!this.#addresses.has(peerId)) this.put(peerId, addresses);
  }

  get(peerId: string): readonly string[] {
    const addresses = this.#addresses.get(peerId);
    if (addresses === undefined) return [];
    this.put(peerId, addresses);
    return addresses;
  }
}
