import type { Message } from '../broker/message.ts';
import type { RetainedStore } from '../broker/retained-store.ts';

/**
 * Takes a message with the RETAIN flag into the store. [MQTT-3.3.1-6]: an empty payload takes the retained message of its topic away, and
 * is not kept itself.
 * @returns false: there was no room; what was there before is gone all the same, as it is out of date [MQTT-3.3.1-5], [MQTT-3.3.1-7] of 3.1.1
 */
export function keepRetained(store: RetainedStore, realm: string, message: Message): boolean {
  if (message.payloadLength === 0) {
    store.delete(realm, message.topic.name);
    return true;
  }
  if (store.set(realm, message)) return true;
  store.delete(realm, message.topic.name);
  return false;
}
