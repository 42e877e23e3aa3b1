/** Longest name of a store, stream, type or subscription, percent-encoded. */
export const MAX_NAME_BYTES = 200;

/** A name as one level of a topic: `%`, `/`, `+` and `#` percent-encoded, everything else as it is. */
export function encodeLevel(name: string): string {
  return /[%/+#]/.test(name)
    ? name.replace(/[%/+#]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    : name;
}

/** The name behind a level of a topic, or null if the level is not one that `encodeLevel` makes (hexadecimal in any case). */
export function decodeLevel(level: string): string | null {
  const name = level.replace(/%(25|2[fF]|2[bB]|23)/g, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
  return encodeLevel(name).toLowerCase() === level.toLowerCase() ? name : null;
}

/** What is wrong with `name` as a name of a store, stream, type or subscription, or null. */
export function nameProblem(name: unknown): string | null {
  if (typeof name !== 'string' || name === '') return 'must be a text that is not empty';
  if (!name.isWellFormed() || /\p{Cc}/u.test(name)) return 'holds a control character or a lone surrogate';
  // As a part of a path, encoded or not, every client of HTTP takes them away.
  if (name === '.' || name === '..') return 'must not be . or ..';
  const bytes = Buffer.byteLength(encodeLevel(name));
  return bytes > MAX_NAME_BYTES ? `has ${bytes} bytes when percent-encoded, over the limit of ${MAX_NAME_BYTES}` : null;
}
