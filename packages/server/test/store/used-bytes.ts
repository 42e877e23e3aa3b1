import { readFileSync } from 'node:fs';

/** Bytes of a file without the zeros at its end: a write-ahead log has room there that is not written yet. */
export function usedBytes(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
