import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationDoc, errorsDoc } from './docs-from-tables.ts';
import { repositoryRoot, sourceFiles } from './repository.ts';

const MAX_LINES = 400;
const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

describe('the repository', () => {
  it(`has no source file over ${MAX_LINES} lines`, () => {
    const long = sourceFiles(['packages'])
      .filter((path) => /^packages\/[^/]+\/src\//.test(path) && !path.endsWith('.test.ts'))
      .filter((path) => read(path).split('\n').length > MAX_LINES + 1);
    expect(long).toEqual([]);
  });

  it('names every folder of the server in docs/ARCHITECTURE.md', () => {
    const architecture = existsSync(join(repositoryRoot, 'docs/ARCHITECTURE.md')) ? read('docs/ARCHITECTURE.md') : '';
    const folders = readdirSync(join(repositoryRoot, 'packages/server/src'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(folders.filter((name) => !architecture.includes(`${name}/`))).toEqual([]);
  });

  it('has docs/configuration.md and docs/errors.md as the tables say (npm run docs)', () => {
    expect(read('docs/configuration.md')).toBe(configurationDoc());
    expect(read('docs/errors.md')).toBe(errorsDoc());
  });
});
