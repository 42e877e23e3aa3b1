import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketError } from './packet-error.ts';
import type { PublishView } from './packets.ts';
import { anyPacket, SEED } from './testing/arbitraries.ts';
import { bytes, packet, props, u16, varint } from './testing/bytes.ts';
import { encodeCall } from './testing/encode-call.ts';
import { decode, freshDecoder, OPTIONS, openDecoder, Recorder } from './testing/recorder.ts';
import { DEFAULT_TOPIC_LIMITS } from './topic.ts';
import { TopicTable } from './topic-table.ts';

const NONE = props();

describe('a packet that has not all come', () => {
  test('costs memory for what has come, not for what it announces', () => {
    const decoder = openDecoder('server', 5, new Recorder());
    decoder.push(bytes(0x30, varint(1_000_000), 0, 1, 0x74));
    expect(decoder.bufferedBytes).toBe(7);
    expect(decoder.allocatedBytes).toBeLessThan(1024);
  });

  test('never takes more than twice what has come, and 64 bytes', () => {
    const decoder = openDecoder('server', 5, new Recorder());
    const stream = packet(0x30, 't', NONE, new Uint8Array(300_000));
    for (let at = 0; at < stream.length - 1000; at += 1000) {
      decoder.push(stream.slice(at, at + 1000));
      expect(decoder.bufferedBytes).toBe(at + 1000);
      expect(decoder.allocatedBytes).toBeLessThanOrEqual(2 * (at + 1000) + 64);
    }
  });

  test('is refused as soon as its length shows that it is too large', () => {
    const decoder = openDecoder('server', 5, new Recorder(), { ...OPTIONS, maxPacketBytes: 200 });
    decoder.push(bytes(0x30, 0xc6));
    expect(() => decoder.push(bytes(0x01))).toThrow(PacketError);
    expect(decoder.allocatedBytes).toBe(0);
  });

  test('of exactly the limit is taken', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder, { ...OPTIONS, maxPacketBytes: 200 });
    decoder.push(packet(0x30, 't', NONE, new Uint8Array(193)));
    expect(recorder.calls).toHaveLength(1);
  });

  test('keeps its bytes when the next packet is put together', () => {
    const kept: { view: Uint8Array; copy: Uint8Array }[] = [];
    const recorder = new Recorder();
    recorder.onPublish = (view: PublishView) => {
      const slice = view.buffer.subarray(view.start, view.end);
      kept.push({ view: slice, copy: slice.slice() });
    };
    const decoder = openDecoder('server', 5, recorder);
    for (let i = 0; i < 50; i++) {
      const one = packet(0x30, `topic/${i}`, NONE, new Uint8Array(i * 20).fill(i));
      decoder.push(one.slice(0, 5));
      decoder.push(bytes(one.slice(5), one));
    }
    expect(kept).toHaveLength(100);
    for (const { view, copy } of kept) expect(view).toEqual(copy);
  });
});

test('a PUBLISH that is whole in its chunk is shown where it lies', () => {
  const chunk = bytes(packet(0xc0), packet(0x32, 'a/b', u16(7), NONE, [9, 9]));
  const recorder = new Recorder();
  let seen: unknown;
  recorder.onPublish = (view) => {
    seen = { same: view.buffer === chunk, ...view, buffer: null };
  };
  openDecoder('server', 5, recorder).push(chunk);
  expect(seen).toMatchObject({
    same: true,
    start: 2,
    end: 14,
    topicStart: 6,
    topicEnd: 9,
    packetId: 7,
    propertiesStart: 12,
    propertiesEnd: 12,
    payloadStart: 12,
    qos: 1,
  });
});

describe('stop()', () => {
  const PING = packet(0xc0);

  test('within a handler ends the calls', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.stop();
    decoder.push(bytes(PING, PING, packet(0x30, 't', NONE), [0x30]));
    decoder.push(PING);
    expect(recorder.calls).toEqual([{ on: 'pingreq' }]);
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('within the handler of a packet that crossed chunks ends the calls', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.stop();
    decoder.push(packet(0x30, 't', NONE, [1]).slice(0, 3));
    decoder.push(bytes(packet(0x30, 't', NONE, [1]).slice(3), PING, PING));
    expect(recorder.calls).toHaveLength(1);
  });

  test('lets go of an incomplete packet', () => {
    const decoder = openDecoder('server', 5, new Recorder());
    decoder.push(bytes(0x30));
    decoder.stop();
    expect([decoder.bufferedBytes, decoder.allocatedBytes]).toEqual([0, 0]);
  });

  test('hides errors in what follows', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.stop();
    decoder.push(bytes(PING, 0x00, 0x00));
    expect(recorder.calls).toHaveLength(1);
  });
});

test('what a handler throws comes through and stops the decoder', () => {
  const recorder = new Recorder();
  const decoder = openDecoder('server', 5, recorder);
  recorder.after = () => {
    throw new Error('from the handler');
  };
  expect(() => decoder.push(bytes(packet(0xc0), packet(0xc0)))).toThrow('from the handler');
  decoder.push(packet(0xc0));
  expect(recorder.calls).toHaveLength(1);
});

describe('replay()', () => {
  test('shows PUBLISH packets again while another is incomplete', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    const one = packet(0x32, 'a', u16(1), NONE, [1]);
    const two = packet(0x30, 'b', NONE, [2]);
    const chunk = bytes(one, two, one.slice(0, 4));
    decoder.push(chunk);
    decoder.replay(chunk, 0, one.length + two.length);
    decoder.push(one.slice(4));
    const topics = recorder.calls.map((call) => call.on === 'publish' && call.packet.topic);
    expect(topics).toEqual(['a', 'b', 'a', 'b', 'a']);
  });

  test('ends when a handler stops it', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.stop();
    const range = bytes(packet(0x30, 'a', NONE), packet(0x30, 'b', NONE));
    decoder.replay(range, 0, range.length);
    expect(recorder.calls).toHaveLength(1);
  });

  test('refuses a range that ends within a packet', () => {
    const decoder = openDecoder('server', 5, new Recorder());
    expect(() => decoder.replay(packet(0x30, 'a', NONE), 0, 3)).toThrow('incomplete');
  });
});

describe('suspend() and resume()', () => {
  const topics = (recorder: Recorder) =>
    recorder.calls.map((call) => (call.on === 'publish' ? call.packet.topic : call.on));
  const publishes = ['a', 'b', 'c', 'd'].map((topic) => packet(0x30, topic, NONE, [1, 2, 3]));

  test('hold back the rest of the chunk and what comes after it, in order', () => {
    const stream = bytes(...publishes);
    for (let split = 1; split < stream.length; split++) {
      const recorder = new Recorder();
      const decoder = openDecoder('server', 5, recorder);
      recorder.after = () => decoder.suspend();
      decoder.push(stream.slice(0, split));
      decoder.push(stream.slice(split));
      decoder.push(packet(0xc0));
      expect(topics(recorder)).toEqual(['a']);
      for (const seen of [2, 3, 4, 5]) {
        decoder.resume();
        expect(topics(recorder)).toHaveLength(seen);
      }
      expect(topics(recorder)).toEqual(['a', 'b', 'c', 'd', 'pingreq']);
    }
  });

  test('within one handler change nothing', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => {
      decoder.suspend();
      decoder.resume();
    };
    decoder.push(bytes(...publishes));
    expect(topics(recorder)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('find an error in what was set aside', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.suspend();
    decoder.push(bytes(packet(0xc0), 0x00, 0x00));
    expect(() => decoder.resume()).toThrow(PacketError);
  });

  test('bring nothing back after stop()', () => {
    const recorder = new Recorder();
    const decoder = openDecoder('server', 5, recorder);
    recorder.after = () => decoder.suspend();
    decoder.push(bytes(...publishes));
    decoder.stop();
    decoder.resume();
    expect(topics(recorder)).toEqual(['a']);
  });
});

test('topics and packet limit may be replaced by a handler', () => {
  const recorder = new Recorder();
  const decoder = freshDecoder('server', 4, recorder);
  recorder.after = (call) => {
    if (call.on !== 'connect') return;
    decoder.topics = new TopicTable(4, { ...DEFAULT_TOPIC_LIMITS, maxTopicBytes: 3 });
    decoder.maxPacketBytes = 12;
  };
  decoder.push(bytes(packet(0x10, 'MQTT', 4, 2, u16(0), 'client'), packet(0x30, 'abc', [1, 2, 3, 4, 5])));
  expect(recorder.calls).toHaveLength(2);
  expect(() => decoder.push(packet(0x30, 'abcd'))).toThrow('over the limit of 3');
});

describe('forms that are allowed', () => {
  test('a longer remaining length in 3.1.1', () => {
    expect(decode('server', 4, bytes(0xc0, 0x80, 0x80, 0x00))).toEqual([{ on: 'pingreq' }]);
  });

  test('a PUBLISH with an alias and no topic', () => {
    const [call] = decode('server', 5, packet(0x30, '', props(0x23, u16(4))));
    expect(call).toMatchObject({ on: 'publish', packet: { topic: null, properties: { topicAlias: 4 } } });
  });

  test('acknowledgements of two, three and more bytes', () => {
    const ack = { on: 'puback', packet: { packetId: 7, reason: 0, properties: {} } };
    expect(decode('server', 5, packet(0x40, u16(7)))).toEqual([ack]);
    expect(decode('server', 5, packet(0x40, u16(7), 0))).toEqual([ack]);
    expect(decode('server', 5, packet(0x40, u16(7), 0, NONE))).toEqual([ack]);
  });

  test('a DISCONNECT of no, one and more bytes', () => {
    const normal = { on: 'disconnect', packet: { reason: 0, properties: {} } };
    expect(decode('server', 5, packet(0xe0))).toEqual([normal]);
    expect(decode('server', 5, packet(0xe0, 0))).toEqual([normal]);
    expect(decode('server', 5, packet(0xe0, 0, NONE))).toEqual([normal]);
    expect(decode('server', 4, packet(0xe0))).toEqual([normal]);
  });

  test('filters that are none: the SUBACK says so', () => {
    const [call] = decode('server', 5, packet(0x82, u16(1), NONE, 'a#', 0, '', 0, 'a/+b', 0));
    expect(call).toMatchObject({ packet: { requests: [{ filter: 'a#' }, { filter: '' }, { filter: 'a/+b' }] } });
  });

  test('a byte order mark, control characters and characters beyond the first plane in a topic', () => {
    const topic = '\ufeff\u0001/\u{1f680}\uffff';
    expect(decode('server', 4, packet(0x30, topic))).toMatchObject([{ packet: { topic } }]);
  });

  test('an empty client id, with a clean session in 3.1.1', () => {
    expect(decode('server', 4, packet(0x10, 'MQTT', 4, 2, u16(0), ''))).toMatchObject([{ packet: { clientId: '' } }]);
    expect(decode('server', 5, packet(0x10, 'MQTT', 5, 0, u16(0), NONE, ''))).toMatchObject([
      { packet: { clientId: '' } },
    ]);
  });

  test('a password without a user name in 5.0', () => {
    const [call] = decode('server', 5, packet(0x10, 'MQTT', 5, 0x42, u16(0), NONE, 'c', 'pw'));
    expect(call).toMatchObject({ packet: { username: null, password: bytes(0x70, 0x77) } });
  });

  test('a user property more than once with the same name', () => {
    const [call] = decode('server', 5, packet(0x30, 't', props(0x26, 'n', '', 0x26, 'm', 'x', 0x26, 'n', '')));
    const userProperties = [
      ['n', ''],
      ['m', 'x'],
      ['n', ''],
    ];
    expect(call).toMatchObject({ packet: { properties: { userProperties } } });
  });

  test.each([0, 1, 2, 3, 4, 5])('CONNACK return code %i for a client of 3.1.1', (reason) => {
    expect(decode('client', 4, packet(0x20, 0, reason))).toMatchObject([{ packet: { reason } }]);
  });
});

describe.each([
  ['server', 4],
  ['server', 5],
  ['client', 4],
  ['client', 5],
] as const)('the decoder of the %s, protocol level %i', (side, version) => {
  const survives = (input: Uint8Array, open: boolean) => {
    const decoder = (open ? openDecoder : freshDecoder)(side, version, new Recorder());
    try {
      decoder.push(input);
    } catch (error) {
      if (!(error instanceof PacketError)) throw error;
    }
  };

  test('throws nothing but PacketError for random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), survives), { numRuns: 5000, ...SEED });
  });

  test('throws nothing but PacketError for valid packets with bytes changed', () => {
    const change = fc.tuple(fc.nat(200), fc.nat(255));
    fc.assert(
      fc.property(anyPacket(side, version), fc.array(change, { minLength: 1, maxLength: 3 }), (call, changes) => {
        const input = encodeCall(version, call);
        for (const [at, value] of changes) input[at % input.length] = value;
        survives(input, call.on !== 'connect' && call.on !== 'connack');
      }),
      { numRuns: 4000, ...SEED },
    );
  });
});
