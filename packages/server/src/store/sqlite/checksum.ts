import { crc32 } from 'node:zlib';

/**
 * Checksum of a row of any table but `events`: of the table's name and all columns but the checksum, in the order of `SCHEMA`.
 * @returns an unsigned 32-bit integer
 */
export function rowChecksum(table: string, ...columns: readonly (number | string | null)[]): number {
  return crc32(JSON.stringify([table, columns]));
}
