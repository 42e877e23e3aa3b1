import { processIo } from './io.ts';
import { run } from './program.ts';

// A reader that goes away (`plexus clients | head`) is not a failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const code = await run(process.argv.slice(2), processIo);
// Not process.exit at once: what was written to a pipe may still be on its way.
process.exitCode = code;
if (process.stdout.writableLength > 0) await new Promise((resolve) => process.stdout.once('drain', resolve));
process.exit();
