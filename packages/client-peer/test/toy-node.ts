import { quic } from '@chainsafe/libp2p-quic';
import type { Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet';

/** Just enough of a node to have clients: it says yes to everything, and sends back what is published. */
export class ToyNode {
  readonly peerId: string;
  /** Multiaddrs with the peer id. */
  readonly tcp: string;
  readonly quic: string;
  readonly connects: IConnectPacket[] = [];
  readonly streams: Stream[] = [];
  /** Streams that the client has ended in peace. */
  endedWell = 0;
  readonly #libp2p: Libp2p;

  private constructor(libp2p: Libp2p) {
    this.#libp2p = libp2p;
    this.peerId = libp2p.peerId.toString();
    const addresses = libp2p.getMultiaddrs().map(String);
    this.tcp = addresses.find((address) => address.includes('/tcp/'))!;
    this.quic = addresses.find((address) => address.includes('/quic-v1'))!;
  }

  static async start(): Promise<ToyNode> {
    const libp2p = (await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic-v1'] },
      transports: [tcp(), quic()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: 1000 },
    })) as unknown as Libp2p;
    const node = new ToyNode(libp2p);
    await libp2p.handle('/plexus/mqtt/1', (stream) => node.#serve(stream));
    return node;
  }

  get port(): number {
    return Number(/tcp\/(\d+)/.exec(this.tcp)![1]);
  }

  get connections(): number {
    return this.#libp2p.getConnections().length;
  }

  async stop(): Promise<void> {
    await this.#libp2p.stop();
  }

  #serve(stream: Stream): void {
    this.streams.push(stream);
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    const answer = (packet: Packet) => void stream.send(mqttPacket.generate(packet));
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        this.connects.push(packet);
        answer({ cmd: 'connack', returnCode: 0, sessionPresent: false });
      } else if (packet.cmd === 'subscribe') {
        answer({ cmd: 'suback', messageId: packet.messageId!, granted: [0] });
      } else if (packet.cmd === 'publish') {
        answer({ ...packet, qos: 0 });
        if (packet.qos === 1) answer({ cmd: 'puback', messageId: packet.messageId! });
      } else if (packet.cmd === 'pingreq') {
        answer({ cmd: 'pingresp' });
      }
    });
    stream.addEventListener('message', ({ data }) => void parser.parse(Buffer.from(data.subarray())));
    stream.addEventListener('end', () => {
      this.endedWell++;
      stream.close().catch(() => {});
    });
  }
}
