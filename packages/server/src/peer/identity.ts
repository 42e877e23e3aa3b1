import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateKeyFromProtobuf, privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { PlexusError } from '@plexus/protocol';
import { createWhole } from '../lib/owner-lock.ts';

const IDENTITY_FILE = 'identity.key';
const SEED_BYTES = 32;
/** What goes before the seed of an Ed25519 key in PKCS #8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Who a node is to its peers. */
export interface Identity {
  readonly peerId: string;
  readonly privateKey: PrivateKey;
}

/** A new one, that is kept nowhere: for tests and tools. */
export function newIdentity(): Identity {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const raw = Buffer.concat([Buffer.from(jwk.d!, 'base64url'), Buffer.from(jwk.x!, 'base64url')]);
  return identityOf(privateKeyFromRaw(raw));
}

/**
 * The identity of the node that this data directory belongs to, made at its first start. The file holds libp2p's form of an Ed25519
 * private key (a protobuf) in base64; only its owner can read it.
 * @throws {PlexusError} data_dir_unusable
 */
export function loadIdentity(dataDir: string): Identity {
  const path = join(dataDir, IDENTITY_FILE);
  try {
    let text = readIfThere(path);
    if (text === null) {
      createWhole(path, `${Buffer.from(privateKeyToProtobuf(newIdentity().privateKey)).toString('base64')}\n`);
      // Another process may have been first: what counts is what is there.
      text = readFileSync(path, 'utf8');
    }
    chmodSync(path, 0o600);
    const key = parse(text);
    if (key !== null) return identityOf(key);
  } catch (error) {
    const reason = `${IDENTITY_FILE}: ${error instanceof Error ? error.message : String(error)}`;
    throw new PlexusError('data_dir_unusable', { dataDir, reason }, { cause: error });
  }
  const reason =
    `${IDENTITY_FILE} is damaged; put a backup in its place, ` +
    'or remove it to start as another node (whoever knows this one by its id then no longer does)';
  throw new PlexusError('data_dir_unusable', { dataDir, reason });
}

function identityOf(privateKey: PrivateKey): Identity {
  return { peerId: peerIdFromPrivateKey(privateKey).toString(), privateKey };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** @returns null: this is no key of ours, or not all of it */
function parse(text: string): PrivateKey | null {
  try {
    const key = privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'));
    return key.type === 'Ed25519' && isWhole(key.raw) ? key : null;
  } catch {
    return null;
  }
}

/** The file holds the public half as well: it must be the one that belongs to the seed. */
function isWhole(raw: Uint8Array): boolean {
  const der = Buffer.concat([PKCS8_PREFIX, raw.subarray(0, SEED_BYTES)]);
  const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').equals(raw.subarray(SEED_BYTES));
}
