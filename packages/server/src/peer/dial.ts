import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../lib/clock.ts';
import { DIAL_CODES, type DialCode, type PeerChannel, type PeerNetwork, type PeerTarget } from './channel.ts';

export const LINK_PROTOCOL = '/plexus/link/1';

/** One try to open a channel. It ends in time, whatever the network does. */
export class Dial {
  readonly #abort = new AbortController();
  readonly #done: (result: PeerChannel | DialCode) => void;
  readonly #timer: Timer;
  #over = false;

  /** @param done is called once, never from within the constructor; not at all after `cancel` */
  constructor(
    network: PeerNetwork,
    clock: Clock,
    target: PeerTarget,
    timeoutMs: number,
    done: (result: PeerChannel | DialCode) => void,
  ) {
    this.#done = done;
    this.#timer = clock.setTimeout(() => this.#timedOut(), timeoutMs);
    network.dial(target, LINK_PROTOCOL, this.#abort.signal).then(
      (channel) => this.#opened(channel),
      (error: unknown) => this.#finish(codeOf(error)),
    );
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#abort.abort();
  }

  #timedOut(): void {
    this.#finish('peer_unreachable');
    this.#abort.abort();
  }

  #opened(channel: PeerChannel): void {
    // The network may not have noticed that nobody waits any more.
    if (this.#over) channel.destroy();
    else this.#finish(channel);
  }

  #finish(result: PeerChannel | DialCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#done(result);
  }
}

function codeOf(error: unknown): DialCode {
  const code = error instanceof PlexusError ? error.code : null;
  return DIAL_CODES.find((each) => each === code) ?? 'peer_unreachable';
}
