/** A prime: no change of one bit of one number leaves the sum as it was. */
const PRIME = 2 ** 24 - 3;
const FACTORS = { id: 65_537, position: 31, n: 257 } as const;

/**
 * Checksum of an entry of the indexes of streams, types and tags: of its row id, the position and its number. An entry that
 * was changed would hide an event where entries are compared with each other, and no event is looked at.
 * @returns an integer from 0
 */
export function entrySum(id: number, position: number, n: number): number {
  const { id: byId, position: byPosition, n: byN } = FACTORS;
  return ((id % PRIME) * byId + (position % PRIME) * byPosition + (n % PRIME) * byN) % PRIME;
}

/** The same in SQL, of SQL. */
export function entrySumSql(id: string, position: string, n: string): string {
  const part = (value: string, factor: number): string => `((${value}) % ${PRIME}) * ${factor}`;
  return `((${part(id, FACTORS.id)} + ${part(position, FACTORS.position)} + ${part(n, FACTORS.n)}) % ${PRIME})`;
}
