import net from 'node:net';
import { describeListener, type Peer } from './listener.conformance.ts';
import { TcpListener } from './tcp.ts';

async function connect(port: number): Promise<Peer> {
  const socket = net.connect({ host: '127.0.0.1', port });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => void chunks.push(chunk as Buffer));
  socket.on('error', () => {});
  return {
    write: (bytes) => void socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
    received: () => Buffer.concat(chunks),
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  };
}

describeListener({
  name: 'tcp',
  make: (accept, port = 0) => new TcpListener({ host: '127.0.0.1', port, backlog: 16 }, accept),
  connect,
});
