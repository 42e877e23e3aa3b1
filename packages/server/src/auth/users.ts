import { createHmac } from 'node:crypto';
import { LimitedWork } from '../lib/limited-work.ts';
import { verifyPassword } from '../lib/password.ts';
import { randomId } from '../lib/random.ts';

/** Realm of connections without credentials. */
export const DEFAULT_REALM = 'default';

/** As many as Node has threads for such work by default. */
const CHECKS_AT_ONCE = 4;
/** At 60 ms each these take four seconds; who comes then is told to come again. */
const MAX_WAITING_CHECKS = 256;

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

/** A check of one name and password that one or more connections wait for. */
interface Check {
  readonly wanted: (() => boolean)[];
  readonly matches: Promise<boolean | 'full' | 'unwanted'>;
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
  /** By name and password: checks under way, which others with the same credentials join. */
  readonly #checks = new Map<string, Check>();
  readonly #work = new LimitedWork(CHECKS_AT_ONCE, MAX_WAITING_CHECKS);

  constructor(users: readonly User[], allowAnonymous: boolean) {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#allowAnonymous = allowAnonymous;
    this.#decoyHash = users[0]?.passwordHash ?? '';
  }

  /**
   * @param wanted whether the connection still waits: a check that nobody waits for any more is not made
   * @returns the identity, or why not: `bad_credentials` for an unknown user or a wrong password, `not_authorized` for an
   * anonymous client that is not wanted, `server_busy` when too many checks wait
   */
  authenticate(
    username: string | null,
    password: Uint8Array | null,
    wanted: () => boolean = () => true,
  ): Identity | 'not_authorized' | Promise<Identity | 'bad_credentials' | 'server_busy'> {
    if (username === null || this.#users.size === 0) {
      // With no users configured a name proves nothing: such a client is as anonymous as any.
      return this.#allowAnonymous ? { realm: DEFAULT_REALM, username } : 'not_authorized';
    }
    return this.#verify(username, password ?? new Uint8Array(0), wanted);
  }

  async #verify(
    username: string,
    password: Uint8Array,
    wanted: () => boolean,
  ): Promise<Identity | 'bad_credentials' | 'server_busy'> {
    const user = this.#users.get(username);
    const memory = createHmac('sha256', this.#memoryKey).update(`${username}\0`).update(password).digest('hex');
    if (user !== undefined && this.#right.get(username) === memory) return { realm: user.realm, username };
    const matches = await this.#check(memory, user, password, wanted);
    if (matches === 'full' || matches === 'unwanted') return 'server_busy';
    if (!matches || user === undefined) return 'bad_credentials';
    this.#right.set(username, memory);
    return { realm: user.realm, username };
  }

  #check(memory: string, user: User | undefined, password: Uint8Array, wanted: () => boolean): Check['matches'] {
    const known = this.#checks.get(memory);
    if (known !== undefined) {
      known.wanted.push(wanted);
      return known.matches;
    }
    const waiting = [wanted];
    // An unknown name costs as much as a wrong password, so that time does not tell which names exist.
    const hash = user?.passwordHash ?? this.#decoyHash;
    const matches = this.#work
      .run(
        () => verifyPassword(password, hash),
        () => waiting.some((isWanted) => isWanted()),
      )
      .finally(() => this.#checks.delete(memory));
    this.#checks.set(memory, { wanted: waiting, matches });
    return matches;
  }
}
