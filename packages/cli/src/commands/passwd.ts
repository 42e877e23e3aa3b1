import { Command } from 'commander';
import { type Io, UsageError, write } from '../io.ts';
import { lines } from '../lines.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

export function passwdCommand(io: Io): Command {
  return new Command('passwd')
    .description('make a password hash for the users table of the config file')
    .option('--name <name>', 'user name in the example', 'NAME')
    .option('--realm <realm>', 'realm in the example', 'default')
    .action(async ({ name, realm }: { name: string; realm: string }) => {
      const password = io.stdin.isTTY ? await askTwice(io) : await firstLine(io);
      if (password.length === 0) throw new UsageError('the password is empty');
      const { hashPassword } = await import('@plexus/server');
      const hash = await hashPassword(password);
      // The hash alone on stdout, for scripts; what to do with it beside it.
      await write(io.stdout, `${hash}\n`);
      const text = (value: string): string => JSON.stringify(value);
      const example = `users:\n  - name: ${text(name)}\n    passwordHash: ${hash}\n    realm: ${text(realm)}\n`;
      await write(io.stderr, `\nIn the file of --config:\n\n${example}`);
    });
}

async function firstLine(io: Io): Promise<Uint8Array> {
  for await (const line of lines(io.stdin as AsyncIterable<Uint8Array>)) return line;
  return new Uint8Array(0);
}

async function askTwice(io: Io): Promise<string> {
  const password = await ask(io, 'Password: ');
  if ((await ask(io, 'Again: ')) !== password) throw new UsageError('the passwords differ');
  return password;
}

/** Reads a line from a terminal without showing it. */
function ask(io: Io, prompt: string): Promise<string> {
  const { stdin, stderr } = io;
  stderr.write(prompt);
  stdin.setRawMode?.(true);
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (done: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write('\n');
      done();
    };
    const onData = (chunk: Uint8Array | string): void => {
      for (const char of Buffer.from(chunk as Uint8Array).toString()) {
        if (char === '\r' || char === '\n' || char === CTRL_D) {
          finish(() => resolve(typed));
          return;
        }
        if (char === CTRL_C) {
          finish(() => reject(new UsageError('interrupted')));
          return;
        }
        typed = char === '\u007f' || char === '\b' ? typed.slice(0, -1) : typed + char;
      }
    };
    stdin.on('data', onData);
    stdin.resume();
  });
}
