import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { it } from 'vitest';

/** Whether a program can be started at all. */
export function canRun(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).error === undefined;
}

/** The first Python that has the MQTT client of Eclipse Paho. */
export function pythonWithPaho(): string | null {
  const has = (python: string) => spawnSync(python, ['-c', 'import paho.mqtt.client']).status === 0;
  return ['/usr/bin/python3', 'python3'].find(has) ?? null;
}

/** A test that needs a peer: without it skipped by name, and failed in CI. */
export function itNeeds(peer: string, present: boolean, name: string, test: () => Promise<void>): void {
  if (present) it(name, test);
  else if (process.env.CI === 'true') {
    it(name, () => {
      throw new Error(`${peer} is not installed`);
    });
  } else it.skip(`${name} (${peer} is not installed)`, test);
}

export interface Finished {
  code: number | null;
  out: string;
  err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
  /** What it has printed so far. */
  out(): string;
}

/** Starts a program, whose input is closed. */
export function start(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const done = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, done, out: () => out };
}
