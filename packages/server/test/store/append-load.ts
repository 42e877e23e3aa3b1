import { randomUUID } from 'node:crypto';
import type { Random } from './random.ts';
import { type Answer, type ShownEvent, type StoreProcess, sleep } from './store-process.ts';

/** One append, before and after its answer. */
interface Asked {
  readonly body: { readonly writes: readonly { readonly stream: string; readonly events: readonly Sent[] }[] };
  /** Position of its last event; null: no answer came. */
  position: number | null;
}

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly writer: number; readonly n: number; readonly pad: string };
  readonly tags: readonly string[];
}

const MAX_PAD = 3000;
/** After a refusal. */
const PAUSE_MS = 50;

/**
 * Writers that each append one thing after another over HTTP, for as long as the node lives, and remember what was
 * acknowledged. What was on its way when the node died is sent again to the next one, with the same ids.
 */
export class AppendLoad {
  readonly #writers: number;
  readonly #random: Random;
  /** By event id. */
  readonly #byId = new Map<string, { readonly sent: Sent; readonly stream: string; readonly asked: Asked }>();
  readonly #unanswered: Asked[] = [];
  #n = 0;
  #stopped = false;
  acknowledged = 0;
  /** How often the node refused, in the way that was said to be no fault. */
  refused = 0;
  readonly #refusal: string | null;

  /** @param refusal code of an error that is no fault: what got it is sent again later */
  constructor(writers: number, random: Random, refusal: string | null = null) {
    this.#refusal = refusal;
    this.#writers = writers;
    this.#random = random;
  }

  /** Appends until the node is gone, or `stop`. @throws if the node answers anything but that it was done */
  async run(node: StoreProcess): Promise<void> {
    this.#stopped = false;
    const again = this.#unanswered.splice(0);
    await Promise.all(
      Array.from({ length: this.#writers }, async (_, writer) => {
        while (!this.#stopped) {
          const asked = again.pop() ?? this.#unanswered.pop() ?? this.#make(writer);
          const outcome = await this.#send(node, asked);
          if (outcome === 'done') continue;
          this.#unanswered.push(asked);
          if (outcome === 'gone') return;
          this.refused++;
          await sleep(PAUSE_MS);
        }
      }),
    );
    this.#unanswered.push(...again);
  }

  /** Lets every writer end with the answer it waits for. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Everything that is wrong with what a store holds: it must be a sequence without gaps of whole appends as they were sent,
   * with everything in it that was acknowledged.
   */
  faultsOf(events: readonly ShownEvent[]): string[] {
    const faults: string[] = [];
    const versions = new Map<string, number>();
    const seen = new Map<string, number>();
    let timeUs = 0;
    events.forEach((event, i) => {
      const where = `at ${event.position}`;
      if (event.position !== i) faults.push(`position ${event.position} stands in place ${i}`);
      const version = (versions.get(event.stream) ?? -1) + 1;
      if (event.version !== version)
        faults.push(`${where}: version ${event.version} of ${event.stream}, not ${version}`);
      versions.set(event.stream, event.version);
      if (event.timeUs < timeUs) faults.push(`${where}: its time is before that of the one before`);
      timeUs = event.timeUs;
      if (seen.has(event.id)) faults.push(`${where}: ${event.id} stands at ${seen.get(event.id)} too`);
      seen.set(event.id, event.position);
      const known = this.#byId.get(event.id);
      if (known === undefined) faults.push(`${where}: nobody sent ${event.id}`);
      else if (!isAsSent(event, known.sent, known.stream)) faults.push(`${where}: ${event.id} is not as it was sent`);
    });
    for (const asked of new Set([...this.#byId.values()].map((known) => known.asked))) {
      const positions = asked.body.writes.flatMap((write) => write.events.map(({ id }) => seen.get(id)));
      const last = positions.at(-1);
      const isThere = last !== undefined;
      const isWhole = positions.every((position, i) =>
        isThere ? position === last - positions.length + 1 + i : position === undefined,
      );
      if (!isWhole) faults.push(`an append is not whole: ${positions}`);
      if (asked.position !== null && last !== asked.position) {
        faults.push(`acknowledged as ${asked.position}, but ${isThere ? `it stands at ${last}` : 'missing'}`);
      }
    }
    return faults;
  }

  async #send(node: StoreProcess, asked: Asked): Promise<'done' | 'gone' | 'refused'> {
    const { writes } = asked.body;
    let answer: Answer;
    try {
      const single = writes.length === 1 ? writes[0]! : null;
      answer =
        single === null
          ? await node.ask('POST', '/events', asked.body)
          : await node.append(single.stream, { events: single.events });
    } catch {
      return 'gone';
    }
    if (answer.body.error !== undefined && answer.body.error.code === this.#refusal) return 'refused';
    // Going down it may still say that it does.
    if (answer.status === 503) return 'gone';
    if (answer.status !== 200 && answer.status !== 201)
      throw new Error(`an append got ${answer.status}: ${JSON.stringify(answer.body)}`);
    asked.position = answer.body.position ?? null;
    this.acknowledged++;
    return 'done';
  }

  #make(writer: number): Asked {
    const random = this.#random;
    const streams = random(5) === 0 ? [`w${writer}-a`, `w${writer}-b`] : [`w${writer}-${'abc'[random(3)]}`];
    const writes = streams.map((stream) => ({
      stream,
      events: Array.from({ length: random(3) === 0 ? 1 + random(5) : 1 }, (): Sent => {
        const n = this.#n++;
        return {
          id: randomUUID(),
          type: `t${n % 3}`,
          data: { writer, n, pad: 'x'.repeat(random(20) === 0 ? random(MAX_PAD) : random(100)) },
          tags: [`g${n % 5}`, `w${writer}`],
        };
      }),
    }));
    const asked: Asked = { body: { writes }, position: null };
    for (const { stream, events } of writes)
      for (const sent of events) this.#byId.set(sent.id, { sent, stream, asked });
    return asked;
  }
}

function isAsSent(event: ShownEvent, sent: Sent, stream: string): boolean {
  const { type, data, tags } = event;
  return (
    event.stream === stream && JSON.stringify([type, data, tags]) === JSON.stringify([sent.type, sent.data, sent.tags])
  );
}
