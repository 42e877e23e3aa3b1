import { PlexusError } from '@plexus/protocol';
import { Command, CommanderError } from 'commander';
import { clientsCommand, sessionsCommand } from './commands/clients.ts';
import { clusterCommand } from './commands/cluster.ts';
import { identityCommand } from './commands/identity.ts';
import { meshCommand } from './commands/mesh.ts';
import { passwdCommand } from './commands/passwd.ts';
import { peersCommand } from './commands/peers.ts';
import { pubCommand } from './commands/pub.ts';
import { realmCommand } from './commands/realm.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { storeCommand } from './commands/store.ts';
import { subCommand } from './commands/sub.ts';
import { type Io, UsageError } from './io.ts';
import { version } from './version.ts';

export const ExitCode = { Done: 0, Failed: 1, Usage: 2 } as const;

/** Whether the flags of `start`, which come from the server's option table, are needed. */
const asksForStart = (args: readonly string[]): boolean =>
  args.find((arg) => !arg.startsWith('-') && arg !== 'help') === 'start';

async function build(args: readonly string[], io: Io): Promise<Command> {
  // Loading the server takes longer than most commands do.
  const server = asksForStart(args) ? await import('@plexus/server') : null;
  const program = new Command('plexus')
    .description('An MQTT broker in one program')
    .version(version)
    .addCommand(startCommand(io, server))
    .addCommand(statusCommand(io))
    .addCommand(clientsCommand(io))
    .addCommand(sessionsCommand(io))
    .addCommand(pubCommand(io))
    .addCommand(subCommand(io))
    .addCommand(storeCommand(io))
    .addCommand(peersCommand(io))
    .addCommand(clusterCommand(io))
    .addCommand(meshCommand(io))
    .addCommand(realmCommand(io))
    .addCommand(identityCommand(io))
    .addCommand(passwdCommand(io));
  settle(program, io);
  return program;
}

/** Makes a command and those below it throw instead of ending the process, and write where we want. */
function settle(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
  });
  command.showHelpAfterError('(--help says more)');
  for (const child of command.commands) settle(child, io);
}

/** Runs a command line. @returns the exit code; what went wrong is on stderr. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await build(args, io);
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.Done;
  } catch (error) {
    return explain(error, io);
  }
}

function explain(error: unknown, io: Io): number {
  // commander has written it, and uses this class for --help and --version too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  const message = error instanceof Error ? error.message : String(error);
  io.stderr.write(`plexus: ${message}\n`);
  if (error instanceof UsageError) return ExitCode.Usage;
  if (error instanceof PlexusError && error.code === 'config_invalid') return ExitCode.Usage;
  return ExitCode.Failed;
}
