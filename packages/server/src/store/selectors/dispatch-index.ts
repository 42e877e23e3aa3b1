import { type EventFacts, JSON_TYPE } from '../event.ts';
import type { Selector } from '../selector.ts';
import { compileSelector, type EventTest } from './compile.ts';
import { Pattern } from './pattern.ts';
import { compilePayload, type DataTest } from './payload.ts';
import { PayloadIndex, payloadKeys } from './payload-index.ts';
import { valueAt } from './payload-path.ts';

/** Something that wants the events of one selector. */
export class Interest<T> {
  readonly selector: Selector;
  readonly owner: T;
  /** Exact, for those whose key in the index does not decide alone. */
  readonly test: EventTest;
  /** The same of the data, for a payload selector. */
  readonly dataTest: DataTest | null;
  /** Whether the key decides alone. */
  readonly decided: boolean;
  /** Which call of `match` has looked at it: several of its keys may fit one event. */
  seen = 0;

  constructor(selector: Selector, owner: T) {
    this.selector = selector;
    this.owner = owner;
    this.test = compileSelector(selector);
    this.dataTest = selector.kind === 'payload' ? compilePayload(selector.where) : null;
    this.decided = isDecidedByKey(selector);
  }
}

function isDecidedByKey(selector: Selector): boolean {
  switch (selector.kind) {
    case 'all':
    case 'stream':
    case 'type':
      return true;
    case 'pattern': {
      const { isExact, isPrefix } = new Pattern(selector.pattern);
      return isExact || isPrefix;
    }
    case 'tags':
      return selector.match === 'any' || selector.tags.length === 1;
    default:
      return false;
  }
}

type Bucket<T> = Map<string, Set<Interest<T>>>;

/**
 * Finds those who want an event without asking all of them: by stream, prefix of the stream, type, tag, or value at a path
 * of the data. Whoever has no such key is asked every time.
 */
export class DispatchIndex<T> {
  readonly #streams: Bucket<T> = new Map();
  /** By length of the prefix, then by prefix. */
  readonly #prefixes = new Map<number, Bucket<T>>();
  readonly #types: Bucket<T> = new Map();
  readonly #tags: Bucket<T> = new Map();
  readonly #payloads = new PayloadIndex<Interest<T>>();
  readonly #others = new Set<Interest<T>>();
  readonly #otherPayloads = new Set<Interest<T>>();
  #size = 0;
  #round = 0;

  get size(): number {
    return this.#size;
  }

  add(interest: Interest<T>): void {
    this.#size++;
    this.#eachPlace(interest, (bucket, key) => {
      const found = bucket.get(key);
      if (found === undefined) bucket.set(key, new Set([interest]));
      else found.add(interest);
    });
    const { selector } = interest;
    if (selector.kind === 'payload' && !this.#payloads.add(interest, payloadKeys(selector.where))) {
      this.#otherPayloads.add(interest);
    } else if (asksEveryTime(selector)) this.#others.add(interest);
  }

  remove(interest: Interest<T>): void {
    this.#size--;
    this.#eachPlace(interest, (bucket, key) => {
      const found = bucket.get(key);
      if (found?.delete(interest) === true && found.size === 0) bucket.delete(key);
    });
    const { selector } = interest;
    if (selector.kind === 'payload') this.#payloads.remove(interest, payloadKeys(selector.where));
    if (selector.kind === 'pattern') this.#forgetEmptyPrefixes(selector.pattern);
    this.#others.delete(interest);
    this.#otherPayloads.delete(interest);
  }

  /** Adds to `found` each one that wants `event`, once. */
  match(event: EventFacts, found: Interest<T>[]): void {
    if (this.#size === 0) return;
    this.#round++;
    if (this.#streams.size > 0) this.#take(this.#streams.get(event.stream), event, found);
    for (const [length, bucket] of this.#prefixes) {
      if (length <= event.stream.length) this.#take(bucket.get(event.stream.slice(0, length)), event, found);
    }
    if (this.#types.size > 0) this.#take(this.#types.get(event.type), event, found);
    if (this.#tags.size > 0) for (const tag of event.tags) this.#take(this.#tags.get(tag), event, found);
    this.#take(this.#others, event, found);
    if (event.contentType !== JSON_TYPE) return;
    for (const { path, byValue } of this.#payloads.paths()) {
      this.#takeData(byValue.get(valueAt(event.data, path)), event.data, found);
    }
    if (this.#otherPayloads.size > 0) this.#takeData(this.#otherPayloads, event.data, found);
  }

  #take(interests: ReadonlySet<Interest<T>> | undefined, event: EventFacts, found: Interest<T>[]): void {
    if (interests === undefined) return;
    for (const interest of interests) {
      if (interest.seen === this.#round) continue;
      interest.seen = this.#round;
      if (interest.decided || interest.test(event)) found.push(interest);
    }
  }

  /** Those that ask about nothing but the data. */
  #takeData(interests: ReadonlySet<Interest<T>> | undefined, data: unknown, found: Interest<T>[]): void {
    if (interests === undefined) return;
    for (const interest of interests) if (interest.dataTest!(data)) found.push(interest);
  }

  #eachPlace({ selector }: Interest<T>, visit: (bucket: Bucket<T>, key: string) => void): void {
    switch (selector.kind) {
      case 'stream':
        visit(this.#streams, selector.stream);
        return;
      case 'type':
        for (const type of selector.types) visit(this.#types, type);
        return;
      case 'pattern': {
        const { prefix, isExact } = new Pattern(selector.pattern);
        if (isExact) visit(this.#streams, prefix);
        else if (prefix !== '') visit(this.#prefixBucket(prefix.length), prefix);
        return;
      }
      case 'tags':
        // An event with all of the tags has the first.
        for (const tag of selector.match === 'any' ? selector.tags : selector.tags.slice(0, 1)) visit(this.#tags, tag);
        return;
      case 'query':
        for (const { types = [], tags = [] } of selector.query) {
          // A tag often stands for one thing among many, a type for a kind of thing.
          if (tags.length > 0) visit(this.#tags, tags[0]!);
          else for (const type of types) visit(this.#types, type);
        }
    }
  }

  #prefixBucket(length: number): Bucket<T> {
    let bucket = this.#prefixes.get(length);
    if (bucket === undefined) {
      bucket = new Map();
      this.#prefixes.set(length, bucket);
    }
    return bucket;
  }

  #forgetEmptyPrefixes(pattern: string): void {
    const { length } = new Pattern(pattern).prefix;
    if (this.#prefixes.get(length)?.size === 0) this.#prefixes.delete(length);
  }
}

/** Whether a selector gives the index nothing to look under. */
function asksEveryTime(selector: Selector): boolean {
  switch (selector.kind) {
    case 'all':
      return true;
    case 'pattern':
      return selector.pattern.startsWith('*');
    case 'query':
      return selector.query.some(({ types = [], tags = [] }) => types.length === 0 && tags.length === 0);
    default:
      return false;
  }
}
