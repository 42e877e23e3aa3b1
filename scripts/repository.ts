import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const repositoryRoot = resolve(import.meta.dirname, '..');

const SKIPPED = new Set(['node_modules', 'dist', 'coverage']);

/** TypeScript files under folders of the repository, as paths from its root with slashes, in order. */
export function sourceFiles(folders: readonly string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(repositoryRoot, folder)))
    .flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(repositoryRoot.length + 1)
            .replaceAll('\\', '/'),
        ),
    )
    .filter((path) => !path.split('/').some((name) => SKIPPED.has(name)))
    .sort();
}
