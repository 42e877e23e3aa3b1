/**
 * Not a broker: answers CONNECT and SUBSCRIBE (MQTT 3.1.1) and from then on copies whatever a publisher sends
 * to all subscribers, without looking at it; at QoS 1 it answers each packet with a PUBACK. Shows how much the
 * load generator itself can take.
 */
import { createServer, type Socket } from 'node:net';
import { Answers } from '../generator/answers.ts';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { FrameReader } from '../generator/receivers.ts';
import { PAYLOAD_BYTES } from '../scenarios.ts';

const CONNACK = Buffer.of(0x20, 2, 0, 0);
const QOS1_PUBLISH = 0x32;
const subscribers = new Set<Socket>();
const wire = new MqttWire(4, 1, []);
const shape = wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES);

function relay(publisher: Socket, bytes: Buffer): void {
  for (const subscriber of subscribers) {
    if (subscriber.write(bytes) || publisher.isPaused()) continue;
    publisher.pause();
    subscriber.once('drain', () => publisher.resume());
  }
}

/** Answers the QoS 1 packets of a publisher, those of one read with one write. */
function acknowledger(publisher: Socket): (bytes: Buffer) => void {
  const answers = new Answers((bytes) => publisher.write(bytes));
  const reader = new FrameReader(shape, () => {}, answers);
  return (bytes) => {
    reader.take(bytes.length, bytes);
    answers.flush();
  };
}

function serve(socket: Socket): void {
  let connected = false;
  let acknowledge: ((bytes: Buffer) => void) | null = null;
  socket.on('error', () => socket.destroy());
  socket.on('close', () => subscribers.delete(socket));
  socket.on('data', (bytes: Buffer) => {
    if (!connected) {
      connected = true;
      socket.write(CONNACK);
    } else if (bytes[0] === 0x82) {
      subscribers.add(socket);
      // Grants what was asked for: the last byte.
      socket.write(Buffer.of(0x90, 3, 0, 1, bytes.at(-1)!));
    } else if (!subscribers.has(socket)) {
      if (bytes[0] === QOS1_PUBLISH) acknowledge ??= acknowledger(socket);
      acknowledge?.(bytes);
      relay(socket, bytes);
    }
  });
}

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.send!({ port: address.port });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
