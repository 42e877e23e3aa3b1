import { PlexusError } from '@plexus/protocol';

/** Primary result codes: https://www.sqlite.org/rescode.html */
const Code = {
  Perm: 3,
  Busy: 5,
  Locked: 6,
  NoMem: 7,
  ReadOnly: 8,
  Interrupt: 9,
  IoErr: 10,
  Corrupt: 11,
  Full: 13,
  CantOpen: 14,
  Protocol: 15,
  TooBig: 18,
  NotADb: 26,
} as const;

/** Extended codes of `IoErr`. */
const IoErr = { ShortRead: 522, Write: 778, ShmSize: 4874, ShmMap: 5386 } as const;

// Nothing that we hand in is too big: a length in a damaged page is.
const DAMAGED: ReadonlySet<number> = new Set([Code.Corrupt, Code.NotADb, Code.TooBig]);
// SQLite says `Full` for ENOSPC and no more than `Write` for a quota or a limit on the size of files.
const NO_ROOM: ReadonlySet<number> = new Set([IoErr.Write, IoErr.ShmSize, IoErr.ShmMap]);
const UNAVAILABLE: ReadonlySet<number> = new Set([
  Code.Perm,
  Code.Busy,
  Code.Locked,
  Code.NoMem,
  Code.ReadOnly,
  Code.Interrupt,
  Code.IoErr,
  Code.CantOpen,
  Code.Protocol,
]);

/** Of `node:fs`: no room, or none for this user. */
const NO_ROOM_ERRNO: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

interface SqliteError extends Error {
  code?: string;
  /** Extended result code. */
  errcode?: number;
  errstr?: string;
}

/** @param position of the event that was looked for; null: not known */
export function damaged(file: string, problem: string, position: number | null = null): PlexusError {
  return new PlexusError('store_damaged', { file, problem, position });
}

/**
 * What an error of SQLite or of `node:fs` on `file` means: `store_full`, `store_damaged` or `store_unavailable`. Whatever is no fault of
 * the file or the disk, such as a mistake in SQL, comes back as it is.
 */
export function faultOf(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error instanceof PlexusError) return error;
  const { code, errcode, errstr, message } = error as SqliteError;
  // A number that JavaScript cannot hold: nothing that we write.
  if (code === 'ERR_OUT_OF_RANGE') return damaged(file, message);
  if ('syscall' in error && code !== undefined) return systemFault(error, code, file);
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return error;
  const primary = errcode & 0xff;
  if (DAMAGED.has(primary) || errcode === IoErr.ShortRead) return damaged(file, message);
  if (primary === Code.Full || NO_ROOM.has(errcode)) return new PlexusError('store_full', { file }, { cause: error });
  if (!UNAVAILABLE.has(primary)) return error;
  const reason = `${message === '' ? errstr : message} (SQLite ${errcode})`;
  return new PlexusError('store_unavailable', { store: file, reason }, { cause: error });
}

/** The file system says no: a file where a directory should be, no permission, no room. */
function systemFault(error: Error, code: string, file: string): PlexusError {
  if (NO_ROOM_ERRNO.has(code)) return new PlexusError('store_full', { file }, { cause: error });
  return new PlexusError('store_unavailable', { store: file, reason: error.message }, { cause: error });
}
