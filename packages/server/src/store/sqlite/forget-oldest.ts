/** Takes the entries that were put in first out of `map`, until `most` are left. */
export function forgetOldest(map: Map<string, unknown>, most: number): void {
  let surplus = map.size - most;
  if (surplus <= 0) return;
  for (const key of map.keys()) {
    if (surplus-- === 0) return;
    map.delete(key);
  }
}
