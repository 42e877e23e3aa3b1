import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectPlan, ConnectResult, Target, Timing } from '../plan.ts';
import { cpuSeconds } from './closed-loop.ts';
import { createWire, type Wire } from './wire.ts';

/** Loopback addresses to come from, in turn: brokers limit the connections from one, Plexus by default too. */
const ADDRESSES = Array.from({ length: 32 }, (_, index) => `127.0.0.${index + 1}`);

const readBuffer = Buffer.alloc(64 * 1024);

/**
 * Handshakes per second: TCP connection, CONNECT, CONNACK; then the connection is reset, so that no port is left in
 * TIME_WAIT and none ever gets scarce. Each has a client id of its own.
 */
export async function runConnects(plan: ConnectPlan, target: Target, timing: Timing): Promise<ConnectResult> {
  const storm = new Storm(target.port, createWire(plan.wire));
  for (let index = 0; index < plan.concurrency; index++) storm.next();
  await sleep(timing.warmupMs);
  const before = snapshot(storm, target);
  await sleep(timing.measureMs);
  const after = snapshot(storm, target);
  const connects = after.accepted - before.accepted;
  if (connects === 0) throw new Error('stalled: no connection was accepted during the measurement');
  const seconds = after.at - before.at;
  const brokerCpu = after.brokerCpu - before.brokerCpu;
  return {
    mode: 'connect',
    connectsPerSecond: connects / seconds,
    brokerCpuMicrosPerConnect: (brokerCpu / connects) * 1e6,
    brokerCores: brokerCpu / seconds,
    generatorCores: (after.generatorCpu - before.generatorCpu) / seconds,
  };
}

class Storm {
  accepted = 0;
  readonly #port: number;
  readonly #wire: Wire;
  #opened = 0;

  constructor(port: number, wire: Wire) {
    this.#port = port;
    this.#wire = wire;
  }

  /** Opens a connection, and the next one as soon as this one is accepted. A refusal or a lost connection throws. */
  next(): void {
    const number = this.#opened++;
    const localAddress = ADDRESSES[number % ADDRESSES.length]!;
    let seen = Buffer.alloc(0);
    const callback = (length: number): boolean => {
      const piece = readBuffer.subarray(0, length);
      seen = seen.length === 0 ? Buffer.from(piece) : Buffer.concat([seen, piece]);
      if (this.#wire.connectAnswer(seen) === 0) return true;
      this.accepted++;
      socket.resetAndDestroy();
      this.next();
      return false;
    };
    const socket: Socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      localAddress,
      noDelay: true,
      onread: { buffer: readBuffer, callback },
    });
    socket.on('error', lost);
    socket.on('end', lost);
    // Written as soon as the connection is there.
    socket.write(this.#wire.connect(`client${String(number).padStart(8, '0')}`));
  }
}

function lost(error?: Error): never {
  throw new Error(`connection lost before CONNACK: ${error?.message ?? 'the broker closed it'}`);
}

function snapshot(storm: Storm, target: Target) {
  const { user, system } = process.cpuUsage();
  return {
    at: performance.now() / 1000,
    accepted: storm.accepted,
    brokerCpu: cpuSeconds(target.pids),
    generatorCpu: (user + system) / 1e6,
  };
}
