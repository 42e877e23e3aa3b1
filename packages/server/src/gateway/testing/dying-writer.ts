import { existsSync, rmSync } from 'node:fs';
import type { Hosted, Reply } from '../../lib/sqlite/hosted.ts';
import type { WriterInit } from '../messages.ts';
import { create as createWriter } from '../writer-host.ts';

/** A file beside the store's: as long as it is there, the writer dies with its next commit. */
export const dieFile = (file: string): string => `${file}.die`;

/** The writer of a store, which dies when it is told to: what it had in hand is committed, and none of it is answered. */
export function create(init: WriterInit, reply: Reply): Hosted {
  const isTold = (): boolean => existsSync(dieFile(init.file));
  // The file may come to be while a commit is already answered: it is for the next one.
  let isWithheld = false;
  const writer = createWriter(init, (message, transfer) => {
    const { kind } = message as { kind: string };
    if (kind === 'done' && isTold()) isWithheld = true;
    else reply(message, transfer);
  });
  return {
    ...writer,
    handle: (messages) => {
      writer.handle(messages);
      if (!isWithheld) return;
      rmSync(dieFile(init.file));
      process.exit(1);
    },
  };
}
