import type { Delivery } from './session-store.ts';

const FIRST_CAPACITY = 16;
const MAX_PACKET_ID = 0xffff;

/**
 * Deliveries in flight, found by packet id. Packet ids are given in turn, and the table is indexed by their low bits:
 * finding, adding and taking out are each one array access while acknowledgements come roughly in order. An id whose
 * place is still taken by an old one is passed over; the table doubles when half of it is in use.
 */
export class DeliveryWindow {
  size = 0;
  #places: (Delivery | null)[] = new Array<Delivery | null>(FIRST_CAPACITY).fill(null);
  #lastId = 0;

  /** Gives `delivery` a packet id that is not in use. The caller keeps `size` well below 65,535. */
  add(delivery: Delivery): void {
    if (this.size * 2 >= this.#places.length) this.#grow();
    const mask = this.#places.length - 1;
    let id = this.#lastId;
    do {
      id = id === MAX_PACKET_ID ? 1 : id + 1;
    } while (this.#places[id & mask] !== null);
    this.#lastId = id;
    this.#places[id & mask] = delivery;
    delivery.packetId = id;
    this.size++;
  }

  get(packetId: number): Delivery | null {
    const delivery = this.#places[packetId & (this.#places.length - 1)]!;
    return delivery !== null && delivery.packetId === packetId ? delivery : null;
  }

  delete(packetId: number): void {
    if (this.get(packetId) === null) return;
    this.#places[packetId & (this.#places.length - 1)] = null;
    this.size--;
  }

  *[Symbol.iterator](): IterableIterator<Delivery> {
    for (const delivery of this.#places) if (delivery !== null) yield delivery;
  }

  /** Ids that differ in their low bits still differ with one bit more, so nothing collides. */
  #grow(): void {
    const old = this.#places;
    this.#places = new Array<Delivery | null>(old.length * 2).fill(null);
    const mask = this.#places.length - 1;
    for (const delivery of old) if (delivery !== null) this.#places[delivery.packetId & mask] = delivery;
  }
}
