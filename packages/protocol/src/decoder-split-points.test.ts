import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyPacket, connectPacket, SEED } from './testing/arbitraries.ts';
import { bytes, packet, props, u16, u32 } from './testing/bytes.ts';
import { encodeCall } from './testing/encode-call.ts';
import { type Call, freshDecoder, PLAIN_CONNACK, plainConnect, Recorder, type Side } from './testing/recorder.ts';

type Version = 4 | 5;

/** A packet of every kind that the side takes, CONNECT or CONNACK first. */
function corpus(side: Side, version: Version): Uint8Array {
  const none = version === 5 ? props() : bytes();
  const rich = version === 5 ? props(0x26, 'name', 'välue', 0x02, u32(60), 0x23, u16(3), 0x08, 'a/b') : none;
  const both = [
    packet(0x30, 'a', none),
    packet(0x30, 'a/b', rich, new Uint8Array(100).fill(1)),
    packet(0x3d, 'ünïcode/topic', u16(9), rich, new Uint8Array(200).fill(2)),
    packet(0x40, u16(1)),
    packet(0x50, u16(2)),
    packet(0x62, u16(3)),
    packet(0x70, u16(4)),
    ...(version === 5 ? [packet(0x40, u16(5), 0x87, props(0x1f, 'no')), packet(0xf0, 0x18, props(0x15, 'm'))] : []),
  ];
  const first: Call =
    side === 'server'
      ? { on: 'connect', packet: { ...plainConnect(version), username: 'user', password: bytes(1, 2, 3) } }
      : { on: 'connack', packet: PLAIN_CONNACK };
  const sided =
    side === 'server'
      ? [packet(0x82, u16(1), none, 'a/#', 1, 'b', 0), packet(0xa2, u16(2), none, 'a/#'), packet(0xc0), packet(0xe0)]
      : [packet(0x90, u16(1), none, 0, 1), packet(0xb0, u16(2), none, version === 5 ? 0 : []), packet(0xd0)];
  return bytes(encodeCall(version, first), ...both, ...sided);
}

function calls(side: Side, version: Version, chunks: Uint8Array[]): Call[] {
  const recorder = new Recorder();
  const decoder = freshDecoder(side, version, recorder);
  for (const chunk of chunks) {
    const before = chunk.slice();
    decoder.push(chunk);
    // Comparing long chunks by matcher is slow; this is the same.
    if (Buffer.compare(before, chunk) !== 0) throw new Error('the decoder wrote into a chunk');
  }
  expect(decoder.bufferedBytes).toBe(0);
  expect(decoder.allocatedBytes).toBe(0);
  return recorder.calls;
}

describe.each([
  ['server', 4],
  ['server', 5],
  ['client', 4],
  ['client', 5],
] as const)('for the %s, protocol level %i, the same packets come', (side, version) => {
  const stream = corpus(side, version);
  const whole = calls(side, version, [stream]);

  test('byte by byte', () => {
    expect(whole.length).toBeGreaterThan(10);
    expect(
      calls(
        side,
        version,
        Array.from(stream, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
  });

  test('whatever the one split', () => {
    const expected = JSON.stringify(whole);
    for (let at = 0; at <= stream.length; at++) {
      const split = calls(side, version, [stream.slice(0, at), stream.slice(at)]);
      if (JSON.stringify(split) !== expected) expect(split, `split at ${at}`).toEqual(whole);
    }
  });

  test('in chunks of every size up to 300', () => {
    const expected = JSON.stringify(whole);
    for (let size = 1; size <= 300; size += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size));
      if (JSON.stringify(calls(side, version, chunks)) !== expected) expect.fail(`chunks of ${size}`);
    }
  });
});

test('a long packet comes, split anywhere in its header or in two places', () => {
  const first = encodeCall(4, { on: 'connect', packet: plainConnect(4) });
  const long = packet(0x34, 'long', u16(10), new Uint8Array(17_000).fill(3));
  const stream = bytes(first, long, packet(0xc0));
  const whole = calls('server', 4, [stream]);
  expect(whole.map((call) => call.on)).toEqual(['connect', 'publish', 'pingreq']);
  for (let one = first.length; one < first.length + 16; one++) {
    for (const two of [one + 1, one + 2, one + 70, 9000, stream.length - 3, stream.length - 2, stream.length - 1]) {
      expect(calls('server', 4, [stream.slice(0, one), stream.slice(one, two), stream.slice(two)])).toEqual(whole);
    }
  }
});

test('any packets in any chunks are the packets that were sent', () => {
  const packets = fc.tuple(
    connectPacket(5, 0),
    fc.array(
      anyPacket('server', 5).filter((call) => call.on !== 'connect'),
      { maxLength: 8 },
    ),
  );
  fc.assert(
    fc.property(packets, fc.array(fc.nat(400)), ([connect, rest], sizes) => {
      const sent: Call[] = [{ on: 'connect', packet: connect }, ...rest];
      const stream = bytes(...sent.map((call) => encodeCall(5, call)));
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of sizes) {
        chunks.push(stream.slice(at, at + size));
        at += size;
      }
      chunks.push(stream.slice(at));
      expect(calls('server', 5, chunks)).toEqual(sent);
    }),
    { numRuns: 500, ...SEED },
  );
});
