import type { Qos, SubscribeRequest } from '@plexus/protocol';
import type { Message } from './message.ts';

/** The retained messages that a new subscription is still owed. */
export class RetainedFeed {
  readonly filter: string;
  readonly qos: Qos;
  #messages: Iterator<Message>;
  #held: Message | null = null;

  constructor(request: SubscribeRequest, messages: Iterator<Message>) {
    this.filter = request.filter;
    this.qos = request.qos;
    this.#messages = messages;
  }

  /** The next that has not expired; null at the end. */
  next(nowMs: number): Message | null {
    const held = this.#held;
    if (held !== null) {
      this.#held = null;
      return held;
    }
    for (;;) {
      const step = this.#messages.next();
      if (step.done === true) return null;
      if (step.value.expiresAtMs > nowMs) return step.value;
    }
  }

  /** Takes back what `next` gave: there was no room for it. */
  back(message: Message): void {
    this.#held = message;
  }
}
