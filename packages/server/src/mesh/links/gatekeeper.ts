import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FederatedRealms } from '../../auth/federation/federated-realm.ts';
import type { Gatekeeper, LinkCloseReason, PeerFacts, ProofContext } from '../../peer/link-ports.ts';
import { proofMac } from '../../peer/proof-mac.ts';

/** So that nothing else that is ever made with the same secret is a tag or a proof. */
const TAG_DOMAIN = 'plexus mesh hello 1';
const PROOF_DOMAIN = 'plexus mesh proof 1';
export const TAG_BYTES = 16;
export const MAC_BYTES = 32;
const ENTRY_BYTES = TAG_BYTES + MAC_BYTES;
/** In a greeting. */
export const MAX_TAGS = 64;
/** Realms that are proven in one introduction. */
export const MAX_PROOFS = 32;
/** Peers between their greeting and their link. Only those with a tag of ours get here. */
const MAX_PEERS = 1024;

/** A realm that both ends have, and the newest secret of it that both have. */
interface Common {
  readonly realm: string;
  readonly secret: Uint8Array;
}

/** Names a secret to those who have it, and nothing to anybody else: no two nodes say the same. */
export function tagOf(secret: Uint8Array, peerId: string): Buffer {
  return createHmac('sha256', secret).update(`${TAG_DOMAIN}\0${peerId}`).digest().subarray(0, TAG_BYTES);
}

/** As in the proof of a cluster (docs/wire.md §11). */
export function proofOf(secret: Uint8Array, realm: string, context: ProofContext): Buffer {
  return proofMac(secret, PROOF_DOMAIN, realm, context);
}

/**
 * Admits those who prove the secret of a realm that is federated here (docs/wire.md §15). Greetings are tags, so strangers learn no names of
 * realms, and not even how many two nodes have in common. Tokens come later, over the link: only to those who have proven the realm.
 */
export class MeshGatekeeper implements Gatekeeper {
  readonly #peerId: string;
  readonly #realms: FederatedRealms;
  /** What the last greeting of a peer has in common with ours. */
  readonly #common = new Map<string, readonly Common[]>();
  readonly #proven = new Map<string, readonly string[]>();

  /** @param peerId of this node */
  constructor(peerId: string, realms: FederatedRealms) {
    this.#peerId = peerId;
    this.#realms = realms;
  }

  /** Realms in which a peer has proven itself when it was last introduced. */
  provenRealms(peerId: string): readonly string[] {
    return this.#proven.get(peerId) ?? [];
  }

  greeting(): Uint8Array {
    const tags: Buffer[] = [];
    for (const { secret } of this.#secrets()) {
      if (tags.length === MAX_TAGS) break;
      tags.push(tagOf(secret, this.#peerId));
    }
    return Buffer.concat(tags);
  }

  welcomes({ peerId, greeting }: PeerFacts): LinkCloseReason | null {
    if (greeting.length % TAG_BYTES !== 0 || greeting.length > MAX_TAGS * TAG_BYTES) return 'no_common_realm';
    const theirs = new Set<string>();
    for (let at = 0; at < greeting.length; at += TAG_BYTES) theirs.add(textOf(greeting.subarray(at, at + TAG_BYTES)));
    const common = new Map<string, Common>();
    // The newest secret of a realm comes first.
    for (const each of this.#secrets()) {
      if (common.size === MAX_PROOFS) break;
      if (!common.has(each.realm) && theirs.has(textOf(tagOf(each.secret, peerId)))) common.set(each.realm, each);
    }
    if (common.size === 0) return 'no_common_realm';
    remember(this.#common, peerId, [...common.values()]);
    return null;
  }

  prove(context: ProofContext): Uint8Array {
    const peerId = context.role === 'initiator' ? context.responderPeerId : context.initiatorPeerId;
    const parts: Buffer[] = [];
    for (const { realm, secret } of this.#common.get(peerId) ?? []) {
      parts.push(tagOf(secret, this.#peerId), proofOf(secret, realm, context));
    }
    return Buffer.concat(parts);
  }

  check(context: ProofContext, proof: Uint8Array): LinkCloseReason | null {
    const peerId = context.role === 'initiator' ? context.initiatorPeerId : context.responderPeerId;
    const count = proof.length / ENTRY_BYTES;
    if (!Number.isInteger(count) || count < 1 || count > MAX_PROOFS) return 'not_admitted';
    const known = new Map<string, Common>();
    for (const each of this.#secrets()) known.set(textOf(tagOf(each.secret, peerId)), each);
    const realms = new Set<string>();
    for (let at = 0; at < proof.length; at += ENTRY_BYTES) {
      const common = known.get(textOf(proof.subarray(at, at + TAG_BYTES)));
      if (common === undefined) return 'not_admitted';
      const given = proof.subarray(at + TAG_BYTES, at + ENTRY_BYTES);
      if (!timingSafeEqual(proofOf(common.secret, common.realm, context), given)) return 'not_admitted';
      realms.add(common.realm);
    }
    remember(this.#proven, peerId, [...realms]);
    return null;
  }

  *#secrets(): Generator<Common> {
    for (const { name, token, secrets } of this.#realms.list()) {
      if (token === null) continue;
      for (const { secret } of secrets) yield { realm: name, secret };
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The oldest makes room. */
function remember<T>(map: Map<string, T>, peerId: string, value: T): void {
  map.delete(peerId);
  map.set(peerId, value);
  if (map.size <= MAX_PEERS) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
