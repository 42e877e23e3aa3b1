/** What a command touches of the process; tests pass their own. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const processIo: Io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env };

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** What was asked for did not happen: exit code 1. */
export class CommandError extends Error {}

/** Writes, and waits while the reader is slow. */
export function write(stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** Aligned columns, for a person. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** What others chose, as a client its id, must not steer the terminal of whoever lists it. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}

/** Until the person has had enough; what runs then ends without being a failure. */
export function interruption(): { interrupted: Promise<void>; release: () => void } {
  let onSignal = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    onSignal = resolve;
    process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  });
  return { interrupted, release: () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}
