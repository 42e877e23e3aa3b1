/**
 * Topic filters as the sets of topics that they match, by MQTT 5.0 §4.7 (`topicMatches`). Both functions take valid filters, without
 * `$share/{group}/`, and look at each level once.
 */

/** Whether every topic that matches `inner` matches `outer`. */
export function filterCovers(outer: string, inner: string): boolean {
  const wide = outer.split('/');
  const narrow = levelsOf(inner);
  for (const [index, level] of wide.entries()) {
    const given = narrow[index];
    // # stands for the level above it too: a/# takes a (§4.7.1.2).
    if (level === '#') return index > 0 || !given!.startsWith('$');
    if (given === undefined || given === '#') return false;
    if (level === '+') {
      // A wildcard in the first level does not reach topics that begin with $ [MQTT-4.7.2-1].
      if (index === 0 && given.startsWith('$')) return false;
    } else if (level !== given) return false;
  }
  return wide.length === narrow.length;
}

/** Whether some topic matches both. */
export function filtersOverlap(one: string, other: string): boolean {
  const left = levelsOf(one);
  const right = levelsOf(other);
  if (isWildcard(left[0]!) && right[0]!.startsWith('$')) return false;
  if (isWildcard(right[0]!) && left[0]!.startsWith('$')) return false;
  const common = Math.min(left.length, right.length);
  for (let index = 0; index < common; index++) {
    const [a, b] = [left[index]!, right[index]!];
    if (a === '#' || b === '#') return true;
    if (a !== b && a !== '+' && b !== '+') return false;
  }
  if (left.length === right.length) return true;
  // What the longer one wants beyond must be nothing, or anything.
  return (left.length > right.length ? left : right)[common] === '#';
}

/** No topic is empty [MQTT-4.7.3-1]: # takes what +/# takes, and /# what /+/# takes. */
function levelsOf(filter: string): string[] {
  if (filter === '#') return ['+', '#'];
  return filter === '/#' ? ['', '+', '#'] : filter.split('/');
}

const isWildcard = (level: string): boolean => level === '+' || level === '#';
