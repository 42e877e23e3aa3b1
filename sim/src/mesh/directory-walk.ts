import type { DirectoryMember } from './directory-member.ts';
import { type Contact, distance, type Place } from './routing-table.ts';

/** What a node that is asked does, and how many bytes the question has. */
export interface WalkQuestion {
  readonly requestBytes: number;
  /** Hears each answer. @returns how many peers it has beside the nodes that are nearer */
  answered(asked: DirectoryMember): number;
}

/** One of several ways through the directory. */
interface Path {
  /** Not yet asked, nearest first. */
  waiting: { readonly contact: Contact; readonly hop: number }[];
  /** Distances of the nearest that have answered, nearest first. */
  readonly nearest: number[];
  asking: number;
}

/**
 * A search through the directory for the nodes nearest to a place, as kad-dht does it: begins with the nearest that are known, and goes on with
 * whom each names, if they are nearer than whoever named them; a path is at its end when nobody is left who is nearer than the `k` nearest on it.
 */
export class DirectoryWalk {
  /** Who has answered. */
  readonly responded: Contact[] = [];
  /** Longest chain of nodes that named each other. */
  hops = 0;
  /** Requests that nobody answered. */
  failed = 0;
  readonly #from: DirectoryMember;
  readonly #to: Place;
  readonly #question: WalkQuestion;
  readonly #done: () => void;
  readonly #seen = new Set<string>();
  readonly #paths: Path[] = [];
  #over = false;

  /** @param done called once, unless the node ends before */
  constructor(from: DirectoryMember, to: Place, question: WalkQuestion, done: () => void) {
    this.#from = from;
    this.#to = to;
    this.#question = question;
    this.#done = done;
    this.#seen.add(from.peerId);
  }

  begin(): void {
    const { table, figures, peerId } = this.#from;
    for (let i = 0; i < figures.paths; i++) this.#paths.push({ waiting: [], nearest: [], asking: 0 });
    const known = table.closest(this.#to, figures.k, peerId);
    for (const [i, contact] of known.entries()) this.#add(this.#paths[i % figures.paths]!, contact, 1);
    this.#next();
  }

  /** Nobody wants to know any more. */
  end(): void {
    this.#over = true;
  }

  /** The nearest of those who answered, nearest first. */
  nearest(): Contact[] {
    this.responded.sort((a, b) => distance(a.place, this.#to) - distance(b.place, this.#to));
    return this.responded.slice(0, this.#from.figures.k);
  }

  #add(path: Path, contact: Contact, hop: number): void {
    if (this.#seen.has(contact.peerId)) return;
    this.#seen.add(contact.peerId);
    const away = distance(contact.place, this.#to);
    const at = path.waiting.findLastIndex((other) => distance(other.contact.place, this.#to) <= away);
    path.waiting.splice(at + 1, 0, { contact, hop });
  }

  #next(): void {
    const { figures } = this.#from;
    let asking = 0;
    for (const path of this.#paths) {
      while (path.asking < figures.perPath && path.waiting.length > 0) {
        const { contact, hop } = path.waiting.shift()!;
        if (!this.#counts(path, contact)) continue;
        path.asking++;
        this.hops = Math.max(this.hops, hop);
        this.#from.request(contact, this.#question.requestBytes, (asked) => this.#answer(path, contact, hop, asked));
      }
      asking += path.asking;
    }
    if (asking > 0 || this.#over) return;
    this.#over = true;
    this.#done();
  }

  #counts({ nearest }: Path, { place }: Contact): boolean {
    return nearest.length < this.#from.figures.k || distance(place, this.#to) < nearest.at(-1)!;
  }

  /** @returns how many peers the answer names */
  #answer(path: Path, contact: Contact, hop: number, asked: DirectoryMember | null): number {
    path.asking--;
    if (this.#over) return 0;
    let named = 0;
    if (asked === null) this.failed++;
    else {
      const { k } = this.#from.figures;
      this.responded.push(contact);
      const own = distance(contact.place, this.#to);
      path.nearest.push(own);
      path.nearest.sort((a, b) => a - b);
      if (path.nearest.length > k) path.nearest.pop();
      const nearer = asked.table.closest(this.#to, k, this.#from.peerId);
      named = this.#question.answered(asked) + nearer.length;
      for (const each of nearer) {
        if (distance(each.place, this.#to) < own && this.#counts(path, each)) this.#add(path, each, hop + 1);
      }
    }
    this.#next();
    return named;
  }
}
