import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = join(import.meta.dirname, '../../store-peers');

/** Installs the clients of other stores, once: they have dozens of packages that nothing else here needs. */
export function installPeers(): void {
  if (existsSync(join(folder, 'node_modules/.package-lock.json'))) return;
  const arguments_ = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', arguments_, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A module of theirs. @throws if `installPeers` was never called, or failed */
export async function peerModule<T>(name: string): Promise<T> {
  const require = createRequire(join(folder, 'package.json'));
  return (await import(pathToFileURL(require.resolve(name)).href)) as T;
}
