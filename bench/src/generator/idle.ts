import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IdlePlan, IdleResult, Target } from '../plan.ts';
import { Answers } from './answers.ts';
import { Connection, openConnections } from './connection.ts';
import { CountingReceiver } from './receivers.ts';
import { createWire } from './wire.ts';

/** Resident memory of the broker per further connection, once there are some and once there are all. */
export async function runIdle(plan: IdlePlan, target: Target): Promise<IdleResult> {
  const wire = createWire(plan.wire);
  const shape = wire.deliveryShape(wire.topic(1), 1);
  const open = async (name: string): Promise<Connection> => {
    const connection = await Connection.open({ port: target.port, transport: plan.wire.transport }, wire, name, null);
    const quiet = new CountingReceiver(shape, new Answers((bytes) => connection.write(bytes)));
    connection.onBytes((length, buffer) => quiet.take(length, buffer));
    return connection;
  };
  await openConnections(plan.baselineConnections, (index) => open(`first${index}`));
  await sleep(plan.settleMs);
  const pid = target.pids[0]!;
  const before = residentBytes(pid);
  const added = plan.connections - plan.baselineConnections;
  await openConnections(added, (index) => open(`idle${index}`));
  await sleep(plan.settleMs);
  const bytesPerConnection = (residentBytes(pid) - before) / added;
  return { mode: 'idle', bytesPerConnection, connections: plan.connections };
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (match === null) throw new Error('no VmRSS in /proc');
  return Number(match[1]) * 1024;
}
