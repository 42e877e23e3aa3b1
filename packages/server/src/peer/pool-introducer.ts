import { randomId } from '../lib/random.ts';
import { NONCE_BYTES } from './hello.ts';
import type { Introducer } from './introduction.ts';
import type { LinkPoolSetup } from './link-pool-options.ts';

const SESSION_BYTES = 6;

/** What a pool is in introductions; `known` says what it has, `gatekeeper` whom it admits. */
export function poolIntroducer(setup: LinkPoolSetup, parts: Pick<Introducer, 'gatekeeper' | 'known'>): Introducer {
  const { network, incarnation, clock, options } = setup;
  const entropy = setup.entropy ?? systemBytes;
  return {
    peerId: network.peerId,
    incarnation,
    addresses: setup.addresses ?? (() => network.addresses),
    clock,
    nonce: () => entropy(NONCE_BYTES),
    newSession: () => Buffer.from(entropy(SESSION_BYTES)).readUIntBE(0, SESSION_BYTES) || 1,
    timeoutMs: options.introductionTimeoutMs,
    maxFrameBytes: options.link.maxFrameBytes,
    ...(setup.newestVersion !== undefined && { newestVersion: setup.newestVersion }),
    ...parts,
  };
}

function systemBytes(bytes: number): Uint8Array {
  return Buffer.from(randomId(bytes), 'hex');
}
