import { Message } from '../broker/message.ts';
import type { Realm } from '../broker/realm.ts';

const NO_BYTES = new Uint8Array(0);

/** The message that takes a retained message away. */
export function tombstone(realm: Realm, topic: string): Message {
  return Message.of(realm.unboundTopic(topic), NO_BYTES, { qos: 1, retain: true });
}
