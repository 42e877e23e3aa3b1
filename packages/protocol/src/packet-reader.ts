import { ownBytes } from './bytes.ts';
import { malformed, protocolError } from './packet-error.ts';
import { readUtf8 } from './utf8.ts';
import { readVarint, varintSize } from './varint.ts';

/**
 * A cursor over one packet's bytes, for every packet that is not on the hot path. Each method reads one field and moves
 * on. All throw PacketError MalformedPacket for a field that runs past the end.
 */
export class PacketReader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte to be read. */
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  uint16(): number {
    const at = this.take(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  uint32(): number {
    const at = this.take(4);
    const high = (this.bytes[at]! << 8) | this.bytes[at + 1]!;
    return high * 0x1_0000 + ((this.bytes[at + 2]! << 8) | this.bytes[at + 3]!);
  }

  varint(): number {
    const value = readVarint(this.bytes, this.at, this.end);
    this.at += varintSize(value);
    return value;
  }

  /** A string with its two-byte length (MQTT 5.0 §1.5.4). */
  utf8(): string {
    const length = this.uint16();
    const at = this.take(length);
    return readUtf8(this.bytes, at, at + length);
  }

  /** Binary data with its two-byte length (§1.5.6), copied. */
  binary(): Uint8Array {
    const length = this.uint16();
    const at = this.take(length);
    return ownBytes(this.bytes, at, at + length);
  }

  /** A packet identifier; 0 is a protocol error [MQTT-2.2.1-3]. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw protocolError('packet identifier 0 [MQTT-2.2.1-3]');
    return id;
  }

  /** Moves over `length` bytes and returns where they begin. */
  take(length: number): number {
    const at = this.at;
    if (at + length > this.end) throw malformed('a field runs past the end of its packet');
    this.at = at + length;
    return at;
  }

  /** To be called after the last field. */
  finish(): void {
    if (this.at !== this.end) throw malformed(`${this.remaining} bytes after the last field of the packet`);
  }
}
