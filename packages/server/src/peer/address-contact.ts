import type { DialCode, PeerChannel, PeerTarget } from './channel.ts';
import type { ContactFailure, ContactOutcome, Waiter } from './contact.ts';
import type { Dial } from './dial.ts';

export interface AddressContactPorts {
  dial(target: PeerTarget, done: (result: PeerChannel | DialCode) => void): Dial;
  /** Who answers is known now; the channel and all who wait go on there. */
  opened(channel: PeerChannel, waiters: readonly Waiter[]): void;
  /** What no channel means here. */
  failed(code: DialCode): ContactFailure;
  ended(contact: AddressContact): void;
}

/** A dial to whoever answers at some addresses. */
export class AddressContact {
  /** Addresses and purpose: there is one at a time of each. */
  readonly key: string;
  readonly #ports: AddressContactPorts;
  readonly #waiters = new Set<Waiter>();
  readonly #dial: Dial;

  constructor(ports: AddressContactPorts, key: string, addresses: readonly string[]) {
    this.#ports = ports;
    this.key = key;
    this.#dial = ports.dial({ peerId: null, addresses }, (result) => {
      this.#ports.ended(this);
      if (typeof result === 'string') this.#tell({ failure: ports.failed(result) });
      else this.#ports.opened(result, this.#take());
    });
  }

  add(waiter: Waiter): void {
    waiter.at = this;
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.at = null;
    if (this.#waiters.size === 0) this.#stop();
  }

  /** Gives it up. */
  fail(outcome: ContactOutcome): void {
    this.#stop();
    this.#tell(outcome);
  }

  #stop(): void {
    this.#dial.cancel();
    this.#ports.ended(this);
  }

  #tell(outcome: ContactOutcome): void {
    for (const waiter of this.#take()) waiter.done(outcome);
  }

  #take(): Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.at = null;
    return waiters;
  }
}
