import { createHash } from 'node:crypto';
import type { Weather } from '../network-path.ts';
import type { Random } from '../random.ts';
import type { VirtualTime } from '../virtual-time.ts';
import { DIRECTORY_FIGURES, type DirectoryFigures } from './directory-figures.ts';
import { DirectoryMember, type MemberPlace } from './directory-member.ts';
import type { DirectoryWalk } from './directory-walk.ts';
import type { Place } from './routing-table.ts';

/** What becomes of a knock: somebody answers, the machine says that nobody is there, or nothing comes back. */
export type Reach = 'answers' | 'refuses' | 'silent';

export interface DirectoryModelParts {
  readonly time: VirtualTime;
  readonly random: Random;
  /** Between any two nodes. */
  readonly weather: Weather;
  readonly reach: (from: string, to: string) => Reach;
  readonly figures?: DirectoryFigures;
}

/** What the whole directory has done. */
export interface DirectoryCounts {
  provides: number;
  finds: number;
  /** That were answered. */
  requests: number;
  walks: number;
  /** Of all walks: longest chains, and nodes that answered, or did not. */
  hops: number;
  asked: number;
  failed: number;
}

/**
 * The directory of a world: a Kademlia DHT without its messages. Nodes, what each knows of the others, walks and records are as in
 * kad-dht; a request is one event, with a delay, a chance to be lost and a number of bytes.
 */
export class DirectoryModel {
  readonly time: VirtualTime;
  readonly figures: DirectoryFigures;
  readonly counts: DirectoryCounts = { provides: 0, finds: 0, requests: 0, walks: 0, hops: 0, asked: 0, failed: 0 };
  /** Bytes that each node has sent, over all of its lives. */
  readonly bytesSent = new Map<string, number>();
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #reach: (from: string, to: string) => Reach;
  readonly #members = new Map<string, DirectoryMember>();
  readonly #places = new Map<string, Place>();
  #lives = 0;

  constructor({ time, random, weather, reach, figures = DIRECTORY_FIGURES }: DirectoryModelParts) {
    this.time = time;
    this.figures = figures;
    this.#random = random;
    this.#weather = weather;
    this.#reach = reach;
  }

  /** A life of a node begins. */
  join(where: MemberPlace): DirectoryMember {
    this.leave(where.peerId);
    const random = this.#random.fork(`${where.peerId} ${++this.#lives}`);
    const member = new DirectoryMember(this, where, this.placeOfPeer(where.peerId), random);
    this.#members.set(where.peerId, member);
    member.start();
    return member;
  }

  /** It ends, and its records are gone. */
  leave(peerId: string): void {
    this.#members.get(peerId)?.end();
    this.#members.delete(peerId);
  }

  get bytes(): number {
    let bytes = 0;
    for (const each of this.bytesSent.values()) bytes += each;
    return bytes;
  }

  // ---- for its members

  member(peerId: string): DirectoryMember | null {
    const member = this.#members.get(peerId);
    return member === undefined || member.process.state !== 'running' ? null : member;
  }

  isThere(peerId: string): boolean {
    return this.member(peerId) !== null;
  }

  reach(from: string, to: string): Reach {
    return this.#reach(from, to);
  }

  placeOfPeer(peerId: string): Place {
    let place = this.#places.get(peerId);
    if (place === undefined) {
      place = createHash('sha256').update(peerId).digest().readUInt32BE(0);
      this.#places.set(peerId, place);
    }
    return place;
  }

  roundTripMs(random: Random): number {
    const { delayMs, jitterMs } = this.#weather;
    return 2 * delayMs + random.around(jitterMs) + random.around(jitterMs);
  }

  sent(from: string, to: string, there: number, back: number): void {
    this.bytesSent.set(from, (this.bytesSent.get(from) ?? 0) + there);
    this.bytesSent.set(to, (this.bytesSent.get(to) ?? 0) + back);
  }

  walked(walk: DirectoryWalk): void {
    this.counts.walks++;
    this.counts.hops += walk.hops;
    this.counts.asked += walk.responded.length;
    this.counts.failed += walk.failed;
  }
}
