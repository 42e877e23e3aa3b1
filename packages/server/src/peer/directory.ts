import type { PeerTarget } from './channel.ts';

/** 32 bytes. What they stand for, whoever keeps the record cannot tell. */
export type DirectoryKey = Uint8Array;

export interface DirectoryStatus {
  /** `client`: it asks, but keeps nothing for others: nobody can reach it. */
  readonly mode: 'server' | 'client';
  /** Nodes of the directory that this one knows; 0: it is out of reach. */
  readonly peers: number;
  /** Records of other nodes that are kept here. */
  readonly records: number;
}

/**
 * Where nodes without anything in common find each other: who has said that it can be found under a key. It may be wrong or behind; whoever
 * uses it finds out on a link. In a node it is a Kademlia DHT (`kad-directory.ts`). Every implementation passes `directory.conformance.ts`.
 */
export interface Directory {
  /**
   * This node can be found under a key from now on, for as long as records are valid. It does not say so again by itself.
   * @returns how many nodes have it, at least 1
   * @throws {PlexusError} directory_unreachable: nobody has it; or the reason of `signal`
   */
  provide(key: DirectoryKey, signal: AbortSignal): Promise<number>;
  /**
   * Looks who can be found under a key. `found` hears of each peer once, as soon as it is known, never of this node; resolves when
   * there is nobody left to ask.
   * @throws {PlexusError} directory_unreachable: nobody could be asked; or the reason of `signal`
   */
  find(key: DirectoryKey, found: (target: PeerTarget) => void, signal: AbortSignal): Promise<void>;
  status(): DirectoryStatus;
}
