import { Reason } from '@plexus/protocol';
import { Ack, AckSlots } from './ack-slots.ts';
import type { BrokerContext } from './context.ts';
import type { Message } from './message.ts';
import type { Realm } from './realm.ts';
import type { CommitTarget } from './session-store.ts';

/** Publishes for programs that hand messages to the node without being MQTT clients: they are answered like a client, by the slots. */
export class ProgramPublisher implements CommitTarget {
  readonly slots: AckSlots;
  slot = 0;
  readonly #context: BrokerContext;
  /** Who waits for each pending slot, oldest first: slots are answered in order. */
  readonly #waiting: ((reason: number) => void)[] = [];

  constructor(context: BrokerContext) {
    this.#context = context;
    this.slots = new AckSlots({
      writeAcknowledgement: (_packetId, _ack, reason) => this.#waiting.shift()!(reason),
    });
  }

  /** @returns the reason, when every obligation is met: as a publisher gets it in its PUBACK */
  publish(realm: Realm, message: Message): Promise<number> {
    if (message.qos === 0) return Promise.resolve(this.#context.router.publish(realm, message, null));
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.slot = this.slots.take(0, Ack.Puback);
      const slot = this.slot;
      let reason: number = Reason.UnspecifiedError;
      try {
        reason = this.#context.router.publish(realm, message, this);
      } finally {
        // Also when the router fails: who comes later must not wait for this slot.
        this.slots.meet(slot, reason);
      }
    });
  }
}
