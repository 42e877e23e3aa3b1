/** What a node of a federated realm may do, as topic filters. */
export interface RealmRights {
  /** It may subscribe to what one of these covers. */
  readonly subscribe: readonly string[];
  /** It may publish on topics that match one of these. */
  readonly publish: readonly string[];
}

/** The half of a token that peers see. Signed by the realm's authority, for one peer id: it is worth nothing to anybody else. */
export interface RealmToken {
  readonly realm: string;
  /** Ed25519 public key, base64url. Two realms of one name with different authorities have nothing in common. */
  readonly authorityKey: string;
  readonly peerId: string;
  /** Of all tokens of the realm; grows with each. */
  readonly issue: number;
  readonly issuedAtMs: number;
  /** From then on it is worth nothing. */
  readonly notAfterMs: number;
  readonly rights: RealmRights;
  /** Nodes that have the same one are one cluster, and get one copy of a message between them. null: the node is alone */
  readonly cluster: string | null;
  /** As it travels. */
  readonly bytes: Uint8Array;
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  /** Whether anything published under these rights could match a filter: else its owner need not hear of it. */
  couldPublish(filter: string): boolean;
}

/** The half of a token that no peer sees: keys of the directory, one per epoch. */
export interface EpochSecret {
  readonly epoch: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export const TOKEN_PROBLEMS = [
  /** Bytes that are no token. */
  'malformed',
  /** Not by this authority, or changed since. */
  'forged',
  /** For another peer id. */
  'stolen',
  'expired',
  'not_yet_valid',
  'revoked',
  /** The newest list of revocations that is known here is past its age. */
  'revocations_stale',
  /** Of a realm that is not federated here. */
  'foreign_realm',
] as const;
export type TokenProblem = (typeof TOKEN_PROBLEMS)[number];

/** A realm that crosses the border of the cluster, as this node is in it. */
export interface FederatedRealm {
  readonly name: string;
  readonly authorityKey: string;
  /** Of this node; null: it has none that is valid now, and takes no part. */
  readonly token: RealmToken | null;
  /** Those in use now: the current one first, then, while epochs change, the one before. Empty without a token. */
  readonly secrets: readonly EpochSecret[];
}

/** The federated realms of a node: its own tokens, what it makes of those of others, and the revocations that it knows. */
export interface FederatedRealms {
  list(): readonly FederatedRealm[];
  /** null: not federated here */
  get(realm: string): FederatedRealm | null;
  /** A token as `peerId` shows it. */
  check(bytes: Uint8Array, peerId: string): RealmToken | TokenProblem;
  /** Whether a token that was accepted still holds. null: it does */
  problem(token: RealmToken): TokenProblem | null;
  /** The newest signed list of a realm, as it travels; null: none is known. */
  revocations(realm: string): { readonly number: number; readonly bytes: Uint8Array } | null;
  /** A list of which somebody has told. @returns whether it is newer than the one before, and valid */
  learnRevocations(realm: string, bytes: Uint8Array): boolean;
  /** A token or an epoch has changed, expired, or been revoked: own ones too. @returns how to stop listening */
  onChange(listener: (realm: string) => void): () => void;
}
