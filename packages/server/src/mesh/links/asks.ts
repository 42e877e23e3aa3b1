import type { Clock } from '../../lib/clock.ts';
import { FrameType } from '../../peer/frame-types.ts';
import type { KeyPath } from '../ports.ts';
import type { Alarm } from './alarm.ts';
import type { HeardFilters } from './heard-filters.ts';
import { encodeAsk } from './link-frames.ts';
import type { MeshLinkOptions } from './link-options.ts';
import type { MeshPeer, PeerRealm } from './link-peer.ts';
import type { Refusals } from './refusals.ts';

export interface AsksSetup {
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly refusals: Refusals;
  readonly options: MeshLinkOptions;
  readonly heard: Pick<HeardFilters, 'drop'>;
  schedule(): void;
  /** Told at the end of the turn. */
  outcome(realm: string, path: KeyPath, peerId: string, ok: boolean): void;
  /** A peer may have said all that it was asked. */
  maybeReady(peer: MeshPeer): void;
}

/** Asks peers which filters they have under the keys of what is published here. */
export class Asks {
  readonly #setup: AsksSetup;
  readonly #toSay = new Set<PeerRealm>();

  constructor(setup: AsksSetup) {
    this.#setup = setup;
  }

  /** @returns whether a link is needed for it */
  ask(of: PeerRealm, path: KeyPath): boolean {
    const { options, refusals, outcome } = this.#setup;
    const { peer, realm, asks } = of;
    const state = asks.get(path);
    if (state === 'answered') outcome(realm, path, peer.peerId, true);
    if (state === 'answered' || state === 'asked') return false;
    if (state === undefined) {
      if (peer.asked >= options.maxPathsPerPeer) {
        refusals.count('too_many_paths', peer.peerId, realm);
        outcome(realm, path, peer.peerId, false);
        return false;
      }
      peer.asked++;
    }
    asks.set(path, 'asked');
    if (of.hasRights) this.#later(of, path);
    else if (peer.isUp) this.#await(of, path);
    return !peer.isUp;
  }

  unask(of: PeerRealm, path: KeyPath): void {
    const wasHeard = of.heard.has(path);
    if (of.asks.delete(path)) of.peer.asked--;
    else if (!wasHeard) return;
    of.waiting.delete(path);
    of.unsaid.delete(path);
    this.#setup.heard.drop(of, path);
    of.unasked.add(path);
    this.#schedule(of);
  }

  /** All that is asked of the peer, from the beginning. It says too that everything else that is told was said. */
  sayAll(of: PeerRealm): void {
    of.unsaid.clear();
    of.unasked.clear();
    of.waiting.clear();
    this.#say(of, true, [...of.asks.keys()], true);
  }

  answered(of: PeerRealm, path: KeyPath): void {
    const state = of.asks.get(path);
    if (state === undefined) return;
    of.waiting.delete(path);
    if (state !== 'answered') {
      of.asks.set(path, 'answered');
      this.#setup.outcome(of.realm, path, of.peer.peerId, true);
    }
    this.#setup.maybeReady(of.peer);
  }

  /** What was not answered will not be. */
  failAll(of: PeerRealm): void {
    for (const [path, state] of of.asks) if (state === 'asked') this.#fail(of, path);
    of.waiting.clear();
    of.unsaid.clear();
  }

  /** It is another start of the peer: nothing counts as answered until it has said so itself. */
  reopen(of: PeerRealm): void {
    for (const [path, state] of of.asks) if (state === 'answered') of.asks.set(path, 'asked');
  }

  /** Whether the peer was asked something that it has not answered. */
  isOpen(of: PeerRealm): boolean {
    for (const state of of.asks.values()) if (state === 'asked') return true;
    return false;
  }

  /** There is a link, without rights so far. */
  awaitRights(of: PeerRealm): void {
    for (const [path, state] of of.asks) if (state === 'asked') this.#await(of, path);
  }

  sweep(of: PeerRealm, nowMs: number): void {
    for (const [path, dueMs] of of.waiting) {
      if (dueMs > nowMs) {
        this.#setup.alarm.by(dueMs);
        break;
      }
      of.waiting.delete(path);
      this.#setup.heard.drop(of, path);
      this.#fail(of, path);
    }
  }

  endOfTurn(): void {
    for (const of of this.#toSay) {
      this.#say(of, false, [...of.unasked], false);
      this.#say(of, true, [...of.unsaid], false);
      of.unasked.clear();
      of.unsaid.clear();
    }
    this.#toSay.clear();
  }

  #say(of: PeerRealm, isOn: boolean, paths: readonly KeyPath[], isAnew: boolean): void {
    if (!of.hasRights || !of.peer.isUp) return;
    for (const body of encodeAsk(of.realm, isOn, isAnew, paths)) of.peer.link!.control(FrameType.MeshAsk, body);
    if (isOn) for (const path of paths) this.#await(of, path);
  }

  #await(of: PeerRealm, path: KeyPath): void {
    const dueMs = this.#setup.clock.now() + this.#setup.options.answerMs;
    // The oldest stays first.
    of.waiting.delete(path);
    of.waiting.set(path, dueMs);
    this.#setup.alarm.by(dueMs);
  }

  #fail(of: PeerRealm, path: KeyPath): void {
    if (!of.asks.has(path)) return;
    of.asks.set(path, 'failed');
    this.#setup.outcome(of.realm, path, of.peer.peerId, false);
    this.#setup.maybeReady(of.peer);
  }

  #later(of: PeerRealm, path: KeyPath): void {
    of.unsaid.add(path);
    this.#schedule(of);
  }

  #schedule(of: PeerRealm): void {
    this.#toSay.add(of);
    this.#setup.schedule();
  }
}
