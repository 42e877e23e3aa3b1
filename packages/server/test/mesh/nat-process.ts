import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { LinkInfo } from '../../src/peer/link-ports.ts';
import type { NatOptions, NatStatus } from '../../src/peer/nat.ts';
import type { NatLab } from './nat-lab.ts';

const PROGRAM = join(import.meta.dirname, 'nat-node.ts');

export interface NatNodeOptions {
  readonly port: number;
  readonly nat: Partial<NatOptions>;
  /** Besides those that the node has, it is said to listen at these. */
  readonly publicAddresses: readonly string[];
  /** Between tries to make a relayed link a direct one. */
  readonly directFirstMs: number;
}

export type NatNodeCommand =
  | { readonly do: 'link'; readonly peerId: string; readonly addresses: readonly string[] }
  | { readonly do: 'send'; readonly peerId: string; readonly bytes: number; readonly perTick: number }
  | { readonly do: 'stop' | 'look' };

/** Frames between a node and one peer, counted from the first. */
export interface Stream {
  received: number;
  lost: number;
  /** Came after a later one, or twice. */
  swapped: number;
  sent: number;
  /** Not taken by the link. */
  refused: number;
  /** Of those that were held. */
  answered: number;
  /** Over which transport each channel of the link came, and why it was closed. */
  readonly channels: string[];
}

export interface NatNodeAnswer {
  readonly error: string | null;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly nat: NatStatus;
  readonly links: readonly LinkInfo[];
  readonly streams: Record<string, Stream>;
}

/** A node on a host of a NatLab. */
export class NatProcess implements AsyncDisposable {
  peerId = '';
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface(child.stdout!);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  static async start(lab: NatLab, host: number, options: NatNodeOptions): Promise<NatProcess> {
    const [command, ...args] = [...lab.through(host), process.execPath, PROGRAM, JSON.stringify(options)];
    const made = new NatProcess(spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    made.peerId = (await made.ask({ do: 'look' })).peerId;
    return made;
  }

  /** One at a time. */
  async ask(command: NatNodeCommand): Promise<NatNodeAnswer> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('the node has ended');
    return JSON.parse(value) as NatNodeAnswer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('close', resolve));
      this.#child.stdin!.end();
      await ended;
    }
    this.#lines.close();
  }
}
