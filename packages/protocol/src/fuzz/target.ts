import { PacketError } from '../packet-error.ts';
import type { ProtocolVersion } from '../packets.ts';
import { encodeCall } from '../testing/encode-call.ts';
import {
  type Call,
  freshDecoder,
  OPTIONS,
  PLAIN_CONNACK,
  plainConnect,
  Recorder,
  type Side,
} from '../testing/recorder.ts';
import { DEFAULT_TOPIC_LIMITS } from '../topic.ts';
import { TopicTable } from '../topic-table.ts';

/** What is fed to a decoder: the first byte of an input says which, the rest is the stream. */
export interface Target {
  side: Side;
  version: ProtocolVersion;
}

export const TARGETS: readonly Target[] = [
  { side: 'server', version: 5 },
  { side: 'server', version: 4 },
  { side: 'client', version: 5 },
  { side: 'client', version: 4 },
];

/** Small, so that it can be passed. */
const MAX_PACKET_BYTES = 4096;
const TOPICS = 16;

interface Outcome {
  calls: Call[];
  /** Name and text of what was thrown; null for nothing. */
  error: string | null;
  heldBytes: number;
}

function decodeChunks({ side, version }: Target, chunks: readonly Uint8Array[]): Outcome {
  const recorder = new Recorder();
  const decoder = freshDecoder(side, version, recorder, {
    ...OPTIONS,
    maxPacketBytes: MAX_PACKET_BYTES,
    // Its own, so that what an input reaches does not depend on the inputs before it.
    topics: new TopicTable(TOPICS, DEFAULT_TOPIC_LIMITS),
  });
  let error: string | null = null;
  try {
    for (const chunk of chunks) decoder.push(chunk);
  } catch (thrown) {
    if (!(thrown instanceof PacketError)) throw thrown;
    error = `${thrown.reason} ${thrown.message}`;
  }
  const heldBytes = decoder.bufferedBytes;
  if (decoder.allocatedBytes > 2 * heldBytes + 64) throw new Error(`${decoder.allocatedBytes} bytes for ${heldBytes}`);
  return { calls: recorder.calls, error, heldBytes };
}

function split(stream: Uint8Array, points: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const point of [...points, stream.length]) {
    chunks.push(stream.slice(at, point));
    at = point;
  }
  return chunks;
}

const text = (outcome: Outcome): string =>
  JSON.stringify(outcome, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));

/**
 * Decodes an input whole, byte by byte, and in three pieces. @returns the calls, for who wants to look at them
 * @throws when anything but a PacketError comes out, or when the splits matter
 */
export function checkInput(input: Uint8Array): Call[] {
  const target = TARGETS[(input[0] ?? 0) % TARGETS.length]!;
  const stream = input.subarray(1);
  const before = stream.slice();
  const whole = decodeChunks(target, [stream]);
  if (stream.some((byte, i) => byte !== before[i])) throw new Error('the decoder wrote into its input');
  const expected = text(whole);
  const third = Math.floor(stream.length / 3);
  const bytewise = Array.from({ length: Math.max(0, stream.length - 1) }, (_, i) => i + 1);
  for (const points of [bytewise, [third, 2 * third + 1], [Math.min(1, stream.length), stream.length - 1]]) {
    const sorted = points.filter((point) => point > 0 && point < stream.length);
    const actual = text(decodeChunks(target, split(stream, sorted)));
    if (actual !== expected) throw new Error(`split at ${sorted.slice(0, 4)}…: ${actual}\nwhole: ${expected}`);
  }
  return whole.calls;
}

/** A CONNECT or CONNACK for the target, as an input begins with it. */
export function opening(index: number): Uint8Array {
  const { side, version } = TARGETS[index]!;
  const first: Call =
    side === 'server' ? { on: 'connect', packet: plainConnect(version) } : { on: 'connack', packet: PLAIN_CONNACK };
  return Uint8Array.of(index, ...encodeCall(version, first));
}
