import { Invariant } from './invariant.ts';

const MIB = 1024 * 1024;
/** The bounds of a link, and what one more frame may be. */
const MAX_QUEUED_BYTES = 17 * MIB;
const MAX_HELD_BYTES = 65 * MIB;

/** Invariant 3: no queue grows beyond its bound, and at rest nothing is left in any. */
export class Bounded extends Invariant {
  readonly name = 'bounded queues';

  override everySecond(): void {
    for (const { life, view } of this.parts.running()) {
      for (const link of view.links()) {
        if (link.queuedBytes > MAX_QUEUED_BYTES) {
          this.report(`${life.nodeId} has ${link.queuedBytes} bytes queued for ${link.peerId}`);
        }
        if (link.heldBytes > MAX_HELD_BYTES)
          this.report(`${life.nodeId} holds ${link.heldBytes} bytes for ${link.peerId}`);
      }
    }
  }

  override atEnd(): void {
    for (const { life, view } of this.parts.running()) {
      const queuedMessages = view.queuedMessages();
      if (queuedMessages > 0)
        this.report(`${life.nodeId} has ${queuedMessages} messages queued though nobody publishes`);
      for (const { peerId, queuedBytes, heldBytes } of view.links()) {
        if (queuedBytes + heldBytes > 0)
          this.report(`${life.nodeId} keeps ${queuedBytes + heldBytes} bytes for ${peerId}`);
      }
    }
  }
}
