/** Writes docs/configuration.md and docs/errors.md from the tables: `npm run docs`. `house.test.ts` checks that they match. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationDoc, errorsDoc } from './docs-from-tables.ts';
import { repositoryRoot } from './repository.ts';

writeFileSync(join(repositoryRoot, 'docs', 'configuration.md'), configurationDoc());
writeFileSync(join(repositoryRoot, 'docs', 'errors.md'), errorsDoc());
