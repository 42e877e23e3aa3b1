import { type ProtocolVersion, publishSize, writePublish } from '@plexus/protocol';
import type { Message } from './message.ts';

/** A message as QoS 0 PUBLISH packets: encoded once for each wire form that somebody needs, then shared. */
export class EncodedMessage {
  readonly message: Message;
  /** By version and RETAIN flag; null until the first is needed, which with QoS 1 and 2 is often never. */
  #forms: (Uint8Array | undefined)[] | null = null;

  constructor(message: Message) {
    this.message = message;
  }

  bytes(version: ProtocolVersion, retain: boolean): Uint8Array {
    const index = (version === 5 ? 2 : 0) + (retain ? 1 : 0);
    this.#forms ??= [undefined, undefined, undefined, undefined];
    const known = this.#forms[index];
    if (known !== undefined) return known;
    const { topic, buffer, propertiesStart, propertiesEnd, propertiesLength, payloadStart, payloadEnd, payloadLength } =
      this.message;
    const out = Buffer.allocUnsafe(publishSize(version, topic.bytes.length, 0, propertiesLength, payloadLength));
    const flags = retain ? 1 : 0;
    writePublish(
      out,
      0,
      version,
      flags,
      topic.bytes,
      0,
      buffer,
      propertiesStart,
      propertiesEnd,
      buffer,
      payloadStart,
      payloadEnd,
    );
    this.#forms[index] = out;
    return out;
  }
}
