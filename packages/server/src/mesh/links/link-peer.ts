import type { RealmToken } from '../../auth/federation/federated-realm.ts';
import type { Link } from '../../peer/link-ports.ts';
import type { KeyPath } from '../ports.ts';
import type { RemoteFilter } from './remote-filters.ts';

/** `asked`: not answered yet. */
export type AskState = 'asked' | 'answered' | 'failed';

/** The filters of a peer under a key. */
export class HeardPath {
  readonly filters = new Map<string, RemoteFilter>();
  /** As `PeerRealm.generation`, when they were last said in whole. */
  generation: number;

  constructor(generation: number) {
    this.generation = generation;
  }
}

/** All there is between this node and a peer in one realm. */
export class PeerRealm {
  readonly peer: MeshPeer;
  readonly realm: string;

  /** Its last token, if that holds; without a link, of the last one. */
  token: RealmToken | null = null;
  /** What it has shown over this link, whether it holds or not. */
  offered: Uint8Array | null = null;
  /** It has proven the realm when it was introduced. */
  isProven = false;
  /** Our token was shown over this link. */
  isShown = false;
  /** Ours, as it was last shown over this channel. */
  shownBytes: Uint8Array | null = null;
  /** Of the revocations that were last sent or heard over this channel; -1: none. */
  listNumber = -1;
  /** Its token, or ours, did not hold meanwhile: it does not know, and has to be shown ours again. */
  lapsed = false;
  /** Both tokens were shown over this link, and hold. */
  hasRights = false;
  /** Its token was revoked: unlike one that has expired, it is not about to be renewed. */
  isOver = false;

  readonly asks = new Map<KeyPath, AskState>();
  /** Said and not answered, until when: in that order. */
  readonly waiting = new Map<KeyPath, number>();
  /** To be said at the end of the turn. */
  readonly unsaid = new Set<KeyPath>();
  readonly unasked = new Set<KeyPath>();
  /** Paths that we tell it of. */
  readonly told = new Set<KeyPath>();
  /** Of these, the ones that have changed since it could last be told. */
  readonly missed = new Set<KeyPath>();

  /** Paths that it has asked for. */
  readonly wanted = new Set<KeyPath>();
  readonly heard = new Map<KeyPath, HeardPath>();
  /** All filters of a path that come in several frames. */
  gathering: { readonly path: KeyPath; readonly filters: Set<string> } | null = null;
  /** Grows when the peer begins to say everything anew. */
  generation = 0;
  /** Everything was said since. */
  isAllSaid = false;

  constructor(peer: MeshPeer, realm: string) {
    this.peer = peer;
    this.realm = realm;
  }
}

/** A peer that has a link, or had one lately, or is dialled. */
export class MeshPeer {
  readonly peerId: string;
  /** Empty: those that the link pool remembers. */
  addresses: readonly string[] = [];
  link: Link | null = null;
  /** Of its last link. */
  incarnation = 0;
  readonly realms = new Map<string, PeerRealm>();
  /** In some realm. */
  hasRights = false;
  /** By when it has to have rights; only while it has a link and none. */
  admitByMs = Number.POSITIVE_INFINITY;
  /** By when it has to have said everything again; only after a new channel, and while somebody waits for that. */
  readyByMs = Number.POSITIVE_INFINITY;
  /** When it is dialled again for those who wait in `connects`. */
  retryAtMs = Number.POSITIVE_INFINITY;
  /** When it is dialled again for the sake of what it could not be told. */
  tellAtMs = Number.POSITIVE_INFINITY;
  /** When everything about it is forgotten: only without a link. */
  forgetAtMs = Number.POSITIVE_INFINITY;
  readonly connects: ((link: Link | null) => void)[] = [];
  isDialling = false;
  /** Dials in a row that came to nothing, and links that ended before both ends had rights. */
  failures = 0;
  /** When the first of them did. */
  failingSinceMs = 0;
  notBeforeMs = 0;
  /** In all realms. */
  filters = 0;
  asked = 0;
  told = 0;
  wanted = 0;
  heardPaths = 0;
  /** What was asked last of `accepts`; null: nothing that still counts. */
  acceptedRealm = '';
  acceptedTopic: string | null = null;
  accepted = false;

  constructor(peerId: string) {
    this.peerId = peerId;
  }

  get isUp(): boolean {
    return this.link?.state === 'up';
  }

  /** To be called when those in a realm have come or gone. */
  rightsChanged(): void {
    this.forgetAccepted();
    this.hasRights = false;
    for (const realm of this.realms.values()) if (realm.hasRights) this.hasRights = true;
  }

  realm(name: string): PeerRealm {
    let realm = this.realms.get(name);
    if (realm === undefined) {
      realm = new PeerRealm(this, name);
      this.realms.set(name, realm);
    }
    return realm;
  }

  forgetAccepted(): void {
    this.acceptedTopic = null;
  }
}
