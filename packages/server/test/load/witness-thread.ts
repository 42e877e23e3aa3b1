/** A witness in a thread of its own: the load that others make in this process must not look like lateness of the node. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Testimony, Witness } from './witness.ts';

type Order = 'reset' | 'stop';

export class WitnessThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Publishes every millisecond from the moment that this resolves. */
  static async start(port: number): Promise<WitnessThread> {
    const thread = new WitnessThread(new Worker(new URL(import.meta.url), { workerData: port }));
    await thread.#answer();
    return thread;
  }

  async reset(): Promise<void> {
    await this.#order('reset');
  }

  /** @throws when a message is missing */
  async stop(): Promise<Testimony> {
    const testimony = await this.#order('stop');
    await this.#worker.terminate();
    return testimony as Testimony;
  }

  #order(order: Order): Promise<unknown> {
    const answer = this.#answer();
    this.#worker.postMessage(order);
    return answer;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
    });
  }
}

if (!isMainThread && typeof workerData === 'number') {
  const witness = await Witness.start(workerData, 1);
  parentPort!.on('message', async (order: Order) => {
    if (order === 'reset') {
      witness.reset();
      parentPort!.postMessage(null);
    } else parentPort!.postMessage(await witness.stop());
  });
  parentPort!.postMessage(null);
}
