import { PlexusError } from '@plexus/protocol';
import type { AppendResult, ExpectedVersion } from '../append.ts';
import type { Engine } from '../engine.ts';
import type { NewEvent, StoredEvent } from '../event.ts';
import { decodePage } from '../page.ts';
import type { EventFilter, Page, ReadRequest } from '../reads.ts';
import { SUBSCRIPTION_DEFAULTS, type SubscriptionDefinition } from '../subscription.ts';

/** An engine that a test works on, and what else can be done with it. */
export interface EngineUnderTest {
  readonly engine: Engine;
  /** Closes it and opens what it left behind; null: it leaves nothing. */
  readonly reopen: (() => Promise<Engine>) | null;
  /**
   * Opens what it has left behind if its process is killed now; absent or null: that cannot be done.
   * Calls `onLeft` at the moment of death: what is answered after it was not heard by anybody.
   */
  readonly crash?: ((onLeft?: () => void) => Promise<Engine>) | null;
  /** Kills one of its workers; absent or null: it has none. */
  readonly harm?: (() => Promise<void>) | null;
  /** Kills a worker of this role, whatever it has in hand; absent or null: it has none. */
  readonly strike?: ((role: 'writer' | 'reader') => Promise<void>) | null;
  /** Sets its wall clock; null: it goes by the system's. */
  readonly setWallMs: ((ms: number) => void) | null;
  /** Closes the engine and takes away what it kept. */
  close(): Promise<void>;
}

export type OpenEngine = () => Promise<EngineUnderTest>;

/** Runs `body` on a new engine. */
export async function onEngine<T>(
  open: OpenEngine,
  body: (engine: Engine, test: EngineUnderTest) => Promise<T>,
): Promise<T> {
  const test = await open();
  try {
    return await body(test.engine, test);
  } finally {
    await test.close();
  }
}

/** Appends to one stream. A text stands for an event of that type. */
export function append(
  engine: Engine,
  stream: string,
  events: readonly (NewEvent | string)[],
  expectedVersion: ExpectedVersion = 'any',
): Promise<AppendResult> {
  return engine.append({ writes: [{ stream, expectedVersion, events: events.map(asEvent) }] });
}

export const asEvent = (event: NewEvent | string): NewEvent => (typeof event === 'string' ? { type: event } : event);

/** What it was refused with: the code and the details. An error of any other kind is thrown. */
export async function refusal(
  answer: Promise<unknown>,
): Promise<{ readonly code: string; readonly [detail: string]: unknown }> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof PlexusError) return { code: error.code, ...error.details };
    throw error;
  }
  throw new Error('it was not refused');
}

/** A read with everything that is not given at its widest. */
export function readRequest(request: Partial<ReadRequest> = {}): ReadRequest {
  return {
    stream: null,
    filter: {},
    direction: 'forwards',
    from: null,
    limit: 1000,
    maxBytes: 1024 * 1024,
    form: 'frames',
    ...request,
  };
}

const MAX_PAGES = 100_000;

/** All pages of a read. */
export async function readPages(engine: Engine, request: Partial<ReadRequest> = {}): Promise<Page[]> {
  const pages: Page[] = [];
  const whole = readRequest(request);
  for (let from: number | null = whole.from; pages.length < MAX_PAGES; ) {
    const page: Page = await engine.read('readEvents', { ...whole, from });
    pages.push(page);
    if (page.next === null) return pages;
    const goesOn = from === null || (whole.direction === 'forwards' ? page.next > from : page.next < from);
    if (!goesOn) throw new Error(`a page from ${from} goes on at ${page.next}`);
    from = page.next;
  }
  throw new Error(`a read took more than ${MAX_PAGES} pages`);
}

/** All events of a read, from however many pages. */
export async function readAll(engine: Engine, request: Partial<ReadRequest> = {}): Promise<StoredEvent[]> {
  return (await readPages(engine, request)).flatMap((page) => decodePage(page));
}

/** Positions of what a filter finds. */
export async function found(
  engine: Engine,
  filter: EventFilter,
  request: Partial<ReadRequest> = {},
): Promise<number[]> {
  return (await readAll(engine, { ...request, filter })).map(({ position }) => position);
}

/** Everything of an event as a plain value, to compare. */
export function plain(event: StoredEvent) {
  const { id, stream, version, position, type, contentType, metadata, tags, timeUs, correlationId, causationId } =
    event;
  return {
    ...{ id, stream, version, position, type, contentType, metadata, tags, timeUs, correlationId, causationId },
    data: Buffer.from(event.bytes).toString('latin1'),
  };
}

/** A subscription with everything that is not given at its default. */
export function definition(name: string, rest: Partial<SubscriptionDefinition> = {}): SubscriptionDefinition {
  return { name, selector: { kind: 'all' }, ...SUBSCRIPTION_DEFAULTS, ...rest };
}

/** A UUID that says which one it is. */
export const uuid = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
