import { expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { createLogger, rateLimited } from '../../lib/log.ts';
import { FakeAuthority, FakeRealms } from '../../testing/fake-realms.ts';
import { Alarm } from './alarm.ts';
import { MeshPeer } from './link-peer.ts';
import { Refusals } from './refusals.ts';
import { TokenExchange } from './token-exchange.ts';

// A peer may show as much as a frame holds, in every realm and over every link.
it('what can never become a token is not kept; what may yet is', () => {
  const clock = new FakeClock();
  const realms = new FakeRealms(clock);
  const authority = new FakeAuthority('r', clock);
  realms.hold(authority, authority.issue('self'));
  const tokens = new TokenExchange({
    realms,
    clock,
    alarm: new Alarm(clock, () => {}),
    refusals: new Refusals(rateLimited(createLogger({ level: 'silent' }), clock)),
    peers: new Map(),
    listener: { onRights() {}, onNoRights() {} },
  });
  const peer = new MeshPeer('p');
  const realm = peer.realm('r');
  for (const bytes of [new Uint8Array(1_000_000), authority.issue('other').bytes]) {
    tokens.onToken(peer, { realm: 'r', bytes });
    expect([realm.offered, realm.token]).toEqual([null, null]);
  }
  const later = authority.issue('p', { fromMs: 60_000 });
  tokens.onToken(peer, { realm: 'r', bytes: later.bytes });
  expect([realm.token, Buffer.from(realm.offered!)]).toEqual([null, Buffer.from(later.bytes)]);
});
