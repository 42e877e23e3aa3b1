/** Input for the micro-benchmarks, made by the generator's own encoder. */
import { MqttWire } from '../generator/mqtt-wire.ts';

const CHUNK_BYTES = 64 * 1024;

export interface PublishStream {
  /** Whole packets, cut into reads of 64 KiB wherever that falls. */
  readonly chunks: readonly Buffer[];
  readonly messages: number;
}

/** A stream of PUBLISH packets with 100 bytes of payload, on `topics` topics in turn. */
export function publishStream(version: 4 | 5, topics: number): PublishStream {
  const properties: [string, string][] = version === 5 ? [['site', 'hall-7']] : [];
  const wire = new MqttWire(version, 0, properties);
  const payload = Buffer.alloc(100, 'x');
  const messages = 10_000;
  const packets = Array.from({ length: messages }, (_, index) => wire.publish(wire.topic(index % topics), payload, 0));
  const bytes = Buffer.concat(packets);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  return { chunks, messages };
}
