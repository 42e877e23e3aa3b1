const NEWLINE = 10;
const EMPTY: Uint8Array = new Uint8Array(0);

/** Lines of a stream of bytes, without their line ends, as bytes: a payload need not be text. A last line needs no end. */
export async function* lines(stream: AsyncIterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, from)) {
      parts.push(bytes.subarray(from, end));
      yield withoutReturn(Buffer.concat(parts));
      parts = [];
      from = end + 1;
    }
    if (from < bytes.length) parts.push(bytes.subarray(from));
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function withoutReturn(line: Uint8Array): Uint8Array {
  if (line.length === 0) return EMPTY;
  return line[line.length - 1] === 13 ? line.subarray(0, -1) : line;
}
