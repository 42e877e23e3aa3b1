import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import type { RealmToken } from './federated-realm.ts';
import { NodeRealms, REALM_POLL_MS } from './node-realms.ts';
import { MAX_CLOCK_SKEW_MS } from './realm-token.ts';
import { DAY_MS, EventLog, HOUR_MS, MemoryFiles, RealmNode, TestRealm } from './testing/test-realm.ts';

let clock: FakeClock;
let realm: TestRealm;
let node: RealmNode;

/** Time passes without polls: what is asked is answered by the clock alone. */
function elapse(ms: number): void {
  node.realms.stop();
  clock.advance(ms);
}

const standing = () => node.realms.problems()[0]!;
const token = () => node.realms.get('plant')!.token;

beforeEach(() => {
  clock = new FakeClock();
  realm = new TestRealm(clock);
  node = new RealmNode('me', clock, [realm], (made) => made.give('plant', realm.issue('me')));
});

describe('the token of somebody else', () => {
  const shown = (peerId = 'other') => realm.issue(peerId).token;

  it('is accepted from the peer that it is for', () => {
    const { bytes } = shown();
    const accepted = node.realms.check(bytes, 'other') as RealmToken;
    expect(accepted).toMatchObject({ realm: 'plant', peerId: 'other', issue: 2 });
    expect(node.realms.problem(accepted)).toBeNull();
    expect(node.realms.check(bytes, 'thief')).toBe('stolen');
    expect(node.realms.check(bytes, 'me')).toBe('stolen');
  });

  it('is worth nothing if it is of another realm, or of another authority with the same name', () => {
    const elsewhere = new TestRealm(clock, 'elsewhere').issue('other').token;
    const namesake = new TestRealm(clock, 'plant', 'another').issue('other').token;
    expect(node.realms.check(elsewhere.bytes, 'other')).toBe('foreign_realm');
    expect(node.realms.check(namesake.bytes, 'other')).toBe('foreign_realm');
    expect([node.realms.problem(elsewhere), node.realms.problem(namesake)]).toEqual(['foreign_realm', 'foreign_realm']);
  });

  it('ends at its time, to the millisecond', () => {
    const { bytes, notAfterMs } = realm.issue('other', { lifeMs: HOUR_MS }).token;
    const accepted = node.realms.check(bytes, 'other') as RealmToken;
    elapse(notAfterMs - clock.wallMs() - 1);
    expect(node.realms.problem(accepted)).toBeNull();
    clock.advance(1);
    expect(node.realms.problem(accepted)).toBe('expired');
    expect(node.realms.check(bytes, 'other')).toBe('expired');
  });

  it('may be issued by a clock that is a little ahead', () => {
    const ahead = new FakeClock();
    const same = new TestRealm(ahead);
    ahead.advance(MAX_CLOCK_SKEW_MS + 1);
    const { bytes } = same.issue('other').token;
    expect(node.realms.check(bytes, 'other')).toBe('not_yet_valid');
    elapse(1);
    expect(node.realms.check(bytes, 'other')).toMatchObject({ peerId: 'other' });
  });

  it('is revoked by its issue number, or with all that its peer had then', () => {
    const tokens = [shown(), shown(), shown('third')];
    const problems = () => tokens.map((one) => node.realms.problem(one));
    expect(node.realms.learnRevocations('plant', realm.revoke({ issue: tokens[0]!.issue }).bytes)).toBe(true);
    expect(problems()).toEqual(['revoked', null, null]);
    expect(node.realms.learnRevocations('plant', realm.revoke({ peerId: 'other' }).bytes)).toBe(true);
    expect(problems()).toEqual(['revoked', 'revoked', null]);
    const again = shown();
    expect(node.realms.check(again.bytes, 'other')).toMatchObject({ issue: again.issue });
    expect(node.realms.check(tokens[1]!.bytes, 'other')).toBe('revoked');
  });

  it('has its signature checked once, however often it is shown', () => {
    const before = node.realms.signatureChecks;
    const { bytes } = shown();
    for (let i = 0; i < 5; i++) node.realms.check(bytes, 'other');
    expect(node.realms.signatureChecks).toBe(before + 1);
    const forged = Uint8Array.from(bytes);
    forged[forged.length - 1]! ^= 1;
    for (let i = 0; i < 3; i++) expect(node.realms.check(forged, 'other')).toBe('forged');
    expect(node.realms.signatureChecks).toBe(before + 4);
  });
});

describe('lists of revocations', () => {
  it('are taken if they are newer, genuine, and of the realm', () => {
    const [first, second] = [realm.revoke(null), realm.revoke(null)];
    const forged = Uint8Array.from(second.bytes);
    forged[forged.indexOf(':'.charCodeAt(0)) + 3]! ^= 1;
    const learn = (bytes: Uint8Array, name = 'plant') => node.realms.learnRevocations(name, bytes);
    expect(node.realms.revocations('plant')).toBeNull();
    expect(learn(forged)).toBe(false);
    expect(learn(new Uint8Array(100_000))).toBe(false);
    expect(learn(second.bytes, 'elsewhere')).toBe(false);
    expect(learn(new TestRealm(clock, 'elsewhere').revoke(null).bytes)).toBe(false);
    expect(learn(new TestRealm(clock, 'plant', 'another').revoke(null).bytes)).toBe(false);
    expect(learn(realm.issue('other').token.bytes)).toBe(false);
    expect(learn(second.bytes)).toBe(true);
    expect(learn(second.bytes)).toBe(false);
    expect(learn(first.bytes)).toBe(false);
    expect(node.realms.revocations('plant')).toMatchObject({ number: 2, bytes: second.bytes });
    expect(node.realms.revocations('elsewhere')).toBeNull();
    expect(node.changes).toEqual(['plant']);
  });

  it('are worth nothing with any of their bits changed', () => {
    const { bytes } = realm.revoke({ peerId: 'other' });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(node.realms.learnRevocations('plant', changed), `bit ${bit}`).toBe(false);
    }
    expect(node.realms.revocations('plant')).toBeNull();
  });

  it('end the trust in all others once they are past their age, until there is a newer one; the own token goes on being shown', () => {
    const other = realm.issue('other').token;
    node.realms.learnRevocations('plant', realm.revoke(null, HOUR_MS).bytes);
    clock.advance(HOUR_MS - 1);
    node.changes.length = 0;
    expect([node.realms.problem(other), token()?.issue]).toEqual([null, 1]);
    clock.advance(1);
    expect(node.changes).toEqual(['plant']);
    expect(node.realms.check(other.bytes, 'other')).toBe('revocations_stale');
    expect(token()?.issue).toBe(1);
    expect(standing()).toMatchObject({ problem: 'revocations_stale', revocations: { number: 1 } });
    node.realms.learnRevocations('plant', realm.revoke(null, HOUR_MS).bytes);
    expect(node.realms.problem(other)).toBeNull();
    expect(token()?.issue).toBe(1);
    expect(node.changes).toEqual(['plant', 'plant']);
  });

  it('that are past their age are taken from the operator, and not from peers', () => {
    const old = realm.revoke(null, HOUR_MS);
    clock.advance(HOUR_MS);
    expect(node.realms.learnRevocations('plant', old.bytes)).toBe(false);
    expect(token()).not.toBeNull();
    node.giveList('plant', old);
    clock.advance(REALM_POLL_MS);
    expect(standing()).toMatchObject({ problem: 'revocations_stale', revocations: { number: 1 } });
  });

  it('are known again after a start, wherever they came from', () => {
    node.realms.learnRevocations('plant', realm.revoke({ peerId: 'other' }).bytes);
    node.restart();
    expect(node.realms.revocations('plant')?.number).toBe(1);
    node.giveList('plant', realm.revoke(null));
    clock.advance(REALM_POLL_MS);
    node.files.content.delete('plant.revocations');
    node.restart();
    expect(node.realms.revocations('plant')?.number).toBe(2);
    expect(standing().revocationsFile).toBe('missing');
    const kept = `/data/realms/plant.${realm.authority.authorityKey}.list`;
    node.files.content.set(kept, 'damaged');
    node.restart();
    expect(node.realms.revocations('plant')).toBeNull();
    expect(node.log.warnings).toContain('realm_revocations_lost');
  });

  it('are in use also if they cannot be kept', () => {
    node.files.closed.add(`/data/realms/plant.${realm.authority.authorityKey}.list`);
    expect(node.realms.learnRevocations('plant', realm.revoke(null).bytes)).toBe(true);
    expect(node.log.warnings).toContain('realm_revocations_not_kept');
  });

  it('revoke the token of this node too', () => {
    node.realms.learnRevocations('plant', realm.revoke({ peerId: 'me' }).bytes);
    expect(token()).toBeNull();
    expect(node.realms.get('plant')!.secrets).toEqual([]);
    expect(standing().problem).toBe('revoked');
    expect(node.changes).toEqual(['plant']);
    node.give('plant', realm.issue('me'));
    clock.advance(REALM_POLL_MS);
    expect(token()?.issue).toBe(2);
  });
});

describe('the token of this node', () => {
  it('is that of its file, with the secrets that go with it', () => {
    expect(node.realms.list()).toHaveLength(1);
    expect(node.realms.get('elsewhere')).toBeNull();
    expect(token()).toMatchObject({ realm: 'plant', peerId: 'me', issue: 1 });
    const { secrets } = node.realms.get('plant')!;
    expect(secrets.map(({ epoch, secret }) => [epoch, secret.length])).toEqual([[0, 32]]);
    expect(node.realms.get('plant')!.secrets).toBe(secrets);
    expect(standing()).toMatchObject({ problem: null, tokenFile: null, issue: 1, notAfterMs: token()!.notAfterMs });
  });

  it('is the new one soon after the file has changed; then listeners are told, once', () => {
    node.give('plant', realm.issue('me'));
    const { reads } = node.files;
    clock.advance(REALM_POLL_MS - 1);
    expect(token()?.issue).toBe(1);
    clock.advance(1);
    expect(token()?.issue).toBe(2);
    clock.advance(10 * REALM_POLL_MS);
    expect(node.changes).toEqual(['plant']);
    expect(node.files.reads).toBe(reads + 1);
  });

  it.each([
    ['is for another node', () => realm.issue('other'), 'stolen'],
    ['is of another authority', () => new TestRealm(clock, 'plant', 'another').issue('me'), 'foreign_realm'],
    ['is of another realm', () => new TestRealm(clock, 'elsewhere').issue('me'), 'foreign_realm'],
    ['has no secrets', () => ({ ...realm.issue('me'), secrets: [] }), 'malformed'],
    [
      'has secrets of other epochs',
      () => {
        const { token: issued, secrets } = realm.issue('me');
        return { token: issued, secrets: secrets.map(({ secret }) => ({ epoch: 7, secret })) };
      },
      'malformed',
    ],
  ])('stays what it was while the file %s, and there is none at a start', (_, make, problem) => {
    node.give('plant', make());
    clock.advance(REALM_POLL_MS);
    expect(token()?.issue).toBe(1);
    expect(standing()).toMatchObject({ problem: null, tokenFile: problem });
    expect(node.log.warnings).toContain('realm_file');
    node.restart();
    expect(token()).toBeNull();
    expect(standing()).toMatchObject({ problem, tokenFile: problem, issue: null });
    node.give('plant', realm.issue('me'));
    clock.advance(REALM_POLL_MS);
    expect(standing()).toMatchObject({ problem: null, tokenFile: null });
  });

  it.each([
    '',
    '{',
    '[]',
    'null',
    '{"kind":"plexus realm token"}',
    '{"kind":"plexus realm token","token":"aa","secrets":7}',
  ])('stays what it was while the file holds %j', (text) => {
    node.files.content.set('plant.token', text);
    clock.advance(REALM_POLL_MS);
    expect(token()?.issue).toBe(1);
    expect(standing()).toMatchObject({ problem: null, tokenFile: 'malformed' });
  });

  it('stays what it was while the file cannot be read, or is huge', () => {
    node.give('plant', realm.issue('me'));
    node.files.closed.add('plant.token');
    clock.advance(3 * REALM_POLL_MS);
    expect(standing()).toMatchObject({ problem: null, tokenFile: 'unreadable', issue: 1 });
    expect(node.log.warnings.filter((event) => event === 'realm_file')).toHaveLength(2);
    node.files.closed.clear();
    node.files.content.set('plant.token', ' '.repeat(1 << 20));
    clock.advance(REALM_POLL_MS);
    expect(standing()).toMatchObject({ problem: null, tokenFile: 'unreadable', issue: 1 });
    node.give('plant', realm.issue('me'));
    clock.advance(REALM_POLL_MS);
    expect(standing()).toMatchObject({ problem: null, tokenFile: null, issue: 3 });
  });

  it('is given up when the file is taken away', () => {
    node.files.content.delete('plant.token');
    clock.advance(REALM_POLL_MS);
    expect(token()).toBeNull();
    expect(node.changes).toEqual(['plant']);
    expect(standing()).toMatchObject({ problem: 'missing', tokenFile: 'missing' });
    expect(node.log.warnings).toContain('realm_left');
  });

  it('stays in use until a new one has begun', () => {
    const ahead = new FakeClock();
    const same = new TestRealm(ahead);
    same.issue('me');
    ahead.advance(HOUR_MS);
    node.give('plant', same.issue('me'));
    clock.advance(REALM_POLL_MS);
    expect(token()?.issue).toBe(1);
    expect(standing()).toMatchObject({ problem: null, tokenFile: 'not_yet_valid' });
    clock.advance(HOUR_MS - MAX_CLOCK_SKEW_MS - REALM_POLL_MS - 1);
    expect([token()?.issue, node.changes]).toEqual([1, []]);
    clock.advance(1);
    expect([token()?.issue, node.changes]).toEqual([2, ['plant']]);
  });

  it('ends at its time, and listeners are told at that moment', () => {
    node.give('plant', realm.issue('me', { lifeMs: HOUR_MS + 1 }));
    clock.advance(REALM_POLL_MS);
    node.changes.length = 0;
    clock.advance(HOUR_MS - REALM_POLL_MS);
    expect([token()?.issue, node.changes]).toEqual([2, []]);
    clock.advance(1);
    expect([token(), node.changes]).toEqual([null, ['plant']]);
    expect(standing()).toMatchObject({ problem: 'expired', issue: 2 });
  });

  it('changes its secrets with the epochs, and listeners are told at those moments', () => {
    const brief = new TestRealm(clock, 'brief', '', HOUR_MS, HOUR_MS / 4);
    const member = new RealmNode('me', clock, [brief], (made) => made.give('brief', brief.issue('me')));
    const epochs = () => member.realms.get('brief')!.secrets.map(({ epoch }) => epoch);
    clock.advance(HOUR_MS * 0.8);
    member.give('brief', brief.issue('me'));
    clock.advance(HOUR_MS * 0.2 - 1);
    member.changes.length = 0;
    expect(epochs()).toEqual([0]);
    clock.advance(1);
    expect([epochs(), member.changes]).toEqual([[1, 0], ['brief']]);
    clock.advance(HOUR_MS / 4 - 1);
    expect(member.changes).toEqual(['brief']);
    clock.advance(1);
    expect([epochs(), member.changes]).toEqual([[1], ['brief', 'brief']]);
  });
});

describe('a node', () => {
  it('keeps its realms apart', () => {
    const other = new TestRealm(clock, 'other');
    const both = new RealmNode('me', clock, [realm, other], (made) =>
      made.give('plant', realm.issue('me')).give('other', other.issue('me')),
    );
    both.realms.learnRevocations('other', other.revoke({ peerId: 'me' }).bytes);
    expect(both.changes).toEqual(['other']);
    expect(both.realms.list().map(({ name, token: own }) => [name, own === null])).toEqual([
      ['plant', false],
      ['other', true],
    ]);
  });

  it('has nothing left to do once it has stopped, and can be started again', () => {
    node.realms.start();
    node.realms.stop();
    node.realms.stop();
    expect(clock.pending).toBe(0);
    node.give('plant', realm.issue('me'));
    clock.advance(DAY_MS);
    expect(token()?.issue).toBe(1);
    node.realms.start();
    clock.advance(REALM_POLL_MS);
    expect(token()?.issue).toBe(2);
  });

  it('tells nobody who no longer listens', () => {
    const heard: string[] = [];
    const stop = node.realms.onChange((name) => heard.push(name));
    node.realms.learnRevocations('plant', realm.revoke(null).bytes);
    stop();
    node.realms.learnRevocations('plant', realm.revoke(null).bytes);
    expect(heard).toEqual(['plant']);
  });

  it('is not made with an authority key that is none', () => {
    const entry = { ...realm.entry({ tokenFile: null, revocationsFile: null }), authorityKey: 'short' };
    const make = () =>
      new NodeRealms({
        realms: [entry],
        directory: '/data/realms',
        peerId: 'me',
        clock,
        files: new MemoryFiles(),
        log: new EventLog(),
      });
    expect(make).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it('needs no token to check those of others', () => {
    const clockOnly = new RealmNode('me', clock, [realm]);
    expect(clockOnly.realms.check(realm.issue('other').token.bytes, 'other')).toMatchObject({ peerId: 'other' });
    expect(clockOnly.realms.get('plant')).toMatchObject({ token: null, secrets: [] });
    expect(clockOnly.log.warnings).toEqual(['realm_file', 'realm_file']);
  });
});
