import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../config.ts';
import { createLogger } from '../lib/log.ts';
import { type PlexusNode, startNode } from '../node.ts';

export interface RealNode extends AsyncDisposable {
  readonly node: PlexusNode;
  readonly dataDir: string;
  readonly mqttPort: number;
  /** `mqtt://host:port` */
  readonly url: string;
}

/** A whole node on loopback with free ports and a data directory that goes with it. @param flags as on the command line */
export async function realNode(flags: Readonly<Record<string, string>> = {}): Promise<RealNode> {
  const dataDir = mkdtempSync(join(tmpdir(), 'plexus-node-'));
  const config = loadConfig({
    flags: { mqttPort: '0', httpPort: '0', peerPort: '0', dataDir, ...flags },
    env: {},
    readFile: () => '',
  });
  const node = await startNode(config, { log: createLogger({ level: 'silent' }) });
  const mqttPort = node.info.mqttPort!;
  return {
    node,
    dataDir,
    mqttPort,
    url: `mqtt://127.0.0.1:${mqttPort}`,
    async [Symbol.asyncDispose]() {
      await node.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
