import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import {
  type CreateHosted,
  errorMessage,
  type FromHosted,
  type Hosted,
  type HostRequest,
  type ToHosted,
} from './hosted.ts';

/** One hosted thing and its port, in the thread. */
class Tenant {
  readonly #port: MessagePort;
  readonly #hosted: Hosted;
  #idle: NodeJS.Timeout | null = null;

  constructor(port: MessagePort, create: CreateHosted, init: unknown) {
    this.#port = port;
    this.#hosted = create(init as never, (message, transfer) =>
      port.postMessage({ kind: 'message', message } satisfies FromHosted, [...(transfer ?? [])]),
    );
    port.on('message', (first: ToHosted) => this.#take(first));
    say(port, { kind: 'up' });
    this.#rest();
  }

  /** Takes everything that waits with the first message: what goes into one commit. */
  #take(first: ToHosted): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const messages: unknown[] = [];
    let next: ToHosted | undefined = first;
    for (; next !== undefined && next !== 'close'; next = receiveMessageOnPort(this.#port)?.message as typeof next) {
      messages.push(next.message);
    }
    this.#guard(() => {
      if (messages.length > 0) this.#hosted.handle(messages);
      if (next === 'close') this.#close();
      else this.#rest();
    });
  }

  #rest(): void {
    const ms = this.#hosted.idle();
    if (ms !== null) this.#idle = setTimeout(() => this.#guard(() => this.#rest()), ms);
  }

  #close(): void {
    this.#hosted.close();
    say(this.#port, { kind: 'closed' });
    this.#port.close();
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    say(this.#port, { kind: 'failed', error: errorMessage(error) });
    try {
      this.#hosted.close();
    } catch {
      // It has failed already, and said why.
    }
    this.#port.close();
  }
}

function say(port: MessagePort, message: FromHosted): void {
  port.postMessage(message);
}

parentPort!.on('message', async ({ module, init, port }: HostRequest) => {
  try {
    const { create } = (await import(module)) as { create: CreateHosted };
    new Tenant(port, create, init);
  } catch (error) {
    say(port, { kind: 'failed', error: errorMessage(error) });
    port.close();
  }
});
