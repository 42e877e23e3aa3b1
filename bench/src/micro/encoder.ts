import { publishSize, writeAck, writePublish } from '@plexus/protocol';
import { measure } from './measure.ts';

const PUBACK_TYPE = 4;
const MESSAGES = 1_000;

/** PUBLISH and PUBACK packets per second into memory that is there already. */
export function encoderBenchmarks(): void {
  const topic = Buffer.from('bench/0001');
  const payload = Buffer.alloc(100, 'x');
  const properties = Buffer.concat([
    Buffer.of(0x26, 0, 4),
    Buffer.from('site'),
    Buffer.of(0, 6),
    Buffer.from('hall-7'),
  ]);
  for (const version of [4, 5] as const) {
    for (const qos of [0, 1] as const) {
      const size = publishSize(version, topic.length, qos, properties.length, payload.length);
      const out = Buffer.alloc(size * MESSAGES);
      measure(`encode PUBLISH, version ${version}, QoS ${qos}`, MESSAGES, () => {
        let at = 0;
        for (let id = 1; id <= MESSAGES; id++) {
          const end = properties.length;
          at = writePublish(out, at, version, qos << 1, topic, id, properties, 0, end, payload, 0, payload.length);
        }
        return at;
      });
    }
  }
  const acks = Buffer.alloc(4 * MESSAGES);
  measure('encode PUBACK', MESSAGES, () => {
    let at = 0;
    for (let id = 1; id <= MESSAGES; id++) at = writeAck(acks, at, PUBACK_TYPE, id);
    return at;
  });
}
