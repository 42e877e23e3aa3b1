import { PlexusError } from '@plexus/protocol';
import type { Directory, DirectoryKey, DirectoryStatus, PeerTarget } from '../ports.ts';
import type { Random } from '../random.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import type { DirectoryFigures } from './directory-figures.ts';
import type { DirectoryModel } from './directory-model.ts';
import { DirectoryWalk, type WalkQuestion } from './directory-walk.ts';
import { type Contact, type Place, RoutingTable } from './routing-table.ts';

/** Where a node joins the directory. */
export interface MemberPlace {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly process: VirtualProcess;
  /** Nodes of the directory that it is told of. */
  readonly bootstrap: readonly string[];
}

interface Record {
  readonly target: PeerTarget;
  until: number;
}

/** One node of the directory, for one life: what it knows and keeps dies with it. */
export class DirectoryMember implements Directory, Contact {
  readonly peerId: string;
  readonly place: Place;
  readonly table: RoutingTable;
  readonly process: VirtualProcess;
  readonly figures: DirectoryFigures;
  readonly #model: DirectoryModel;
  readonly #where: MemberPlace;
  readonly #random: Random;
  /** Asks for nodes, not for records. */
  readonly #neighbours: WalkQuestion;
  /** By key, then by peer id. */
  readonly #records = new Map<string, Map<string, Record>>();
  /** Peers with a connection, least recently used first. */
  readonly #connections = new Set<string>();
  #ended = false;

  constructor(model: DirectoryModel, where: MemberPlace, place: Place, random: Random) {
    this.#model = model;
    this.#where = where;
    this.#random = random;
    this.peerId = where.peerId;
    this.place = place;
    this.process = where.process;
    this.figures = model.figures;
    this.#neighbours = { requestBytes: this.figures.requestBytes, answered: () => 0 };
    this.table = new RoutingTable(this.figures.k, this.figures.bucketBits);
  }

  /** Looks for its neighbours, and does so again and again. */
  start(): void {
    this.#later(0, () => this.#meetBootstrap());
    this.#again(this.figures.selfMs, () => this.#lookAround());
    this.#again(this.figures.refreshMs, () => this.#refresh());
  }

  end(): void {
    this.#ended = true;
  }

  // ---- Directory

  provide(key: DirectoryKey, signal: AbortSignal): Promise<number> {
    const [text, place] = [textOf(key), placeOf(key)];
    this.#model.counts.provides++;
    return this.#walk(place, this.#neighbours, signal, (walk, resolve, reject) => {
      const nearest = walk.nearest();
      let [left, kept] = [nearest.length, 0];
      if (left === 0) reject(new PlexusError('directory_unreachable', {}));
      const bytes = this.figures.requestBytes + this.figures.peerBytes;
      for (const contact of nearest) {
        this.request(contact, bytes, (asked) => {
          asked?.keep(text, this.#target);
          if (asked !== null) kept++;
          if (--left === 0 && kept > 0) resolve(kept);
          else if (left === 0) reject(new PlexusError('directory_unreachable', {}));
          return 0;
        });
      }
    });
  }

  find(key: DirectoryKey, found: (target: PeerTarget) => void, signal: AbortSignal): Promise<void> {
    const text = textOf(key);
    const told = new Set([this.peerId]);
    const tell = (targets: readonly PeerTarget[]): number => {
      for (const target of targets) {
        if (told.has(target.peerId!) || signal.aborted) continue;
        told.add(target.peerId!);
        found(target);
      }
      return targets.length;
    };
    const { requestBytes } = this.figures;
    const question: WalkQuestion = { requestBytes, answered: (asked) => tell(asked.recordsUnder(text)) };
    this.#model.counts.finds++;
    tell(this.recordsUnder(text));
    return this.#walk(placeOf(key), question, signal, (walk, resolve, reject) => {
      if (walk.responded.length > 0) resolve();
      else reject(new PlexusError('directory_unreachable', {}));
    });
  }

  status(): DirectoryStatus {
    let records = 0;
    for (const byPeer of this.#records.values()) records += byPeer.size;
    return { mode: 'server', peers: this.table.size, records };
  }

  // ---- what others ask

  keep(key: string, target: PeerTarget): void {
    let byPeer = this.#records.get(key);
    if (byPeer === undefined) {
      byPeer = new Map();
      this.#records.set(key, byPeer);
    }
    // The oldest is the first.
    byPeer.delete(target.peerId!);
    byPeer.set(target.peerId!, { target, until: this.#model.time.now + this.figures.recordMs });
    for (const oldest of byPeer.keys()) {
      if (byPeer.size <= this.figures.maxPerKey) break;
      byPeer.delete(oldest);
    }
  }

  recordsUnder(key: string): PeerTarget[] {
    const byPeer = this.#records.get(key);
    if (byPeer === undefined) return [];
    const { now } = this.#model.time;
    for (const [peerId, { until }] of byPeer) if (until <= now) byPeer.delete(peerId);
    if (byPeer.size === 0) this.#records.delete(key);
    return [...byPeer.values()].map(({ target }) => target);
  }

  knows(contact: Contact): void {
    this.table.add(contact, (old) => this.#model.isThere(old.peerId));
  }

  // ---- what it asks

  /**
   * One request; both ends know each other afterwards.
   * @param answer with null: nobody answers; else with the node that does, while it does. Returns how many peers it names
   */
  request(to: Contact, bytes: number, answer: (asked: DirectoryMember | null) => number): void {
    const { figures } = this;
    const roundTripMs = this.#model.roundTripMs(this.#random);
    const dials = !this.#connections.has(to.peerId);
    const state = this.#random.chance(figures.loss) ? 'silent' : this.#model.reach(this.peerId, to.peerId);
    const dialMs = dials ? roundTripMs * figures.dialRoundTrips + this.#random.around(figures.dialMs) : 0;
    if (state !== 'answers')
      this.#later(state === 'refuses' ? roundTripMs : figures.timeoutMs, () => this.#failed(to, answer));
    else {
      if (dials) this.#model.sent(this.peerId, to.peerId, figures.dialBytes, figures.dialBytes);
      this.#connected(to.peerId);
      const ms = dialMs + roundTripMs + this.#random.around(figures.handlingMs);
      this.#later(ms, () => this.#answered(to, bytes, answer));
    }
  }

  #answered(to: Contact, bytes: number, answer: (asked: DirectoryMember | null) => number): void {
    const asked = this.#model.member(to.peerId);
    if (asked === null) {
      this.#failed(to, answer);
      return;
    }
    this.knows(asked);
    asked.knows(this);
    asked.#connected(this.peerId);
    const named = answer(asked);
    this.#model.counts.requests++;
    this.#model.sent(this.peerId, to.peerId, bytes, this.figures.answerBytes + named * this.figures.peerBytes);
  }

  #failed(to: Contact, answer: (asked: null) => number): void {
    this.#connections.delete(to.peerId);
    this.table.remove(to);
    answer(null);
  }

  get #target(): PeerTarget {
    return { peerId: this.peerId, addresses: this.#where.addresses };
  }

  #connected(peerId: string): void {
    this.#connections.delete(peerId);
    this.#connections.add(peerId);
    if (this.#connections.size <= this.figures.connections) return;
    for (const oldest of this.#connections) {
      this.#connections.delete(oldest);
      break;
    }
  }

  #walk<T>(
    place: Place,
    question: WalkQuestion,
    signal: AbortSignal,
    end: (walk: DirectoryWalk, resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const walk = new DirectoryWalk(this, place, question, () => {
        this.#model.walked(walk);
        end(walk, resolve, reject);
      });
      const abort = (): void => {
        walk.end();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) reject(signal.reason);
      else this.#later(0, () => walk.begin());
    });
  }

  /** Whenever nobody else is known. */
  #meetBootstrap(): void {
    if (this.table.size === 0) {
      let met = false;
      for (const peerId of this.#where.bootstrap) {
        if (peerId === this.peerId) continue;
        this.request({ peerId, place: this.#model.placeOfPeer(peerId) }, this.figures.requestBytes, (asked) => {
          if (asked !== null && !met) this.#later(0, () => this.#lookAround());
          met ||= asked !== null;
          return 0;
        });
      }
    }
    this.#later(this.figures.joinMs, () => this.#meetBootstrap());
  }

  #lookAround(): void {
    new DirectoryWalk(this, this.place, this.#neighbours, () => {}).begin();
  }

  /** Looks for somebody in each part of the tree where there is anybody. */
  #refresh(): void {
    const places: Place[] = [];
    const most = this.table.mostCommonBits(this.place);
    for (let bits = 0; bits <= most && bits < 32; bits++) {
      // The next bit differs, and what follows is anything.
      const own = this.place ^ (1 << (31 - bits));
      const anything = this.#random.word() & (bits === 31 ? 0 : 0xffffffff >>> (bits + 1));
      places.push((((own >>> (31 - bits)) << (31 - bits)) | anything) >>> 0);
    }
    for (const place of places) new DirectoryWalk(this, place, this.#neighbours, () => {}).begin();
  }

  /** First after a part of the time, so that not all nodes do it at once. */
  #again(everyMs: number, fn: () => void): void {
    const next = (): void => {
      fn();
      this.#later(everyMs, next);
    };
    this.#later(this.#random.between(0, everyMs), next);
  }

  #later(ms: number, fn: () => void): void {
    this.#model.time.after(ms, () => {
      if (!this.#ended) this.process.input(fn);
    });
  }
}

const textOf = (key: DirectoryKey): string => Buffer.from(key).toString('latin1');
const placeOf = (key: DirectoryKey): Place => Buffer.from(key).readUInt32BE(0);
