/** FNV-1a over code units: 32 bits, signed. Its low bits are good, its high ones only after `mixBits`. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The finisher of MurmurHash3: every bit of the input moves every bit of the result. @returns an unsigned 32-bit integer */
export function mixBits(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * How strongly a member wants a thing, for rendezvous hashing (Thaler and Ravishankar, 1998): of all members, the one with the highest score
 * has it. One that comes takes some things from the others, one that goes gives up its own; nothing else moves.
 */
export const rendezvousScore = (thingHash: number, memberHash: number): number =>
  mixBits(thingHash ^ Math.imul(memberHash, 0x9e3779b1));
