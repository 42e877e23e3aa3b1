import { join } from 'node:path';
import type { EpochSecret, RealmToken, TokenProblem } from './federated-realm.ts';
import type { KnownTokens } from './known-tokens.ts';
import { hasItsSecrets, type NodeRealm } from './node-realm.ts';
import {
  MAX_REVOCATIONS_FILE_BYTES,
  MAX_TOKEN_FILE_BYTES,
  readRevocationsDocument,
  readTokenDocument,
  revocationsDocument,
} from './realm-documents.ts';
import type { RealmFiles } from './realm-files.ts';
import { RevocationList } from './revocation-list.ts';
import { type FileContent, WatchedFile } from './watched-file.ts';

/** Why there is nothing of use in a file. */
export type FileProblem = TokenProblem | 'missing' | 'unreadable';

export interface RealmLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** A federated realm in the configuration. */
export interface RealmEntry {
  readonly name: string;
  readonly authorityKey: string;
  /** null: the node has no token, and only checks those of others. */
  readonly tokenFile: string | null;
  /** Where the operator puts lists of revocations. They come over links too. */
  readonly revocationsFile: string | null;
}

/** How a realm stands, for readiness, metrics and the admin API. */
export interface RealmProblem {
  readonly realm: string;
  readonly authorityKey: string;
  /** Why this node takes no part; null: it does. */
  readonly problem: FileProblem | null;
  /** What is wrong with the token file as it is now; the token before may still be in use. */
  readonly tokenFile: FileProblem | null;
  /** What is wrong with the file of revocations. */
  readonly revocationsFile: FileProblem | null;
  /** Of the token in use, or else of the last that was. */
  readonly issue: number | null;
  readonly issuedAtMs: number | null;
  readonly notAfterMs: number | null;
  /** The newest list. */
  readonly revocations: { readonly number: number; readonly issuedAtMs: number; readonly notAfterMs: number } | null;
}

interface KeptParts {
  readonly peerId: string;
  readonly directory: string;
  readonly known: KnownTokens;
  readonly files: RealmFiles;
  readonly log: RealmLog;
}

/** A realm with its files; `look` reads them. */
export class KeptRealm {
  readonly realm: NodeRealm;
  readonly #parts: KeptParts;
  readonly #tokenFile: WatchedFile | null;
  readonly #revocationsFile: WatchedFile | null;
  /** Where the newest list is kept, so that a start does not forget that there are revocations. */
  readonly #listPath: string;
  #tokenProblem: FileProblem | null = 'missing';
  #revocationsProblem: FileProblem | null = null;
  // How it was at the last `hasChanged`.
  #token: RealmToken | null = null;
  #secrets: readonly EpochSecret[];
  #list: RevocationList | null = null;
  #isStale = false;

  constructor(realm: NodeRealm, entry: RealmEntry, parts: KeptParts) {
    const { files, directory } = parts;
    const { tokenFile, revocationsFile, name, authorityKey } = entry;
    this.realm = realm;
    this.#parts = parts;
    this.#tokenFile = tokenFile === null ? null : new WatchedFile(tokenFile, MAX_TOKEN_FILE_BYTES, files);
    this.#revocationsFile =
      revocationsFile === null ? null : new WatchedFile(revocationsFile, MAX_REVOCATIONS_FILE_BYTES, files);
    // Another authority is another realm.
    this.#listPath = join(directory, `${name}.${authorityKey}.list`);
    this.#secrets = realm.secrets;
    this.#recall();
  }

  get standing(): RealmProblem {
    const { name, authorityKey, token, newest, list } = this.realm;
    const shown = token ?? newest;
    const ofNewest = newest === null ? null : this.realm.problem(newest);
    return {
      realm: name,
      authorityKey,
      problem: token === null ? (ofNewest ?? this.#tokenProblem) : this.realm.problem(token),
      tokenFile: this.#tokenProblem ?? ofNewest,
      revocationsFile: this.#revocationsProblem,
      issue: shown?.issue ?? null,
      issuedAtMs: shown?.issuedAtMs ?? null,
      notAfterMs: shown?.notAfterMs ?? null,
      revocations: list && { number: list.number, issuedAtMs: list.issuedAtMs, notAfterMs: list.notAfterMs },
    };
  }

  /** Takes over what has changed in the files. What is bad in them leaves everything as it was; a token that is gone is given up. */
  look(): void {
    const token = this.#tokenFile?.look() ?? null;
    if (token !== null) {
      this.#tokenProblem = this.#takeToken(token);
      this.#warn(this.#tokenFile!.path, this.standing.tokenFile, token);
    }
    const list = this.#revocationsFile?.look() ?? null;
    if (list !== null) {
      this.#revocationsProblem = 'text' in list ? this.#takeList(list.text) : list.problem;
      this.#warn(this.#revocationsFile!.path, this.#revocationsProblem, list);
    }
  }

  /** A list as it travels, or why it is none of this realm. */
  readList(bytes: Uint8Array | null): RevocationList | 'malformed' | 'foreign_realm' | 'forged' {
    const list = bytes === null ? null : RevocationList.parse(bytes);
    if (list === null) return 'malformed';
    const { name, authorityKey, publicKey } = this.realm;
    if (list.realm !== name || list.authorityKey !== authorityKey) return 'foreign_realm';
    return list.isSignedBy(publicKey) ? list : 'forged';
  }

  /** A list that `readList` returned. @returns whether it is newer than the one before */
  learn(list: RevocationList): boolean {
    if (!this.realm.learn(list)) return false;
    const { files, log } = this.#parts;
    const details = { realm: this.realm.name, number: list.number, notAfterMs: list.notAfterMs };
    log.info({ event: 'realm_revocations', ...details }, 'there is a newer list of revocations');
    try {
      files.replace(this.#listPath, revocationsDocument(list.bytes));
    } catch (err) {
      log.warn({ event: 'realm_revocations_not_kept', ...details, err }, 'the list of revocations cannot be kept');
    }
    return true;
  }

  /** Whether anything is not as it was at the last call that returned true. */
  hasChanged(nowMs: number): boolean {
    const { token, secrets, list } = this.realm;
    const isStale = list?.isStale(nowMs) ?? false;
    const before = this.#token;
    if (token === before && secrets === this.#secrets && list === this.#list && isStale === this.#isStale) return false;
    this.#token = token;
    this.#secrets = secrets;
    this.#list = list;
    this.#isStale = isStale;
    if (token !== before) this.#say(token);
    return true;
  }

  #say(token: RealmToken | null): void {
    const { log } = this.#parts;
    const realm = this.realm.name;
    if (token === null) {
      const { problem } = this.standing;
      log.warn(
        { event: 'realm_left', realm, problem },
        'the token no longer holds; this node takes no part in the realm',
      );
    } else {
      const { issue, notAfterMs } = token;
      log.info({ event: 'realm_joined', realm, issue, notAfterMs }, 'this node has a token of the realm');
    }
  }

  #takeToken(content: FileContent): FileProblem | null {
    if ('problem' in content) {
      // Somebody has taken it away.
      if (content.problem === 'missing') this.realm.give(null);
      return content.problem;
    }
    const document = readTokenDocument(content.text);
    if (document === null) return 'malformed';
    const { known, peerId } = this.#parts;
    const token = known.read(document.bytes);
    if (typeof token === 'string') return token;
    if (token.realm !== this.realm.name) return 'foreign_realm';
    if (token.peerId !== peerId) return 'stolen';
    const own = { token, secrets: document.secrets };
    if (!hasItsSecrets(own)) return 'malformed';
    this.realm.give(own);
    return null;
  }

  #takeList(text: string): FileProblem | null {
    const list = this.readList(readRevocationsDocument(text));
    if (typeof list === 'string') return list;
    // Also one that is past its age: it says that there should be a newer one.
    this.learn(list);
    return null;
  }

  #recall(): void {
    const { files, log } = this.#parts;
    const content = new WatchedFile(this.#listPath, MAX_REVOCATIONS_FILE_BYTES, files).look()!;
    if ('problem' in content && content.problem === 'missing') return;
    const list = 'text' in content ? this.readList(readRevocationsDocument(content.text)) : content.problem;
    if (typeof list !== 'string') this.realm.learn(list);
    else {
      const details = { event: 'realm_revocations_lost', realm: this.realm.name, file: this.#listPath, problem: list };
      log.warn(details, 'the list of revocations that was kept is damaged');
    }
  }

  #warn(file: string, problem: FileProblem | null, content: FileContent): void {
    if (problem === null) return;
    const reason = 'reason' in content ? content.reason : null;
    const details = { event: 'realm_file', realm: this.realm.name, file, problem, reason };
    this.#parts.log.warn(details, 'a file of a federated realm is of no use as it is');
  }
}
