import type { PeerTarget } from '../peer/channel.ts';
import type { Link, LinkEvents } from '../peer/link-ports.ts';
import type { KeyPath, RemoteFilters } from './ports.ts';

export interface MeshPeerListing {
  readonly peerId: string;
  /** Realms in which both ends have shown valid tokens. */
  readonly realms: readonly string[];
  /** Of its token, where it names one. */
  readonly cluster: string | null;
  /** Filters that it has said it wants. */
  readonly filters: number;
  readonly link: 'up' | 'lost' | 'none';
}

/**
 * What nodes of the mesh say to each other over their links before and beside messages: tokens, revocations, which filters they have. Nothing is
 * said or taken in a realm before both ends have shown a token of it that holds, and nothing after one has ceased to.
 *
 * `ask`: we publish under a key, the peer says its filters there and keeps us current. `tell`: we have filters under a key, the peer publishes
 * there, and is told and kept current. Both dial if there is no link. What was asked and told is said again on a link that is new or
 * goes on; a link that was evicted is not dialled again for its sake.
 */
export interface MeshLinks {
  /** Says so once, however often it is called; `onAnswered` hears of the outcome, also if it is known: then later in the same turn. */
  ask(realm: string, path: KeyPath, target: PeerTarget): void;
  /** We no longer publish under the key: nobody need keep us current. */
  unask(realm: string, path: KeyPath): void;
  tell(realm: string, path: KeyPath, target: PeerTarget): void;
  /** Filters of ours under a key came or went: every linked peer that asked, or was told, hears of it at the end of the turn. */
  changed(realm: string, path: KeyPath): void;
  /** Whether an `ask` has come to an end, well or not. */
  isAnswered(realm: string, path: KeyPath, peerId: string): boolean;
  /** Whether it has come to an end well. */
  hasAnswered(realm: string, path: KeyPath, peerId: string): boolean;
  /** `ok` false: the peer cannot be reached, or has no rights: the directory was wrong about it. */
  onAnswered: ((realm: string, path: KeyPath, peerId: string, ok: boolean) => void) | null;
  /** A peer has shown its rights: it is there, whatever was thought of it. */
  onHere: ((peerId: string) => void) | null;
  /** The filters of some peer have changed, or who may be sent to. */
  onRemote: ((realm: string) => void) | null;

  readonly remote: RemoteFilters;
  /** Of the cluster that the peer's token names, and so the same for all nodes of it; else the peer id. */
  clusterOf(realm: string, peerId: string): string;
  /** Whether the peer may be sent messages of the realm now: both tokens hold. */
  maySend(realm: string, peerId: string): boolean;
  /** As `MeshPort.link`. */
  link(peerId: string): Link | null;
  /** As `MeshPort.connect`. */
  connect(peerId: string, done: (link: Link | null) => void): void;
  /** As `MeshPort.accepts`. */
  accepts(link: Link, realm: string, topic: string): boolean;
  /** Dials those at once that could not be reached, and for whom something waits: it may have been the fault of this node. */
  retry(): void;
  peers(): readonly MeshPeerListing[];
  /** What was refused, by reason: a `TokenProblem`, `beyond_subscribe`, `beyond_publish`, `too_many_filters`. */
  readonly refusals: ReadonlyMap<string, number>;

  start(): void;
  stop(): void;
}

/** Who takes messages from links of the mesh, and hears of their ends. The router implements it. */
export type MeshFrames = Pick<LinkEvents, 'onUp' | 'onData' | 'onLost' | 'onResumed' | 'onClosed'>;
