import net from 'node:net';
import { streamPeer } from '../../testing/stream-peer.ts';
import { describeListener } from './listener.conformance.ts';
import { TcpListener } from './tcp.ts';

describeListener({
  name: 'tcp',
  make: (accept, port = 0) => new TcpListener({ host: '127.0.0.1', port, backlog: 16 }, accept),
  connect: (port) => streamPeer(net.connect({ host: '127.0.0.1', port }), 'connect'),
});
