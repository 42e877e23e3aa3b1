import { cpus, release, totalmem } from 'node:os';

/** What the numbers were measured on. */
export function machine() {
  return {
    date: new Date().toISOString(),
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().split('-')[0],
    node: process.versions.node,
  };
}

export type Machine = ReturnType<typeof machine>;
