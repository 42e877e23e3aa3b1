import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Peer } from '../broker/listeners/listener.conformance.ts';

/** The other end of a plain or TLS connection, raw. @param opened the event that says it is open */
export async function streamPeer(socket: Socket, opened: 'connect' | 'secureConnect'): Promise<Peer> {
  await new Promise((resolve, reject) => socket.once(opened, resolve).once('error', reject));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
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

/** The other end of a WebSocket, on a socket that is on its way. One that is refused in the handshake is closed, not an error. */
export async function webSocketPeer(url: string, socket: Socket, opened: 'connect' | 'secureConnect'): Promise<Peer> {
  await new Promise((resolve, reject) => socket.once(opened, resolve).once('error', reject));
  const webSocket = new WebSocket(url, 'mqtt', { createConnection: () => socket, perMessageDeflate: false });
  const chunks: Buffer[] = [];
  webSocket.on('message', (data) => void chunks.push(data as Buffer));
  webSocket.on('error', () => {});
  const closed = new Promise<void>((resolve) => webSocket.once('close', () => resolve()));
  await Promise.race([new Promise((resolve) => webSocket.once('open', resolve)), closed]);
  return {
    write: (bytes) => webSocket.send(bytes),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    destroy: () => webSocket.terminate(),
    received: () => Buffer.concat(chunks),
    closed,
  };
}
