import { describe, expect, it } from 'vitest';
import { clientFrame, FrameWriter, ServerFrames, upgradeAnswer } from './websocket.ts';

function serverFrame(firstByte: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126
      ? Buffer.of(payload.length)
      : payload.length < 65_536
        ? Buffer.of(126, payload.length >> 8, payload.length & 0xff)
        : Buffer.concat([Buffer.of(127, 0, 0, 0, 0), Buffer.of(0, 1, 0, 0)]);
  return Buffer.concat([Buffer.of(firstByte), length, payload]);
}

describe('frames from a server', () => {
  const payloads = [Buffer.from('ab'), Buffer.alloc(130, 'c'), Buffer.alloc(0), Buffer.from('de')];
  const [first, second, third, fourth] = payloads as [Buffer, Buffer, Buffer, Buffer];
  const stream = Buffer.concat([
    serverFrame(0x82, first),
    serverFrame(0x02, second),
    serverFrame(0x89, Buffer.from('hi')),
    serverFrame(0x80, third),
    serverFrame(0x8a, Buffer.alloc(0)),
    serverFrame(0x82, fourth),
  ]);

  it('give their payload wherever the reads end, and pings are answered', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      for (let other = cut; other <= stream.length; other += 11) {
        let seen = Buffer.alloc(0);
        const written: Buffer[] = [];
        const frames = new ServerFrames(
          (length, buffer) => {
            seen = Buffer.concat([seen, buffer.subarray(0, length)]);
          },
          (bytes) => written.push(bytes),
        );
        for (const piece of [stream.subarray(0, cut), stream.subarray(cut, other), stream.subarray(other)]) {
          frames.take(piece.length, piece);
        }
        expect(seen).toEqual(Buffer.concat(payloads));
        expect(written).toEqual([clientFrame(Buffer.from('hi'), 0xa)]);
      }
    }
  });

  it('may be longer than 64 KiB', () => {
    let bytes = 0;
    const frames = new ServerFrames(
      (length) => {
        bytes += length;
      },
      () => {},
    );
    const frame = serverFrame(0x82, Buffer.alloc(65_536));
    frames.take(frame.length, frame);
    expect(bytes).toBe(65_536);
  });

  it.each([
    ['text', serverFrame(0x81, Buffer.from('x'))],
    ['a close', serverFrame(0x88, Buffer.of(3, 232))],
    ['a mask', Buffer.of(0x82, 0x81)],
  ])('end the run when they have %s', (_, bytes) => {
    const frames = new ServerFrames(
      () => {},
      () => {},
    );
    expect(() => frames.take(bytes.length, bytes)).toThrow(/WebSocket/);
  });
});

describe('frames to a server', () => {
  it('are masked as RFC 6455 shows it', () => {
    // "Hello" of §5.7, as binary.
    expect(clientFrame(Buffer.from('Hello')).toString('hex')).toBe('828537fa213d7f9f4d5158');
  });

  it.each([
    [125, '82fd'],
    [126, '82fe007e'],
    [65_535, '82feffff'],
    [65_536, '82ff0000000000010000'],
  ])('say that they have %i bytes', (length, head) => {
    const frame = clientFrame(Buffer.alloc(length));
    expect(frame.toString('hex', 0, head.length / 2)).toBe(head);
    expect(frame.length).toBe(head.length / 2 + 4 + length);
  });

  it('are encoded once for a block that is sent again and again', () => {
    const writer = new FrameWriter();
    const block = Buffer.from('block');
    expect(writer.frame(block)).toBe(writer.frame(block));
    expect(writer.frame(Buffer.from('other'))).toEqual(clientFrame(Buffer.from('other')));
  });
});

describe('the opening handshake', () => {
  it('ends with the empty line, and must agree on MQTT', () => {
    const answer = 'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n';
    expect(upgradeAnswer(Buffer.from(answer.slice(0, -1)))).toBe(0);
    expect(upgradeAnswer(Buffer.from(`${answer}x`))).toBe(answer.length);
    expect(() => upgradeAnswer(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n'))).toThrow(/handshake/);
    expect(() => upgradeAnswer(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))).toThrow(/400/);
  });
});
