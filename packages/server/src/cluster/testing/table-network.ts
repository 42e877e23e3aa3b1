import { FakeClock } from '../../lib/fake-clock.ts';
import { Turn } from '../../lib/turn.ts';
import { LocalTable, TableId } from '../own-table.ts';
import type { TableWatcher } from '../ports.ts';
import type { TablePace } from '../table-feed.ts';
import { Tables } from '../tables.ts';

/** So little at a time that a few entries are many slices. */
export const SMALL_PACE: TablePace = {
  sliceEntries: 3,
  sliceBytes: 200,
  windowBytes: 160,
  slicesPerTurn: 2,
  maxBehind: 12,
};

/** A table that sends nothing for so long has nothing to send: with a small pace a burst of changes is gathered in fewer. */
const QUIET_TURNS = 40;

export interface SentFrame {
  readonly from: string;
  readonly to: string;
  readonly type: number;
  readonly body: Uint8Array;
}

/** What a watcher was told, put together by itself. Says so if it is told what cannot be. */
export class CopyWatcher implements TableWatcher {
  readonly copies = new Map<string, Map<string, string>>();
  told = 0;

  of(nodeId: string): Map<string, string> {
    let copy = this.copies.get(nodeId);
    if (copy === undefined) {
      copy = new Map();
      this.copies.set(nodeId, copy);
    }
    return copy;
  }

  onEntry(nodeId: string, key: string, value: string): void {
    this.told++;
    if (this.of(nodeId).get(key) === value) throw new Error(`told again of ${key}`);
    this.of(nodeId).set(key, value);
  }

  onGone(nodeId: string, key: string): void {
    this.told++;
    if (!this.of(nodeId).delete(key)) throw new Error(`told that ${key} is gone, which was not there`);
  }

  onPurged(nodeId: string): void {
    this.copies.delete(nodeId);
  }
}

export class TableNode {
  readonly id: string;
  readonly interest: LocalTable;
  readonly groups: LocalTable;
  readonly interestCopies = new CopyWatcher();
  readonly groupCopies = new CopyWatcher();
  readonly tables: Tables;

  constructor(id: string, clock: FakeClock, pace: TablePace | undefined, maxEntries: number | undefined) {
    this.id = id;
    const turn = new Turn((run) => clock.setImmediate(run));
    this.interest = new LocalTable(TableId.Interest, turn, pace);
    this.groups = new LocalTable(TableId.Groups, turn, pace);
    this.tables = new Tables({
      own: { interest: this.interest, groups: this.groups },
      watchers: { interest: this.interestCopies, groups: this.groupCopies },
      turn,
      clock,
      maxEntries,
    });
  }
}

type WireState = 'up' | 'lost' | 'gone';

/** Nodes with tables, and links between all of them that take as long as the test wants. */
export class TableNetwork {
  readonly clock = new FakeClock();
  readonly nodes: readonly TableNode[];
  /** Frames sent, of all links. */
  sent = 0;
  /** The receiver found something wrong with a frame. */
  onProblem: (problem: string, from: number, to: number) => void = (problem) => {
    throw new Error(problem);
  };
  /** Sees every frame that is sent. @returns what travels instead; null: nothing */
  tamper: (frame: SentFrame) => Uint8Array | null = ({ body }) => body;
  /** Frames sent and delivered. */
  #moved = 0;
  readonly #states = new Map<string, WireState>();
  readonly #queues = new Map<string, SentFrame[]>();

  constructor(count: number, pace?: TablePace, maxEntries?: number) {
    this.nodes = Array.from({ length: count }, (_, i) => new TableNode(`n${i}`, this.clock, pace, maxEntries));
  }

  connectAll(): void {
    this.#pairs((a, b) => this.connect(a, b));
  }

  connect(a: number, b: number): void {
    if (a === b || this.#state(a, b) !== 'gone') return;
    this.#setState(a, b, 'up');
    this.#up(a, b);
    this.#up(b, a);
  }

  /** For good: both ends forget the other. */
  cut(a: number, b: number): void {
    if (a === b || this.#state(a, b) === 'gone') return;
    this.#setState(a, b, 'gone');
    this.#drop(a, b);
    this.nodes[a]!.tables.linkGone(this.nodes[b]!.id);
    this.nodes[b]!.tables.linkGone(this.nodes[a]!.id);
  }

  /** The channel: what is under way is lost, and so is what is sent until it is resumed. */
  lose(a: number, b: number): void {
    if (a === b || this.#state(a, b) !== 'up') return;
    this.#setState(a, b, 'lost');
    this.#drop(a, b);
  }

  resume(a: number, b: number): void {
    if (a === b || this.#state(a, b) !== 'lost') return;
    this.#setState(a, b, 'up');
    this.nodes[a]!.tables.linkResumed(this.nodes[b]!.id);
    this.nodes[b]!.tables.linkResumed(this.nodes[a]!.id);
  }

  /** Frames on their way from one node to another. */
  queue(from: number, to: number): SentFrame[] {
    const name = `${from} ${to}`;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = [];
      this.#queues.set(name, queue);
    }
    return queue;
  }

  deliver(from: number, to: number, count = Number.POSITIVE_INFINITY): void {
    const queue = this.queue(from, to);
    for (let i = 0; i < count; i++) {
      const frame = queue.shift();
      if (frame === undefined) break;
      this.#moved++;
      // Not where a view begins by itself, and between bytes that are no part of it.
      const buffer = new Uint8Array([255, ...frame.body, 255]);
      const problem = this.nodes[to]!.tables.onFrame(frame.from, frame.type, buffer, 1, buffer.length - 1);
      buffer.fill(0);
      if (problem !== null) this.onProblem(problem, from, to);
    }
  }

  turn(): void {
    this.clock.advance(0);
  }

  /** Until nothing moves any more. */
  run(): void {
    for (let before = -1; before !== this.#moved; ) {
      before = this.#moved;
      for (let i = 0; i < QUIET_TURNS; i++) this.turn();
      this.#pairs((a, b) => {
        this.deliver(a, b);
        this.deliver(b, a);
      });
    }
  }

  /** Links everything again and gives it time. */
  heal(digests: number): void {
    this.#pairs((a, b) => {
      this.resume(a, b);
      this.connect(a, b);
    });
    this.run();
    for (let i = 0; i < digests; i++) {
      this.clock.advance(10_000);
      this.run();
    }
  }

  get resyncs(): number {
    return this.nodes.reduce((sum, { tables }) => sum + tables.resyncs, 0);
  }

  #up(at: number, other: number): void {
    const [node, peer] = [this.nodes[at]!, this.nodes[other]!];
    node.tables.linkUp(peer.id, {
      send: (type, body) => {
        if (this.#state(at, other) !== 'up') return;
        this.sent++;
        // `slice` of a Buffer would be a view.
        const frame = { from: node.id, to: peer.id, type, body: new Uint8Array(body) };
        const travels = this.tamper(frame);
        if (travels !== null) this.queue(at, other).push({ ...frame, body: travels });
      },
    });
  }

  #drop(a: number, b: number): void {
    this.queue(a, b).length = 0;
    this.queue(b, a).length = 0;
  }

  #state(a: number, b: number): WireState {
    return this.#states.get(`${Math.min(a, b)} ${Math.max(a, b)}`) ?? 'gone';
  }

  #setState(a: number, b: number, state: WireState): void {
    this.#states.set(`${Math.min(a, b)} ${Math.max(a, b)}`, state);
  }

  #pairs(each: (a: number, b: number) => void): void {
    for (let b = 1; b < this.nodes.length; b++) for (let a = 0; a < b; a++) each(a, b);
  }
}
