import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { changeAuthorityFile, createAuthorityFile } from './authority-file.ts';
import { describeDocument } from './describe-document.ts';
import { RealmAuthority, RealmError } from './realm-authority.ts';
import { systemRealmFiles } from './realm-files.ts';
import { MAX_REVOCATIONS_BYTES } from './revocation-list.ts';
import { DAY_MS, HOUR_MS, TestRealm } from './testing/test-realm.ts';
import { WatchedFile } from './watched-file.ts';

let clock: FakeClock;
let realm: TestRealm;
let dir: string;
beforeEach(() => {
  clock = new FakeClock();
  realm = new TestRealm(clock);
  dir = mkdtempSync(join(tmpdir(), 'plexus-authority-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('an authority', () => {
  it('is the same after it was kept', () => {
    realm.issue('one');
    realm.revoke({ peerId: 'one' });
    const again = RealmAuthority.parse(realm.authority.document())!;
    expect(again.document()).toBe(realm.authority.document());
    const request = { peerId: 'two', rights: { subscribe: [], publish: ['#'] }, lifeMs: DAY_MS, cluster: null };
    expect(again.issue(request, clock.wallMs())).toEqual(realm.authority.issue(request, clock.wallMs()));
    expect(again.revoke(null, DAY_MS, clock.wallMs()).bytes).toEqual(realm.revoke(null, DAY_MS).bytes);
  });

  it('is refused if anything in its file is damaged', () => {
    const document = JSON.parse(realm.authority.document()) as Record<string, unknown>;
    for (const key of Object.keys(document)) {
      expect(RealmAuthority.parse(JSON.stringify({ ...document, [key]: null })), key).toBeNull();
    }
    const keySeed = Buffer.alloc(32).toString('base64url');
    expect(RealmAuthority.parse(JSON.stringify({ ...document, keySeed }))).toBeNull();
    expect(RealmAuthority.parse(realm.authority.document().slice(0, -20))).toBeNull();
    expect(RealmAuthority.parse('[]')).toBeNull();
  });

  it('forgets what it revoked once every token that it is about has expired', () => {
    const { issue } = realm.issue('one').token;
    realm.issue('two', { lifeMs: HOUR_MS });
    realm.revoke({ issue });
    clock.advance(8 * DAY_MS);
    // Nodes whose clocks are behind may still take it for valid.
    expect(realm.revoke(null).issues).toEqual([issue]);
    realm.issue('three');
    expect(realm.revoke({ peerId: 'three' }).issues).toEqual([issue]);
    clock.advance(HOUR_MS);
    const list = realm.revoke(null);
    expect([list.number, list.issues, list.peers]).toEqual([4, [], [{ peerId: 'three', upToIssue: 3 }]]);
  });

  it('revokes a peer anew, with what it was given since', () => {
    realm.issue('one');
    realm.revoke({ peerId: 'one' });
    realm.issue('one');
    expect(realm.revoke({ peerId: 'one' }).peers).toEqual([{ peerId: 'one', upToIssue: 2 }]);
  });

  it('makes no list that would not fit into a frame', () => {
    const peers = Array.from({ length: 1200 }, (_, i) => `12D3KooW${String(i).padStart(44, 'x')}`);
    let made = 0;
    const fill = () => {
      for (const peerId of peers) {
        realm.issue(peerId);
        expect(realm.revoke({ peerId }).bytes.length).toBeLessThanOrEqual(MAX_REVOCATIONS_BYTES);
        made++;
      }
    };
    expect(fill).toThrow(RealmError);
    expect(made).toBeGreaterThan(800);
    expect(realm.authority.lastList).toBe(made);
  });
});

describe('the file of an authority', () => {
  const path = (): string => join(dir, 'authority');

  it("is its owner's, is never written over, and changes as a whole", () => {
    expect(createAuthorityFile(path(), realm.authority)).toBe(true);
    expect(createAuthorityFile(path(), realm.authority)).toBe(false);
    const issue = (authority: RealmAuthority) =>
      authority.issue(
        { peerId: 'x', rights: { subscribe: [], publish: [] }, lifeMs: 1000, cluster: null },
        clock.wallMs(),
      );
    expect(changeAuthorityFile(path(), issue).token.issue).toBe(1);
    expect(changeAuthorityFile(path(), issue).token.issue).toBe(2);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['authority']);
  });

  it('stays as it was if the change fails', () => {
    createAuthorityFile(path(), realm.authority);
    const before = readFileSync(path(), 'utf8');
    expect(() => changeAuthorityFile(path(), (authority) => authority.revoke({ issue: 9 }, DAY_MS, 0))).toThrow(
      RealmError,
    );
    expect(readFileSync(path(), 'utf8')).toBe(before);
    expect(readdirSync(dir)).toEqual(['authority']);
  });

  it('is changed by one at a time', () => {
    createAuthorityFile(path(), realm.authority);
    const change = () => changeAuthorityFile(path(), () => changeAuthorityFile(path(), () => null));
    expect(change).toThrow(/in use by process/);
    expect(existsSync(`${path()}.lock`)).toBe(false);
  });

  it('is nothing else', () => {
    writeFileSync(path(), '{}');
    expect(() => changeAuthorityFile(path(), () => null)).toThrow(/no file of a realm's authority/);
    expect(() => changeAuthorityFile(dir, () => null)).toThrow(/is no file/);
  });
});

describe('a file that is watched', () => {
  const path = (): string => join(dir, 'token');

  it('is read when it was written over, renamed onto, or reached by another link', () => {
    const watched = new WatchedFile(path(), 100, systemRealmFiles);
    expect(watched.look()).toMatchObject({ problem: 'missing' });
    expect(watched.look()).toBeNull();
    writeFileSync(path(), 'one');
    expect(watched.look()).toEqual({ text: 'one' });
    writeFileSync(path(), 'two');
    expect(watched.look()).toEqual({ text: 'two' });
    systemRealmFiles.replace(path(), 'six');
    expect(watched.look()).toEqual({ text: 'six' });
    expect(watched.look()).toBeNull();
    rmSync(path());
    expect(watched.look()).toMatchObject({ problem: 'missing' });
    writeFileSync(join(dir, 'behind'), 'ten');
    symlinkSync('behind', path());
    expect(watched.look()).toEqual({ text: 'ten' });
    systemRealmFiles.replace(path(), 'new');
    expect(readFileSync(join(dir, 'behind'), 'utf8')).toBe('new');
    expect(watched.look()).toEqual({ text: 'new' });
  });

  it('that is too large, or is none, is not read', () => {
    const watched = new WatchedFile(path(), 100, systemRealmFiles);
    writeFileSync(path(), 'x'.repeat(101));
    expect(watched.look()).toMatchObject({ problem: 'unreadable', reason: expect.stringContaining('101 bytes') });
    expect(watched.look()).toBeNull();
    writeFileSync(path(), 'x'.repeat(100));
    expect(watched.look()).toEqual({ text: 'x'.repeat(100) });
    expect(new WatchedFile(dir, 100, systemRealmFiles).look()).toMatchObject({ problem: 'unreadable' });
  });

  it('leaves nothing behind when it cannot be replaced', () => {
    chmodSync(dir, 0o700);
    expect(() => systemRealmFiles.replace(dir, 'x')).toThrow();
    expect(readdirSync(dir)).toEqual([]);
    systemRealmFiles.replace(join(dir, 'realms', 'list'), 'x');
    expect(statSync(join(dir, 'realms')).mode & 0o777).toBe(0o700);
    expect(describeDocument('x', 0)).toBeNull();
  });
});
