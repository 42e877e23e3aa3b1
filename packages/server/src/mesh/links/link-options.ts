export interface MeshLinkOptions {
  /** What a peer has told is kept so long after its link has ended, in milliseconds. */
  readonly staleMs: number;
  /** For tokens on a new link, and for the answer to an ask, in milliseconds. */
  readonly answerMs: number;
  /** Filters that are taken from one peer. */
  readonly maxFiltersPerPeer: number;
  readonly maxFilters: number;
  /** Paths of each kind with one peer: asked by us, by the peer, told to it, told by it. */
  readonly maxPathsPerPeer: number;
  /** With a link, or lately with one, or dialled. */
  readonly maxPeers: number;
}

export const MESH_LINK_DEFAULTS: MeshLinkOptions = {
  staleMs: 300_000,
  answerMs: 5000,
  maxFiltersPerPeer: 10_000,
  maxFilters: 200_000,
  maxPathsPerPeer: 20_000,
  maxPeers: 20_000,
};
