import { peerIdFromString } from '@libp2p/peer-id';
import { expect, it } from 'vitest';
import { ContactPings } from './contact-pings.ts';
import { newIdentity } from './identity.ts';

function scene() {
  const asked: string[] = [];
  const state = { nowMs: 0, answers: false, isConnected: false };
  const pings = new ContactPings({
    ask: async (peer) => {
      asked.push(peer.toString());
      if (!state.answers) throw new Error('nobody');
    },
    isConnected: () => state.isConnected,
    now: () => state.nowMs,
  });
  return { asked, state, pings, peer: () => peerIdFromString(newIdentity().peerId) };
}

it('a peer that did not answer is not dialled again for a minute, others are', async () => {
  const { asked, state, pings, peer } = scene();
  const [one, other] = [peer(), peer()];
  for (let i = 0; i < 10; i++) await expect(pings.ping(one)).rejects.toThrow();
  await expect(pings.ping(other)).rejects.toThrow();
  expect(asked).toEqual([one.toString(), other.toString()]);
  state.nowMs = 60_000;
  state.answers = true;
  await pings.ping(one);
  await pings.ping(one);
  expect(asked).toHaveLength(4);
});

it('one that is connected is asked at once, and is as any other when it has answered', async () => {
  const { asked, state, pings, peer } = scene();
  const one = peer();
  await expect(pings.ping(one)).rejects.toThrow();
  state.isConnected = true;
  state.answers = true;
  await pings.ping(one);
  state.isConnected = false;
  await pings.ping(one);
  expect(asked).toHaveLength(3);
});
