const US_PER_S = 1_000_000;

/** @param timeUs microseconds since 1970 @returns ISO 8601 in UTC with microseconds: `2026-11-21T09:00:00.123456Z` */
export function isoTimeOfUs(timeUs: number): string {
  const seconds = Math.floor(timeUs / US_PER_S);
  const fraction = timeUs - seconds * US_PER_S;
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
}
