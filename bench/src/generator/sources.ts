import type { Wire } from './wire.ts';

const BLOCK_BYTES = 64 * 1024;

/** Packet ids that a QoS 1 publisher goes round. Far more than may be unacknowledged, so none is in use twice. */
const PACKET_IDS = 8_192;

/** A QoS 1 publisher waits for room for so many: a broker that acknowledges one by one shall not get one by one back. */
const LEAST_MESSAGES = 64;

/** Encoded messages to publish. */
export interface Source {
  /** Messages in the last answer of {@link next}. */
  count: number;
  /** At most `room` messages, or null. */
  next(room: number): Buffer | null;
}

/** The same block of about 64 KiB again and again. */
export class BlockSource implements Source {
  readonly count: number;
  readonly #block: Buffer;

  constructor(wire: Wire, topic: string, payload: Buffer) {
    const packet = wire.publish(topic, payload, 0);
    this.count = Math.max(1, Math.floor(BLOCK_BYTES / packet.length));
    this.#block = Buffer.concat(Array.from({ length: this.count }, () => packet));
  }

  next(room: number): Buffer | null {
    return room < this.count ? null : this.#block;
  }
}

/** Pieces of one large block whose packet ids go round. */
export class CycleSource implements Source {
  count = 0;
  readonly #packets: Buffer;
  readonly #packetBytes: number;
  #position = 0;

  constructor(wire: Wire, topic: string, payload: Buffer) {
    const packets = Array.from({ length: PACKET_IDS }, (_, index) => wire.publish(topic, payload, index + 1));
    this.#packets = Buffer.concat(packets);
    this.#packetBytes = packets[0]!.length;
  }

  next(room: number): Buffer | null {
    if (room < LEAST_MESSAGES) return null;
    this.count = Math.min(room, PACKET_IDS - this.#position);
    const start = this.#position;
    this.#position = (start + this.count) % PACKET_IDS;
    return this.#packets.subarray(start * this.#packetBytes, (start + this.count) * this.#packetBytes);
  }
}

/** Each message with its publisher and its number in the first 8 bytes of the payload. */
export class NumberedSource implements Source {
  count = 0;
  readonly #wire: Wire;
  readonly #topic: string;
  readonly #payload: Buffer;
  readonly #total: number;
  #sent = 0;

  constructor(wire: Wire, topic: string, payload: Buffer, publisher: number, total: number) {
    this.#wire = wire;
    this.#topic = topic;
    this.#payload = Buffer.from(payload);
    this.#payload.writeUInt32BE(publisher, 0);
    this.#total = total;
  }

  next(room: number): Buffer | null {
    this.count = Math.min(room, this.#total - this.#sent, 256);
    if (this.count <= 0) return null;
    const packets: Buffer[] = [];
    for (let index = 0; index < this.count; index++) {
      this.#payload.writeUInt32BE(this.#sent, 4);
      packets.push(this.#wire.publish(this.#topic, this.#payload, (this.#sent % PACKET_IDS) + 1));
      this.#sent++;
    }
    return Buffer.concat(packets);
  }
}
