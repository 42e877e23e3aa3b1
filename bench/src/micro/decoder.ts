import { DEFAULT_TOPIC_LIMITS, ServerDecoder, type ServerPacketHandler, TopicTable } from '@plexus/protocol';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { measure } from './measure.ts';
import { publishStream } from './samples.ts';

/** PUBLISH packets per second out of reads of 64 KiB, topic look-up included. */
export function decoderBenchmarks(): void {
  for (const version of [4, 5] as const) {
    for (const topics of [1, 500]) {
      const { chunks, messages } = publishStream(version, topics);
      const handler = new PayloadSum();
      const table = new TopicTable(1_024, DEFAULT_TOPIC_LIMITS);
      const limits = { maxPacketBytes: 1024 * 1024, topicLimits: DEFAULT_TOPIC_LIMITS };
      const decoder = new ServerDecoder(handler, { ...limits, topics: table });
      decoder.push(new MqttWire(version, 0, []).connect('micro'));
      measure(`decode PUBLISH, version ${version}, topics ${topics}`, messages, () => {
        for (const chunk of chunks) decoder.push(chunk);
        return handler.sum;
      });
    }
  }
}

class PayloadSum implements ServerPacketHandler {
  sum = 0;

  onPublish(packet: { readonly payloadStart: number }): void {
    this.sum = (this.sum + packet.payloadStart) | 0;
  }

  onConnect(): void {}
  onSubscribe(): void {}
  onUnsubscribe(): void {}
  onPingreq(): void {}
  onPuback(): void {}
  onPubrec(): void {}
  onPubrel(): void {}
  onPubcomp(): void {}
  onDisconnect(): void {}
  onAuth(): void {}
}
