import type { FrameShape, PacketKind, Wire } from './wire.ts';

const PING: PacketKind = { firstByte: 0x50, size: 6, packetIdOffset: -1, answer: Buffer.from('PONG\r\n') };

/** The text protocol of NATS: https://docs.nats.io/reference/reference-protocols/nats-protocol */
export class NatsWire implements Wire {
  topic(index: number): string {
    return `bench.${String(index).padStart(4, '0')}`;
  }

  everything(): string {
    return '>';
  }

  connect(clientId: string): Buffer {
    const options = { verbose: false, pedantic: false, lang: 'bench', version: '1', name: clientId };
    return Buffer.from(`CONNECT ${JSON.stringify(options)}\r\nPING\r\n`);
  }

  connectAnswer(seen: Buffer): number {
    return throughPong(seen);
  }

  subscribe(filter: string): Buffer {
    return Buffer.from(`SUB ${filter} 1\r\nPING\r\n`);
  }

  subscribeAnswer(seen: Buffer): number {
    return throughPong(seen);
  }

  publish(topic: string, payload: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`PUB ${topic} ${payload.length}\r\n`), payload, Buffer.from('\r\n')]);
  }

  delivery(topic: string, payload: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`MSG ${topic} 1 ${payload.length}\r\n`), payload, Buffer.from('\r\n')]);
  }

  deliveryShape(topic: string, payloadBytes: number): FrameShape {
    const sample = this.delivery(topic, Buffer.alloc(payloadBytes));
    return {
      size: sample.length,
      firstByte: sample[0]!,
      payloadOffset: sample.length - payloadBytes - 2,
      packetIdOffset: -1,
      answer: null,
      control: PING,
    };
  }

  acknowledgementShape(): null {
    return null;
  }

  shared(): never {
    throw new Error('no scenario with a group for NATS');
  }
}

/** INFO (and a PING of the server's own) may come first. */
function throughPong(seen: Buffer): number {
  const text = seen.toString('latin1');
  if (text.includes('-ERR')) throw new Error(text.trim());
  const at = text.indexOf('PONG\r\n');
  return at < 0 ? 0 : at + 'PONG\r\n'.length;
}
