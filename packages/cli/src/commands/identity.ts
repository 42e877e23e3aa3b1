import { mkdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Io, write } from '../io.ts';

export function identityCommand(io: Io): Command {
  return new Command('identity')
    .description('print the peer id of a data directory; makes the identity if there is none yet')
    .option('--data-dir <dir>', 'as for start (env PLEXUS_DATA_DIR)')
    .action(async ({ dataDir }: { dataDir?: string }) => {
      const { loadConfig, loadIdentity } = await import('@plexus/server/files');
      const env = { PLEXUS_DATA_DIR: io.env.PLEXUS_DATA_DIR };
      const { dataDir: path } = loadConfig({ flags: { dataDir }, env, readFile: (file) => readFileSync(file, 'utf8') });
      mkdirSync(path, { recursive: true, mode: 0o700 });
      // Without the lock: a node may be running on it.
      await write(io.stdout, `${loadIdentity(path).peerId}\n`);
    });
}
