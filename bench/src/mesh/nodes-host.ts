/** A process with several whole nodes: fifty processes would be more than a small machine can hold. */
import { readFileSync } from 'node:fs';
import { createLogger, loadConfig, type NodeInfo, type PlexusNode, startNode } from '@plexus/server';
import { readFrames } from '../generator/closed-loop.ts';
import { Connection } from '../generator/connection.ts';
import { MqttWire } from '../generator/mqtt-wire.ts';
import { answerCalls } from './calls.ts';
import { Arrivals, type StampedPlan, sendStamped } from './stamped.ts';

/** Of a client in the process of its node. */
interface Inside {
  readonly port: number;
  readonly topic: string;
}

const wire = new MqttWire(4, 0, []);
/** By the port of the node. */
const arrivals = new Map<number, Arrivals>();
const publishers = new Map<number, Connection>();

const nodes = new Map<string, PlexusNode>();
const log = createLogger({ level: 'warn' });

answerCalls({
  /** @param flags by key, as the command line has them */
  start: async (flags: Readonly<Record<string, unknown>>): Promise<NodeInfo> => {
    const config = loadConfig({ flags, env: {}, readFile: (path) => readFileSync(path, 'utf8') });
    const node = await startNode(config, { log });
    nodes.set(node.info.nodeId, node);
    return node.info;
  },
  /** A client in this process subscribes. @param bytes of each message */
  listen: async ({ port, topic, bytes }: Inside & { bytes: number }) => {
    const connection = await Connection.open({ port, transport: 'tcp' }, wire, `inside-to-${port}`, topic);
    const own = new Arrivals(true);
    arrivals.set(port, own);
    const shape = wire.deliveryShape(topic, bytes);
    const arrived = (buffer: Buffer, offset: number): void =>
      own.add(buffer.subarray(offset + shape.payloadOffset, offset + shape.size));
    readFrames({ connection, received: 0 }, shape, arrived, () => {});
  },
  /** A client in this process publishes. */
  publish: async ({ port, topic, plan }: Inside & { plan: StampedPlan }) => {
    let publisher = publishers.get(port);
    publisher ??= await Connection.open({ port, transport: 'tcp' }, wire, `inside-from-${port}`, null);
    publishers.set(port, publisher);
    await sendStamped(plan, (message) => publisher.write(wire.publish(topic, message, 0)));
  },
  /** What came since the last question. */
  arrivals: ({ port }: Pick<Inside, 'port'>) => arrivals.get(port)!.take(),
  stop: async () => {
    await Promise.all([...nodes.values()].map((node) => node.stop()));
  },
});
