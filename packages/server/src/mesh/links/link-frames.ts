import {
  bytesSize,
  integerSize,
  textSize,
  WireError,
  type WireReader,
  writeBytes,
  writeInteger,
  writeText,
} from '../../peer/wire-bytes.ts';
import type { KeyPath } from '../ports.ts';

/** Bits of a MeshAsk frame. */
const ASK_ON = 1;
const ASK_ANEW = 2;
/** Bits of a MeshFilters frame. */
const WHOLE = 1;
const MORE = 2;
/** Longer filters do not cross the border of a cluster. */
export const MAX_FILTER_BYTES = 4096;
/** A frame is ended when it has so many bytes: with the longest path and filter it is below what every peer takes (docs/wire.md §2). */
const FRAME_BYTES = 6 * 1024;
/** Of a token or a list of revocations. */
const MAX_SIGNED_BYTES = 1024 * 1024;

/** The bodies of MeshToken and MeshRevocations. */
export interface SignedFrame {
  readonly realm: string;
  /** A view. */
  readonly bytes: Uint8Array;
}

export interface AskFrame {
  readonly realm: string;
  /** false: they are no longer of interest. */
  readonly isOn: boolean;
  /** Nothing that was asked before counts any more. */
  readonly isAnew: boolean;
  readonly paths: readonly KeyPath[];
}

export interface FiltersFrame {
  readonly realm: string;
  readonly path: KeyPath;
  /** These are all; else what has changed. */
  readonly isWhole: boolean;
  /** The next frame goes on with it. */
  readonly hasMore: boolean;
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

export function encodeSigned(realm: string, bytes: Uint8Array): Uint8Array {
  const body = Buffer.allocUnsafe(textSize(realm) + bytesSize(bytes));
  writeBytes(body, writeText(body, 0, realm), bytes);
  return body;
}

/** @throws {WireError} */
export function decodeSigned(reader: WireReader): SignedFrame {
  const realm = reader.text();
  const bytes = reader.bytes();
  if (bytes.length > MAX_SIGNED_BYTES) throw new WireError(`more than ${MAX_SIGNED_BYTES} signed bytes`);
  return { realm, bytes };
}

/** @returns as many frames as it takes: at least one if it is said anew */
export function encodeAsk(realm: string, isOn: boolean, isAnew: boolean, paths: readonly KeyPath[]): Uint8Array[] {
  const slices = slicesOf(paths);
  if (slices.length === 0 && isAnew) slices.push([]);
  return slices.map((slice, i) => {
    const body = Buffer.allocUnsafe(textSize(realm) + 1 + textsSize(slice));
    let at = writeText(body, 0, realm);
    body[at++] = (isOn ? ASK_ON : 0) | (isAnew && i === 0 ? ASK_ANEW : 0);
    writeTexts(body, at, slice);
    return body;
  });
}

/** @throws {WireError} */
export function decodeAsk(reader: WireReader): AskFrame {
  const realm = reader.text();
  const flags = reader.u8();
  return { realm, isOn: (flags & ASK_ON) !== 0, isAnew: (flags & ASK_ANEW) !== 0, paths: texts(reader) };
}

/** All filters under a path, in as many frames as it takes; at least one. */
export function encodeWhole(realm: string, path: KeyPath, filters: readonly string[]): Uint8Array[] {
  const slices = slicesOf(filters);
  if (slices.length === 0) slices.push([]);
  return slices.map((slice, i) =>
    filtersBody(realm, path, (i === 0 ? WHOLE : 0) | (i < slices.length - 1 ? MORE : 0), slice, []),
  );
}

/** Changes under a path; none if there are none. */
export function encodeChanges(
  realm: string,
  path: KeyPath,
  added: readonly string[],
  gone: readonly string[],
): Uint8Array[] {
  // What is gone makes room for what has come.
  const frames = slicesOf(gone).map((slice) => filtersBody(realm, path, 0, [], slice));
  for (const slice of slicesOf(added)) frames.push(filtersBody(realm, path, 0, slice, []));
  return frames;
}

/** @throws {WireError} */
export function decodeFilters(reader: WireReader): FiltersFrame {
  const realm = reader.text();
  const path = reader.text();
  const flags = reader.u8();
  const added = texts(reader);
  const gone = texts(reader);
  return { realm, path, isWhole: (flags & WHOLE) !== 0, hasMore: (flags & MORE) !== 0, added, gone };
}

function filtersBody(
  realm: string,
  path: KeyPath,
  flags: number,
  added: readonly string[],
  gone: readonly string[],
): Uint8Array {
  const body = Buffer.allocUnsafe(textSize(realm) + textSize(path) + 1 + textsSize(added) + textsSize(gone));
  let at = writeText(body, writeText(body, 0, realm), path);
  body[at++] = flags;
  at = writeTexts(body, at, added);
  writeTexts(body, at, gone);
  return body;
}

function slicesOf(all: readonly string[]): string[][] {
  const slices: string[][] = [];
  let slice: string[] = [];
  let bytes = 0;
  for (const text of all) {
    if (slice.length === 0) slices.push(slice);
    slice.push(text);
    bytes += textSize(text);
    if (bytes < FRAME_BYTES) continue;
    slice = [];
    bytes = 0;
  }
  return slices;
}

function textsSize(all: readonly string[]): number {
  let size = integerSize(all.length);
  for (const text of all) size += textSize(text);
  return size;
}

function writeTexts(out: Buffer, start: number, all: readonly string[]): number {
  let at = writeInteger(out, start, all.length);
  for (const text of all) at = writeText(out, at, text);
  return at;
}

function texts(reader: WireReader): string[] {
  const count = reader.integer();
  // Each has at least its length.
  if (count > reader.left) throw new WireError('ends too early');
  return Array.from({ length: count }, () => reader.text());
}
