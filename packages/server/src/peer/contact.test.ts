import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { DialCode, PeerChannel, PeerTarget } from './channel.ts';
import { Contact, type ContactOutcome, type InboundAttempt, type Waiter } from './contact.ts';
import type { Dial } from './dial.ts';
import type { Introduction, IntroductionResult } from './introduction.ts';
import type { PeerLink } from './peer-link.ts';

/** A contact with peer `m`, whose dials and introductions end when the test says so. */
function scene(ownPeerId: string, addresses: readonly string[] = ['/x']) {
  const clock = new FakeClock();
  const log: string[] = [];
  const dials: { target: PeerTarget; done: (result: PeerChannel | DialCode) => void }[] = [];
  const introductions: ((result: IntroductionResult) => void)[] = [];
  const contact = new Contact(
    {
      ownPeerId,
      clock,
      random: () => 0,
      patienceMs: 5000,
      dial(target, done) {
        log.push(`dial ${target.addresses}`);
        dials.push({ target, done });
        return { cancel: () => log.push('cancel') } as unknown as Dial;
      },
      introduce(_channel, _purpose, done) {
        log.push('introduce');
        introductions.push(done);
        return { abort: (reason: string) => log.push(`abort ours ${reason}`) } as unknown as Introduction;
      },
      introduced: () => false,
      ended: () => log.push('ended'),
    },
    'cluster',
    'm',
    addresses,
  );
  const outcomes: ContactOutcome[] = [];
  const waiter = (): Waiter => ({ at: null, done: (outcome) => outcomes.push(outcome) });
  const inbound = (number: number): InboundAttempt => ({
    number,
    abort: (reason) => log.push(`abort theirs ${number} ${reason}`),
  });
  const channel = (): PeerChannel =>
    ({ peerId: 'm', destroy: () => log.push('destroy') }) as Partial<PeerChannel> as PeerChannel;
  const take = () => log.splice(0);
  return { clock, contact, dials, introductions, outcomes, waiter, inbound, channel, take };
}

const REFUSED = { detail: '', byPeer: true, peerId: 'm' };

describe('a contact', () => {
  it('lets the introduction of the smaller peer id go on', () => {
    const smaller = scene('a');
    smaller.contact.add(smaller.waiter(), []);
    smaller.dials[0]!.done(smaller.channel());
    expect(smaller.contact.commit(smaller.inbound(1))).toBe('duplicate');
    expect(smaller.take()).toEqual(['dial /x', 'introduce']);

    const larger = scene('z');
    larger.contact.add(larger.waiter(), []);
    larger.dials[0]!.done(larger.channel());
    expect(larger.contact.commit(larger.inbound(1))).toBeNull();
    expect(larger.take()).toEqual(['dial /x', 'introduce', 'abort ours duplicate']);
  });

  it('lets the newer of two introductions of the peer go on', () => {
    const { contact, inbound, take } = scene('z');
    expect(contact.commit(inbound(2))).toBeNull();
    expect(contact.commit(inbound(1))).toBe('duplicate');
    expect(contact.commit(inbound(3))).toBeNull();
    expect(take()).toEqual(['abort theirs 2 duplicate']);
    contact.inboundFailed(inbound(2));
    expect(take()).toEqual([]);
  });

  it('goes no further than a channel while the peer introduces itself, and dials again if that comes to nothing', () => {
    const { contact, dials, waiter, inbound, channel, take, outcomes } = scene('a');
    contact.add(waiter(), []);
    const theirs = inbound(1);
    expect(contact.commit(theirs)).toBeNull();
    dials[0]!.done(channel());
    expect(take()).toEqual(['dial /x', 'destroy']);
    contact.inboundFailed(theirs);
    expect(take()).toEqual(['dial /x']);
    dials[1]!.done('peer_refused');
    expect(take()).toEqual(['ended']);
    expect(outcomes).toEqual([{ failure: { code: 'peer_refused', reason: null } }]);
  });

  it('tries again for as long as it is told that the channel of the peer is on the way', () => {
    const { clock, contact, dials, introductions, waiter, channel, take, outcomes } = scene('z');
    contact.add(waiter(), []);
    for (let at = 0; outcomes.length === 0; at++) {
      dials[at]!.done(channel());
      introductions[at]!({ refused: 'duplicate', ...REFUSED });
      clock.advance(1000);
    }
    expect(dials).toHaveLength(6);
    expect(take().at(-1)).toBe('ended');
    expect(outcomes).toEqual([{ failure: { code: 'peer_not_admitted', reason: 'duplicate' } }]);
  });

  it('takes no notice of what it has given up', () => {
    const { contact, dials, introductions, waiter, channel, take, outcomes } = scene('a');
    contact.add(waiter(), []);
    dials[0]!.done(channel());
    const link = {} as PeerLink;
    contact.succeed(link);
    introductions[0]!({ refused: 'duplicate', ...REFUSED });
    expect(take()).toEqual(['dial /x', 'introduce', 'abort ours duplicate', 'ended']);
    expect(outcomes).toEqual([{ link }]);
  });

  it('that nobody waits for any more says so without ending a link that the peer may go on with', () => {
    const { contact, dials, waiter, channel, take } = scene('a');
    const only = waiter();
    contact.add(only, []);
    dials[0]!.done(channel());
    contact.remove(only);
    expect(take()).toEqual(['dial /x', 'introduce', 'abort ours duplicate', 'ended']);
  });

  it('tries the newer addresses, however long those before took', () => {
    const { clock, contact, dials, waiter, take, outcomes } = scene('a');
    contact.add(waiter(), []);
    contact.add(waiter(), ['/y']);
    clock.advance(5000);
    dials[0]!.done('peer_unreachable');
    expect(take()).toEqual(['dial /x', 'dial /y']);
    dials[1]!.done('peer_refused');
    expect(outcomes).toEqual(Array(2).fill({ failure: { code: 'peer_refused', reason: null } }));
  });

  it('drops a channel of somebody else', () => {
    const { contact, dials, waiter, channel, take, outcomes } = scene('a');
    contact.add(waiter(), []);
    dials[0]!.done({ ...channel(), peerId: 'other' });
    expect(take()).toEqual(['dial /x', 'destroy', 'ended']);
    expect(outcomes).toEqual([{ failure: { code: 'peer_identity', reason: null } }]);
  });

  it('dials again when the relayed channel of its introduction ends: there may be a direct way meanwhile', () => {
    const { clock, contact, dials, introductions, outcomes, waiter, channel, take } = scene('a');
    contact.add(waiter(), []);
    for (let i = 0; i < 2; i++) {
      dials[i]!.done({ ...channel(), transport: 'relay' });
      introductions[i]!({ ...REFUSED, refused: 'channel_lost' });
      expect(take()).toEqual(['dial /x', 'introduce']);
      clock.advance(200);
    }
    dials[2]!.done({ ...channel(), transport: 'tcp' });
    introductions[2]!({ ...REFUSED, refused: 'channel_lost' });
    expect(take()).toEqual(['dial /x', 'introduce', 'ended']);
    expect(outcomes).toEqual([{ failure: { code: 'peer_not_admitted', reason: 'channel_lost' } }]);
  });

  it('with a relayed channel that ends again and again is over in the end', () => {
    const { clock, contact, dials, introductions, outcomes, waiter, channel } = scene('a');
    contact.add(waiter(), []);
    for (let i = 0; outcomes.length === 0; i++) {
      dials[i]!.done({ ...channel(), transport: 'relay' });
      introductions[i]!({ ...REFUSED, refused: 'channel_lost' });
      clock.advance(200);
    }
    expect(dials.length).toBeGreaterThan(10);
  });
});
