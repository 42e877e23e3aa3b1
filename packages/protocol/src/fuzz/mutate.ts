/** Random numbers that a seed gives again (mulberry32). @returns the next integer in [0, below) */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

/** Bytes on which decoders turn: ends of ranges, continuation bits, first bytes of packets, properties, bad UTF-8. */
const TELLING = Uint8Array.from([
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x7f, 0x80, 0xff, 0x10, 0x20, 0x30, 0x32, 0x34, 0x3d, 0x40, 0x62, 0x82, 0xa2,
  0xc0, 0xe0, 0xf0, 0x08, 0x09, 0x0b, 0x11, 0x15, 0x16, 0x17, 0x18, 0x1f, 0x21, 0x22, 0x23, 0x26, 0x27, 0x2a, 0xc1,
  0xed, 0xf4,
]);

const STEPS: readonly ((bytes: number[], random: Random, other: Uint8Array) => void)[] = [
  (bytes, random) => {
    const at = random(bytes.length);
    bytes[at]! ^= 1 << random(8);
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = TELLING[random(TELLING.length)]!;
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = random(256);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    bytes[at] = (bytes[at]! + (random(2) === 0 ? 1 : 0xff)) & 0xff;
  },
  (bytes, random) => {
    bytes.splice(random(bytes.length + 1), 0, TELLING[random(TELLING.length)]!);
  },
  (bytes, random) => {
    bytes.splice(random(bytes.length), 1 + random(4));
  },
  (bytes, random) => {
    bytes.length = random(bytes.length + 1);
  },
  (bytes, random) => {
    const from = random(bytes.length);
    bytes.splice(random(bytes.length), 0, ...bytes.slice(from, from + 1 + random(16)));
  },
  (bytes, random, other) => {
    const at = random(other.length + 1);
    bytes.splice(random(bytes.length + 1), random(8), ...other.slice(at, at + 1 + random(32)));
  },
  (bytes, _, other) => {
    bytes.push(...other);
  },
];

/** `bytes` after one to eight small changes; `other` is what pieces are taken from. At most `maxBytes` long. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random, maxBytes: number): Uint8Array {
  const out = [...bytes];
  for (let left = 1 << random(4); left > 0; left--) {
    if (out.length === 0) out.push(TELLING[random(TELLING.length)]!);
    STEPS[random(STEPS.length)]!(out, random, other);
  }
  return Uint8Array.from(out.slice(0, maxBytes));
}
