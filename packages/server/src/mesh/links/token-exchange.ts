import type { FederatedRealms, RealmToken, TokenProblem } from '../../auth/federation/federated-realm.ts';
import type { Clock } from '../../lib/clock.ts';
import { FrameType } from '../../peer/frame-types.ts';
import type { Alarm } from './alarm.ts';
import { encodeSigned, type SignedFrame } from './link-frames.ts';
import type { MeshPeer, PeerRealm } from './link-peer.ts';
import type { Refusals } from './refusals.ts';

/** What is refused for one of these is refused whenever it is looked at again. */
const FOR_EVER: ReadonlySet<TokenProblem> = new Set(['malformed', 'forged', 'stolen', 'foreign_realm']);

export interface RightsListener {
  /** Both ends have tokens that hold, or one of them has shown its own anew: everything is said from the beginning. */
  onRights(realm: PeerRealm): void;
  /** One of them holds no more: at once nothing is said, taken or kept. Also of a peer without a link. */
  onNoRights(realm: PeerRealm): void;
}

export interface TokenExchangeSetup {
  readonly realms: FederatedRealms;
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly refusals: Refusals;
  readonly peers: ReadonlyMap<string, MeshPeer>;
  readonly listener: RightsListener;
}

/**
 * Tokens and revocations over all links. The end that has dialled shows its tokens first, of realms that the peer has proven; the other
 * one answers with its own when one of the realm was checked: so whoever dials with a token that holds no more learns nothing.
 */
export class TokenExchange {
  readonly #setup: TokenExchangeSetup;
  /** Realms in which this node had a token when it was last looked at. */
  readonly #held = new Set<string>();
  #stopListening: (() => void) | null = null;

  constructor(setup: TokenExchangeSetup) {
    this.#setup = setup;
  }

  start(): void {
    const { realms } = this.#setup;
    this.#stopListening = realms.onChange((realm) => this.changed(realm));
    for (const { name, token } of realms.list()) if (token !== null) this.#held.add(name);
  }

  stop(): void {
    this.#stopListening?.();
  }

  /** Of this node, if it holds. */
  own(realm: string): RealmToken | null {
    return this.#setup.realms.get(realm)?.token ?? null;
  }

  /** There is a new channel. @param proven realms that the peer has proven on it @param isNew whether the link is new too */
  begin(peer: MeshPeer, proven: readonly string[], isNew: boolean): void {
    for (const name of proven) peer.realm(name);
    for (const realm of peer.realms.values()) {
      if (isNew) {
        realm.offered = null;
        realm.isProven = false;
        realm.isShown = false;
        realm.lapsed = false;
        realm.hasRights = false;
      }
      if (proven.includes(realm.realm)) realm.isProven = true;
      realm.shownBytes = null;
      realm.listNumber = -1;
    }
    peer.rightsChanged();
    for (const realm of peer.realms.values()) this.#update(realm, false);
  }

  /** The link is closed: tokens are kept for as long as the rest, to tell whether what it told may still be used. */
  end(peer: MeshPeer): void {
    for (const realm of peer.realms.values()) {
      realm.offered = null;
      realm.isShown = false;
      realm.hasRights = false;
    }
    peer.rightsChanged();
  }

  onToken(peer: MeshPeer, { realm: name, bytes }: SignedFrame): void {
    const { realms, refusals } = this.#setup;
    if (realms.get(name) === null) {
      refusals.count('foreign_realm', peer.peerId, '');
      return;
    }
    const realm = peer.realm(name);
    const result = realms.check(bytes, peer.peerId);
    // A peer may show as much as a frame holds: only what may yet come to hold is worth its memory.
    realm.offered = typeof result === 'string' && FOR_EVER.has(result) ? null : Uint8Array.from(bytes);
    realm.generation++;
    realm.isAllSaid = false;
    this.#take(realm, result);
    this.#update(realm, true);
  }

  onRevocations(peer: MeshPeer, { realm: name, bytes }: SignedFrame): void {
    const { realms } = this.#setup;
    if (realms.get(name) === null || !realms.learnRevocations(name, Uint8Array.from(bytes))) return;
    // It need not hear it back.
    const known = peer.realms.get(name);
    if (known !== undefined) known.listNumber = realms.revocations(name)?.number ?? -1;
    this.changed(name);
  }

  /** Tokens, secrets or revocations of a realm are others now. */
  changed(name: string): void {
    const returns = this.own(name) !== null && !this.#held.has(name);
    if (this.own(name) === null) this.#held.delete(name);
    else this.#held.add(name);
    for (const peer of [...this.#setup.peers.values()]) {
      const realm = peer.realms.get(name);
      if (realm !== undefined) this.#recheck(realm);
      // It does not know that we have the realm: only a new introduction tells it.
      if (returns && realm?.isProven !== true) peer.link?.close('removed', 'there are more realms now');
    }
  }

  /** Looks for tokens that have expired, and sets the alarm for the next. */
  sweep(): void {
    const nowMs = this.#setup.clock.wallMs();
    for (const peer of [...this.#setup.peers.values()]) {
      for (const realm of peer.realms.values()) {
        const { token } = realm;
        if (token !== null && token.notAfterMs <= nowMs) this.#recheck(realm);
        else if (token !== null) this.#setup.alarm.byWall(token.notAfterMs);
        if (realm.hasRights && this.own(realm.realm) === null) this.#update(realm, false);
      }
    }
    for (const { token } of this.#setup.realms.list()) {
      if (token !== null && token.notAfterMs > nowMs) this.#setup.alarm.byWall(token.notAfterMs);
    }
  }

  #recheck(realm: PeerRealm): void {
    const { realms } = this.#setup;
    if (realm.token !== null) {
      const problem = realms.problem(realm.token);
      if (problem !== null) this.#take(realm, problem);
    } else if (realm.offered !== null) {
      const result = realms.check(realm.offered, realm.peer.peerId);
      if (typeof result !== 'string') this.#take(realm, result);
    }
    this.#update(realm, false);
  }

  #take(realm: PeerRealm, result: RealmToken | TokenProblem): void {
    const { refusals, alarm } = this.#setup;
    realm.peer.forgetAccepted();
    const problem = typeof result === 'string' ? result : result.realm === realm.realm ? null : 'malformed';
    if (problem !== null) refusals.count(problem, realm.peer.peerId, realm.realm);
    const hadToken = realm.token !== null;
    realm.token = problem === null ? (result as RealmToken) : null;
    realm.isOver = problem === 'revoked';
    if (realm.token === null) {
      realm.lapsed = true;
      if (hadToken && !realm.hasRights) this.#setup.listener.onNoRights(realm);
      return;
    }
    // What it has said meanwhile was not taken: seeing our token again, it says all of it again.
    if (realm.lapsed) realm.shownBytes = null;
    realm.lapsed = false;
    alarm.byWall(realm.token.notAfterMs);
  }

  /** @param isAnew whether the peer has just shown its token */
  #update(realm: PeerRealm, isAnew: boolean): void {
    const own = this.own(realm.realm);
    const had = realm.hasRights;
    if (own === null) {
      realm.isShown = false;
      realm.shownBytes = null;
    }
    const shown = own !== null && this.#show(realm, own);
    realm.hasRights = realm.isShown && realm.offered !== null && realm.token !== null;
    if (realm.hasRights !== had) realm.peer.rightsChanged();
    if (realm.hasRights) {
      if (!had || shown || isAnew) this.#setup.listener.onRights(realm);
    } else if (had || (own === null && realm.token !== null)) {
      this.#setup.listener.onNoRights(realm);
    }
  }

  /** @returns whether our token was sent now */
  #show(realm: PeerRealm, own: RealmToken): boolean {
    const { link } = realm.peer;
    if (link === null || link.state !== 'up') return false;
    const begins = realm.isProven && link.info().direction === 'outbound';
    const answers = realm.offered !== null && realm.token !== null;
    if (!begins && !answers) return false;
    const isKnown = realm.shownBytes !== null && Buffer.compare(realm.shownBytes, own.bytes) === 0;
    if (!isKnown) {
      link.control(FrameType.MeshToken, encodeSigned(realm.realm, own.bytes));
      realm.shownBytes = own.bytes;
      realm.isShown = true;
    }
    this.#tellRevocations(realm);
    return !isKnown;
  }

  #tellRevocations(realm: PeerRealm): void {
    const list = this.#setup.realms.revocations(realm.realm);
    if (list === null || list.number <= realm.listNumber) return;
    realm.listNumber = list.number;
    realm.peer.link!.control(FrameType.MeshRevocations, encodeSigned(realm.realm, list.bytes));
  }
}
