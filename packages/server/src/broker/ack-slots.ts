/** What an acknowledgement is: the end of QoS 1, the first half of QoS 2, its second half. */
export const Ack = { Puback: 1, Pubrec: 2, Pubcomp: 3 } as const;
export type Ack = (typeof Ack)[keyof typeof Ack];

/** Writes one acknowledgement. `reason` 0 is success. */
export interface AckWriter {
  writeAcknowledgement(packetId: number, ack: Ack, reason: number): void;
}

const FIRST_CAPACITY = 16;
/** Shared by all that have not taken a slot: most connections never do. */
const NO_SLOTS = new Uint16Array(0);
const NO_COUNTS = new Uint32Array(0);

/**
 * The acknowledgements that a connection owes its publisher, in the order of its packets [MQTT-4.6.0-2],
 * [MQTT-4.6.0-3]. It is the only way a publisher is answered.
 *
 * Each QoS 1 or 2 PUBLISH, and each PUBREL, takes a slot, known by a number, with a count of open obligations: one per durable
 * commit it waits for, per peer that must answer, per capture. Each is met by slot number. When the oldest slot has none
 * left its acknowledgement goes out, and those after it that are ready. A slot costs three array elements; there is no
 * promise and no closure per message.
 *
 *        #first                  #next
 *          |                       |
 *     … [ 0 ][ 2 ][ 0 ][ 0 ][ 1 ]  …      open obligations
 *          |    |
 *     goes out  holds back what follows
 */
export class AckSlots {
  /** Slots of QoS 1 taken and not answered. */
  pendingQos1 = 0;
  readonly #writer: AckWriter;
  #first = 0;
  #next = 0;
  #capacity = 0;
  #packetIds = NO_SLOTS;
  #open = NO_COUNTS;
  /** Low byte the reason, high byte the `Ack`. */
  #answers = NO_SLOTS;

  constructor(writer: AckWriter) {
    this.#writer = writer;
  }

  /** Slots taken and not answered. */
  get pending(): number {
    return this.#next - this.#first;
  }

  /** @returns the slot's number, with one open obligation: the caller's own */
  take(packetId: number, ack: Ack): number {
    if (this.pending === this.#capacity) this.#grow();
    const at = this.#next & (this.#capacity - 1);
    this.#packetIds[at] = packetId;
    this.#open[at] = 1;
    this.#answers[at] = ack << 8;
    if (ack === Ack.Puback) this.pendingQos1++;
    return this.#next++;
  }

  /** One more obligation. Only while the slot has at least one open. */
  oblige(slot: number): void {
    const at = slot & (this.#capacity - 1);
    this.#open[at] = this.#open[at]! + 1;
  }

  /**
   * One obligation is met. A `reason` other than 0 is what the publisher will be told; of several, the gravest.
   * A slot that has none open is left alone: obligations may lapse and then be met late.
   */
  meet(slot: number, reason = 0): void {
    if (slot < this.#first) return;
    const at = slot & (this.#capacity - 1);
    const answer = this.#answers[at]!;
    const open = this.#open[at]! - 1;
    // Met already, and only waits for those before it.
    if (open < 0) return;
    if (reason > (answer & 0xff)) this.#answers[at] = (answer & 0xff00) | reason;
    this.#open[at] = open;
    if (open === 0 && slot === this.#first) this.#answer();
  }

  #answer(): void {
    const mask = this.#capacity - 1;
    while (this.#first < this.#next) {
      const at = this.#first & mask;
      if (this.#open[at] !== 0) return;
      this.#first++;
      const answer = this.#answers[at]!;
      const ack = (answer >> 8) as Ack;
      if (ack === Ack.Puback) this.pendingQos1--;
      this.#writer.writeAcknowledgement(this.#packetIds[at]!, ack, answer & 0xff);
    }
  }

  #grow(): void {
    const from = { capacity: this.#capacity, packetIds: this.#packetIds, open: this.#open, answers: this.#answers };
    this.#capacity = Math.max(FIRST_CAPACITY, from.capacity * 2);
    this.#packetIds = new Uint16Array(this.#capacity);
    this.#open = new Uint32Array(this.#capacity);
    this.#answers = new Uint16Array(this.#capacity);
    for (let slot = this.#first; slot < this.#next; slot++) {
      const source = slot & (from.capacity - 1);
      const target = slot & (this.#capacity - 1);
      this.#packetIds[target] = from.packetIds[source]!;
      this.#open[target] = from.open[source]!;
      this.#answers[target] = from.answers[source]!;
    }
  }
}
