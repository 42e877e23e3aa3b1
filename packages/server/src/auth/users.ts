import { createHmac } from 'node:crypto';
import { verifyPassword } from '../lib/password.ts';
import { randomId } from '../lib/random.ts';

/** Realm of connections without credentials. */
export const DEFAULT_REALM = 'default';

export interface User {
  readonly name: string;
  /** As `plexus passwd` makes it. */
  readonly passwordHash: string;
  readonly realm: string;
}

interface Identity {
  readonly realm: string;
  readonly username: string | null;
}

/** Who may connect, and to which realm: the `users` table of the configuration, and anonymous clients if allowed. */
export class Users {
  readonly #users: ReadonlyMap<string, User>;
  readonly #allowAnonymous: boolean;
  readonly #decoyHash: string;
  /** Under it passwords are remembered: it never leaves the process. */
  readonly #memoryKey = randomId(32);
  /** By user name: the password that was right last, as an HMAC, so that a fleet with one user reconnects in no time. */
  readonly #right = new Map<string, string>();
  /** By user name and password: checks under way, which others with the same credentials join. */
  readonly #checking = new Map<string, Promise<boolean>>();

  constructor(users: readonly User[], allowAnonymous: boolean) {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#allowAnonymous = allowAnonymous;
    this.#decoyHash = users[0]?.passwordHash ?? '';
  }

  /**
   * @returns the identity, or why not: `bad_credentials` for an unknown user or a wrong password, `not_authorized` for an
   * anonymous client that is not wanted
   */
  authenticate(
    username: string | null,
    password: Uint8Array | null,
  ): Identity | 'bad_credentials' | 'not_authorized' | Promise<Identity | 'bad_credentials'> {
    if (username === null || this.#users.size === 0) {
      // With no users configured a name proves nothing: such a client is as anonymous as any.
      return this.#allowAnonymous ? { realm: DEFAULT_REALM, username } : 'not_authorized';
    }
    return this.#verify(username, password ?? new Uint8Array(0));
  }

  async #verify(username: string, password: Uint8Array): Promise<Identity | 'bad_credentials'> {
    const user = this.#users.get(username);
    const memory = createHmac('sha256', this.#memoryKey).update(`${username}\0`).update(password).digest('hex');
    if (user !== undefined && this.#right.get(username) === memory) return { realm: user.realm, username };
    let check = this.#checking.get(memory);
    if (check === undefined) {
      // An unknown name costs as much as a wrong password, so that time does not tell which names exist.
      check = verifyPassword(password, user?.passwordHash ?? this.#decoyHash);
      this.#checking.set(memory, check);
      check.finally(() => this.#checking.delete(memory)).catch(() => {});
    }
    if (!(await check) || user === undefined) return 'bad_credentials';
    this.#right.set(username, memory);
    return { realm: user.realm, username };
  }
}
