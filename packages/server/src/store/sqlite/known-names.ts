/** Longer ones are rare, and cost less beside what comes with them. */
const MOST_BYTES = 48;
const SLOTS = 4096;

/**
 * Names as text, from their bytes. Those of streams and types come again and again: to find a text by its bytes takes a third of
 * the time that making it anew does, and a map then knows it by its address.
 */
export class KnownNames {
  readonly #texts: (string | undefined)[] = new Array(SLOTS).fill(undefined);

  /** @returns the text of the UTF-8 in `[at, at + length)` */
  textAt(buffer: Buffer, at: number, length: number): string {
    if (length > MOST_BYTES) return buffer.toString('utf8', at, at + length);
    const slot = slotOf(buffer, at, length);
    const known = this.#texts[slot];
    if (known !== undefined && isText(known, buffer, at, length)) return known;
    const text = buffer.toString('utf8', at, at + length);
    this.#texts[slot] = text;
    return text;
  }
}

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
function slotOf(buffer: Buffer, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/** Whether `text` is what these bytes say, each a character of ASCII. Others are made anew each time. */
function isText(text: string, buffer: Buffer, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const byte = buffer[at + i]!;
    if (byte > 0x7f || text.charCodeAt(i) !== byte) return false;
  }
  return true;
}
