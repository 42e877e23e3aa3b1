import { describe, expect, it } from 'vitest';
import type { DialCode } from './channel.ts';
import { brokeOff, type DialFailure, dialError, dialFailure } from './dial-error.ts';

const failed = (code: DialCode): DialFailure => ({ address: '/a', code, reason: code, found: null, cause: null });

describe('why a peer cannot be dialled', () => {
  it.each<[DialCode, DialCode[]]>([
    ['peer_unreachable', []],
    ['peer_refused', ['peer_refused', 'peer_refused']],
    ['peer_refused', ['peer_identity', 'peer_refused']],
    ['peer_unreachable', ['peer_refused', 'peer_unreachable']],
    ['peer_identity', ['peer_identity', 'peer_identity']],
    ['peer_identity', ['peer_unreachable', 'peer_identity', 'peer_refused']],
  ])('is %s after %j', (expected, codes) => {
    expect(dialError('p', codes.map(failed))).toMatchObject({
      code: expected,
      details: { peerId: 'p', addresses: codes.map(() => '/a') },
    });
  });

  it('may be that it broke off the handshake', () => {
    const brokenOff = (properties: object) => brokeOff(dialFailure('/a', Object.assign(new Error('x'), properties)));
    expect(brokenOff({ name: 'EncryptionFailedError' })).toBe(true);
    expect(brokenOff({ code: 'ECONNRESET' })).toBe(true);
    expect(brokenOff({ code: 'ECONNREFUSED' })).toBe(false);
  });

  it('is read off errors of the system and of libp2p', () => {
    const code = (properties: object) => dialFailure('/a', Object.assign(new Error('x'), properties)).code;
    expect(code({ code: 'ECONNREFUSED' })).toBe('peer_refused');
    expect(code({ code: 'EHOSTUNREACH' })).toBe('peer_unreachable');
    expect(code({ name: 'UnsupportedProtocolError' })).toBe('peer_unsupported');
    expect(code({ name: 'InvalidPeerIdError' })).toBe('peer_identity');
    expect(dialFailure('/a', undefined).code).toBe('peer_unreachable');
  });
});
