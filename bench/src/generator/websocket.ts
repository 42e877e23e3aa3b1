import { randomBytes } from 'node:crypto';
import type { ReceiveBytes } from './receivers.ts';

const BINARY = 0x2;
const CONTINUATION = 0x0;
const PING = 0x9;
const PONG = 0xa;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK_KEY = Buffer.of(0x37, 0xfa, 0x21, 0x3d);
/** Two bytes, and eight of extended length: servers do not mask (RFC 6455 §5.1, §5.2). */
const LONGEST_HEADER = 10;

/** The opening handshake of RFC 6455 §4.1 for MQTT [MQTT-6.0.0-3]. */
export function upgradeRequest(port: number): Buffer {
  const lines = [
    'GET /mqtt HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: mqtt',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Length of the complete answer at the start of `seen`, 0 while it is incomplete. Throws when refused. */
export function upgradeAnswer(seen: Buffer): number {
  const end = seen.indexOf('\r\n\r\n');
  if (end < 0) return 0;
  const head = seen.toString('latin1', 0, end);
  const agreed = head.startsWith('HTTP/1.1 101 ') && /^sec-websocket-protocol: *mqtt *$/im.test(head);
  if (!agreed) throw new Error(`WebSocket handshake: ${head.replaceAll('\r\n', '; ')}`);
  return end + 4;
}

/** One binary frame with `bytes` in it, masked as a client must (RFC 6455 §5.3). */
export function clientFrame(bytes: Buffer, opcode = BINARY): Buffer {
  const { length } = bytes;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const headerBytes = 2 + extended;
  const frame = Buffer.alloc(headerBytes + MASK_KEY.length + length);
  frame[0] = FINAL | opcode;
  frame[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeUInt32BE(length, 6);
  MASK_KEY.copy(frame, headerBytes);
  const start = headerBytes + MASK_KEY.length;
  for (let at = 0; at < length; at++) frame[start + at] = bytes[at]! ^ MASK_KEY[at & 3]!;
  return frame;
}

/** Frames what it is given; the same buffer again, as load generators have it, is masked once. */
export class FrameWriter {
  #last: Buffer | null = null;
  #framed: Buffer = Buffer.alloc(0);

  frame(bytes: Buffer): Buffer {
    if (bytes !== this.#last) {
      this.#last = bytes;
      this.#framed = clientFrame(bytes);
    }
    return this.#framed;
  }
}

/**
 * Hands over the payload of binary frames, a piece per frame and read, without copying it. Frames and reads may be cut
 * anywhere. Pings are answered; text, a close or a masked frame throws.
 */
export class ServerFrames {
  readonly #receive: ReceiveBytes;
  readonly #write: (bytes: Buffer) => void;
  readonly #header = Buffer.alloc(LONGEST_HEADER);
  #headerBytes = 0;
  /** Payload bytes of the current frame that have not come yet. */
  #left = 0;
  #control: { readonly opcode: number; payload: Buffer } | null = null;

  constructor(receive: ReceiveBytes, write: (bytes: Buffer) => void) {
    this.#receive = receive;
    this.#write = write;
  }

  take(length: number, buffer: Buffer): void {
    let at = 0;
    while (at < length) {
      if (this.#left === 0) {
        this.#header[this.#headerBytes++] = buffer[at++]!;
        this.#open();
        continue;
      }
      const piece = Math.min(this.#left, length - at);
      const bytes = buffer.subarray(at, at + piece);
      at += piece;
      this.#left -= piece;
      if (this.#control === null) this.#receive(piece, bytes);
      else this.#controlPayload(bytes);
    }
  }

  /** Begins the frame if its header is complete. */
  #open(): void {
    const header = this.#header;
    if (this.#headerBytes < 2) return;
    const short = header[1]!;
    if (short >= MASKED) throw new Error('WebSocket: the server masked a frame');
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (this.#headerBytes < 2 + extended) return;
    this.#headerBytes = 0;
    this.#left = extended === 0 ? short : extended === 2 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
    const opcode = header[0]! & 0x0f;
    this.#control = opcode === BINARY || opcode === CONTINUATION ? null : { opcode, payload: Buffer.alloc(0) };
    if (this.#control !== null && this.#left === 0) this.#controlPayload(Buffer.alloc(0));
  }

  #controlPayload(bytes: Buffer): void {
    const { opcode, payload } = this.#control!;
    const whole = Buffer.concat([payload, bytes]);
    this.#control = { opcode, payload: whole };
    if (this.#left > 0) return;
    if (opcode === PING) this.#write(clientFrame(whole, PONG));
    else if (opcode !== PONG)
      throw new Error(`WebSocket: frame of type ${opcode}: ${whole.subarray(0, 60).toString('hex')}`);
    this.#control = null;
  }
}
