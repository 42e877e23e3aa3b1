import { FrameChannel, frameType } from './frame-channel.ts';
import type { ChannelWrapper } from './virtual-network.ts';

/** Of the server's peer/frame-types.ts. */
const DELTA = 21;
const FIRST_DATA_TYPE = 64;
/** Of a frame, before its type. */
const LENGTH_BYTES = 4;
/** A data frame has its flags after its type, then its number as a varint. */
const NUMBER_AT = LENGTH_BYTES + 2;

/** Every third change of a table is not seen by the node it is for. */
export function skippingDeltas(): ChannelWrapper {
  let seen = 0;
  return (channel) =>
    new FrameChannel(channel, (frame) => (frameType(frame) === DELTA && ++seen % 3 === 0 ? [] : [frame]));
}

/** Where the number of a data frame ends. */
function numberEnd(frame: Uint8Array): number {
  let at = NUMBER_AT;
  while (frame[at]! >= 0x80) at++;
  return at + 1;
}

/** `frame` with the number of `other`: what a sender makes that numbers its frames in the wrong order. */
function renumbered(frame: Uint8Array, other: Uint8Array): Uint8Array {
  const rest = frame.subarray(numberEnd(frame));
  const number = other.subarray(NUMBER_AT, numberEnd(other));
  const out = Buffer.concat([frame.subarray(0, NUMBER_AT), number, rest]);
  out.writeUInt32BE(out.length - LENGTH_BYTES, 0);
  return Uint8Array.from(out);
}

/** Now and then two data frames that came in one read trade places, and their numbers are put right. */
export function swappingFrames(): ChannelWrapper {
  let seen = 0;
  return (channel) => {
    let held: Uint8Array | null = null;
    return new FrameChannel(channel, (frame) => {
      const first = held;
      held = null;
      if (first !== null) {
        const swappable = frameType(frame) >= FIRST_DATA_TYPE && frame[LENGTH_BYTES + 1] === first[LENGTH_BYTES + 1];
        return swappable ? [renumbered(frame, first), renumbered(first, frame)] : [first, frame];
      }
      // Held until the next frame, whatever that is: there is a heartbeat soon.
      if (frameType(frame) < FIRST_DATA_TYPE || ++seen % 10 !== 0) return [frame];
      held = frame;
      return [];
    });
  };
}
