// A small notation for packets that no encoder would write.

type Part = number | string | Uint8Array | readonly Part[];

/** Bytes of numbers (one byte each), strings (UTF-8 with a two-byte length), and bytes as they are. */
export function bytes(...parts: Part[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(flat));
}

/** A packet: first byte, remaining length, body. */
export function packet(first: number, ...body: Part[]): Uint8Array {
  const rest = bytes(...body);
  return bytes(first, varint(rest.length), rest);
}

/** Properties with their length. */
export function props(...parts: Part[]): Uint8Array {
  const rest = bytes(...parts);
  return bytes(varint(rest.length), rest);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  do {
    out.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Uint8Array.from(out);
}

/** A string field of bytes that are none. */
export function rawString(...content: number[]): Uint8Array {
  return bytes(u16(content.length), content);
}

function flat(part: Part): number[] {
  if (typeof part === 'number') return [part];
  if (typeof part === 'string') {
    const text = new TextEncoder().encode(part);
    return [text.length >>> 8, text.length & 0xff, ...text];
  }
  return part instanceof Uint8Array ? [...part] : part.flatMap(flat);
}
