import { copyBytes } from './bytes.ts';
import { encodeUtf8, MAX_FIELD_BYTES } from './utf8.ts';
import { MAX_VARINT, varintSize, writeVarint } from './varint.ts';

const INITIAL_BYTES = 64;

/** Bytes that grow, field by field: for every packet that is not on the hot path. */
export class PacketWriter {
  private bytes = new Uint8Array(INITIAL_BYTES);
  private at = 0;

  byte(value: number): void {
    const at = this.grow(1);
    this.bytes[at] = value;
  }

  uint16(value: number): void {
    const at = this.grow(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  uint32(value: number): void {
    this.uint16(value >>> 16);
    this.uint16(value & 0xffff);
  }

  /** @throws {RangeError} above 268,435,455. */
  varint(value: number): void {
    const at = this.grow(varintSize(value));
    writeVarint(this.bytes, at, value);
  }

  /** A string with its two-byte length. @throws {RangeError} as `encodeUtf8`. */
  utf8(text: string): void {
    const encoded = encodeUtf8(text);
    this.uint16(encoded.length);
    this.raw(encoded);
  }

  /** Binary data with its two-byte length. @throws {RangeError} over 65,535 bytes. */
  binary(data: Uint8Array): void {
    if (data.length > MAX_FIELD_BYTES) throw new RangeError(`binary data of ${data.length} bytes, at most 65,535 fit`);
    this.uint16(data.length);
    this.raw(data);
  }

  raw(data: Uint8Array): void {
    const at = this.grow(data.length);
    copyBytes(this.bytes, at, data, 0, data.length);
  }

  /** What was written, in memory of its own. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }

  /** What was written as the body of a packet: fixed header with `first` as its first byte, then the rest. */
  finishPacket(first: number): Uint8Array {
    if (this.at > MAX_VARINT) throw new RangeError(`packet of ${this.at} bytes, at most 268,435,455 fit`);
    const packet = new Uint8Array(1 + varintSize(this.at) + this.at);
    packet[0] = first;
    const body = writeVarint(packet, 1, this.at);
    packet.set(this.bytes.subarray(0, this.at), body);
    return packet;
  }

  /** Makes room for `length` more bytes and returns where they go. */
  private grow(length: number): number {
    const at = this.at;
    this.at += length;
    if (this.at > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.at, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    return at;
  }
}
