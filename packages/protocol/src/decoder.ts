import { readPublish } from './decode-publish.ts';
import { readAckReason, readAuth, readDisconnect } from './decode-reason.ts';
import { FirstByte, firstByteError } from './first-byte.ts';
import { malformed, PacketError, protocolError } from './packet-error.ts';
import { PacketReader } from './packet-reader.ts';
import { type PacketHandler, PacketType, type Properties, type ProtocolVersion, PublishView } from './packets.ts';
import { hasProperties } from './properties.ts';
import { Reason } from './reason-codes.ts';
import type { TopicLimits } from './topic.ts';
import type { TopicTable } from './topic-table.ts';
import { varintSize } from './varint.ts';

export interface DecoderOptions {
  /** Largest packet taken, in bytes, fixed header included. */
  maxPacketBytes: number;
  /** Topics of PUBLISH packets are looked up, and so checked, here. */
  topics: TopicTable;
  /** Limits on other topic names: that of the will. */
  topicLimits: TopicLimits;
}

const NOTHING_CARRIED = new Uint8Array(0);
/** Room for a packet of which too little has come to know its size: its fixed header, and a usual small packet. */
const MIN_CARRY_BYTES = 64;

/**
 * Finds packets in a stream of chunks and calls the handler for each, in order. A packet that lies whole in a chunk is
 * decoded where it lies; only one that crosses chunks is put together in memory of its own first. That memory and the
 * chunks are never written to again, so slices of `PublishView.buffer` may be kept; for that, whoever pushes a chunk
 * leaves it alone from then on.
 *
 * The reason of a PacketError is MalformedPacket for what cannot be parsed, ProtocolError for what must not be said, and
 * PacketTooLarge, TopicNameInvalid, TopicAliasInvalid (alias 0), UnsupportedProtocolVersion or ClientIdentifierNotValid
 * where the specification names it.
 */
export abstract class Decoder {
  /** On the server side set from the CONNECT, even by one that is refused; 3.1.1 until then. */
  version: ProtocolVersion;
  /** May be replaced at any time. */
  topics: TopicTable;
  /** May be replaced at any time. */
  maxPacketBytes: number;
  protected readonly topicLimits: TopicLimits;
  /** Verdict on each possible first byte: see firstByteTable. */
  protected expected: Uint8Array;
  private readonly base: PacketHandler;
  private readonly fromServer: boolean;
  /** Made at the first PUBLISH: most clients of a large system only listen. */
  private view: PublishView | null = null;
  private stopped = false;
  /** Input set aside while suspended; null while not. */
  private aside: Uint8Array[] | null = null;
  private held = 0;
  private carry: Uint8Array = NOTHING_CARRIED;
  private carried = 0;
  /** Size of the carried packet; 0 while its fixed header is not complete. */
  private carryTotal = 0;
  /** Bytes of the fixed header that `packetBytes` read last. */
  private headerBytes = 0;

  constructor(
    handler: PacketHandler,
    options: DecoderOptions,
    version: ProtocolVersion,
    expected: Uint8Array,
    fromServer: boolean,
  ) {
    this.base = handler;
    this.version = version;
    this.topics = options.topics;
    this.maxPacketBytes = options.maxPacketBytes;
    this.topicLimits = options.topicLimits;
    this.expected = expected;
    this.fromServer = fromServer;
  }

  /** Bytes of an incomplete packet that are held. */
  get bufferedBytes(): number {
    return this.carried;
  }

  /** Bytes of memory that an incomplete packet takes: at most twice what has come of it, and 64. */
  get allocatedBytes(): number {
    return this.carry.length;
  }

  /** Packets that were held incomplete so far: tells one from the next. */
  get packetsHeld(): number {
    return this.held;
  }

  /**
   * Takes the next bytes of the connection, and hands every packet that is whole now to the handler.
   * Input after an error or `stop()` is ignored.
   * @throws {PacketError} for the first packet that the peer should not have sent; the ones before it were handled.
   * What a handler throws comes through, and stops the decoder too.
   */
  push(chunk: Uint8Array): void {
    if (this.stopped) return;
    if (this.aside !== null) {
      this.aside.push(chunk);
      return;
    }
    try {
      const at = this.carried === 0 ? 0 : this.completeCarried(chunk);
      const rest = this.run(chunk, at, chunk.length);
      if (rest < chunk.length && !this.stopped) this.keepRest(chunk, rest);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /**
   * Hands the PUBLISH packets in `bytes[start, end)` to the handler again, all whole and taken from this decoder before.
   * Independent of what `push` holds. Not to be called from within `onPublish`, whose view it would overwrite.
   * @throws as `push`
   */
  replay(bytes: Uint8Array, start: number, end: number): void {
    if (this.stopped) return;
    try {
      const rest = this.run(bytes, start, end);
      if (rest < end && !this.stopped) throw new Error('replay of an incomplete packet');
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /**
   * From within a handler method: no further packet is handed out until `resume()`. What comes meanwhile is set aside as
   * it is; whoever suspends stops reading, so that it stays little.
   */
  suspend(): void {
    this.aside ??= [];
  }

  /** Goes on after `suspend()`, with what was set aside first. @throws as `push` */
  resume(): void {
    const aside = this.aside ?? [];
    this.aside = null;
    for (const chunk of aside) this.push(chunk);
  }

  /** Ends decoding, and lets go of what is held: no handler is called from now on. */
  stop(): void {
    this.stopped = true;
    this.aside = null;
    this.dropCarry();
  }

  /** Decodes a packet whose type only this side gets. */
  protected abstract decodeSided(type: number, reader: PacketReader): void;

  /** Decodes the whole packets in `buffer[at, end)`; returns where the first incomplete one begins. */
  private run(buffer: Uint8Array, at: number, end: number): number {
    while (at < end && !this.stopped && this.aside === null) {
      const first = buffer[at]!;
      if (this.expected[first] !== FirstByte.Fine) throw firstByteError(this.expected[first]!, first);
      if (at + 1 >= end) return at;
      let body = at + 2;
      let next = body + buffer[at + 1]!;
      if (next - body > 0x7f) {
        const size = this.packetBytes(buffer, at, end);
        if (size === 0) return at;
        body = at + this.headerBytes;
        next = at + size;
      }
      if (next - at > this.maxPacketBytes) throw this.tooLarge(next - at);
      if (next > end) return at;
      if ((first & 0xf0) === 0x30) {
        this.view ??= new PublishView();
        readPublish(this.view, buffer, at, body, next, this.version, this.topics, this.fromServer);
        this.base.onPublish(this.view);
      } else if ((first & 0xc0) === 0x40 && next - body === 2) {
        this.shortAck(first >> 4, (buffer[body]! << 8) | buffer[body + 1]!);
      } else {
        this.decodeRest(first >> 4, new PacketReader(buffer, body, next));
      }
      at = next;
    }
    return at;
  }

  /**
   * Size of the packet at `at`, from its fixed header; 0 when that is not complete. Sets `headerBytes`.
   *
   * A remaining length in more bytes than it needs is refused where the version is known to be 5.0 [MQTT-1.5.5-1]; 3.1.1
   * has no such rule, and small devices leave room for a fixed number of bytes.
   */
  private packetBytes(buffer: Uint8Array, at: number, end: number): number {
    let length = 0;
    for (let i = 0; i < 4; i++) {
      if (at + 1 + i >= end) return 0;
      const byte = buffer[at + 1 + i]!;
      length += (byte & 0x7f) << (7 * i);
      if (byte > 0x7f) continue;
      if (this.version === 5 && varintSize(length) !== i + 1) {
        throw malformed('remaining length is not in its shortest form [MQTT-1.5.5-1]');
      }
      this.headerBytes = 2 + i;
      return this.headerBytes + length;
    }
    throw malformed('remaining length over four bytes (§2.1.4)');
  }

  private tooLarge(size: number): PacketError {
    return new PacketError(Reason.PacketTooLarge, `packet of ${size} bytes, at most ${this.maxPacketBytes} are taken`);
  }

  private keepRest(chunk: Uint8Array, at: number): void {
    if (this.aside === null) this.startCarry(chunk, at);
    else this.aside.push(chunk.subarray(at));
  }

  private startCarry(chunk: Uint8Array, at: number): void {
    const here = chunk.length - at;
    this.held++;
    this.carryTotal = this.packetBytes(chunk, at, chunk.length);
    this.growCarry(here);
    this.carry.set(chunk.subarray(at), 0);
    this.carried = here;
  }

  /** Adds to the carried packet and decodes it when it is whole; returns how much of the chunk it took. */
  private completeCarried(chunk: Uint8Array): number {
    let at = 0;
    while (this.carryTotal === 0 && at < chunk.length) {
      this.carry[this.carried++] = chunk[at++]!;
      this.carryTotal = this.packetBytes(this.carry, 0, this.carried);
    }
    if (this.carryTotal === 0) return at;
    if (this.carryTotal > this.maxPacketBytes) throw this.tooLarge(this.carryTotal);
    const taken = Math.min(this.carryTotal - this.carried, chunk.length - at);
    this.growCarry(this.carried + taken);
    this.carry.set(chunk.subarray(at, at + taken), this.carried);
    this.carried += taken;
    if (this.carried === this.carryTotal) {
      const packet = this.carry;
      const size = this.carryTotal;
      this.dropCarry();
      this.run(packet, 0, size);
    }
    return at + taken;
  }

  /**
   * Makes room for `bytes` of the carried packet. By doubling, and never past its end: memory follows what has come, not
   * what the length field promises.
   */
  private growCarry(bytes: number): void {
    if (bytes <= this.carry.length) return;
    const wanted = Math.max(MIN_CARRY_BYTES, bytes, this.carry.length * 2);
    const larger = new Uint8Array(this.carryTotal === 0 ? wanted : Math.min(wanted, this.carryTotal));
    larger.set(this.carry.subarray(0, this.carried));
    this.carry = larger;
  }

  private dropCarry(): void {
    this.carry = NOTHING_CARRIED;
    this.carried = 0;
    this.carryTotal = 0;
  }

  private shortAck(type: number, packetId: number): void {
    if (packetId === 0) throw protocolError('packet identifier 0 [MQTT-2.2.1-3]');
    this.ack(type, packetId, 0, null);
  }

  private decodeRest(type: number, reader: PacketReader): void {
    switch (type) {
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp: {
        const packetId = reader.packetId();
        const { reason, properties } = readAckReason(reader, type, this.version, this.fromServer);
        this.ack(type, packetId, reason, hasProperties(properties) ? properties : null);
        break;
      }
      case PacketType.Disconnect:
        this.base.onDisconnect(readDisconnect(reader, this.version, this.fromServer));
        break;
      case PacketType.Auth:
        this.base.onAuth(readAuth(reader, this.fromServer));
        break;
      default:
        this.decodeSided(type, reader);
    }
  }

  private ack(type: number, packetId: number, reason: number, properties: Properties | null): void {
    switch (type) {
      case PacketType.Puback:
        this.base.onPuback(packetId, reason, properties);
        break;
      case PacketType.Pubrec:
        this.base.onPubrec(packetId, reason, properties);
        break;
      case PacketType.Pubrel:
        this.base.onPubrel(packetId, reason, properties);
        break;
      default:
        this.base.onPubcomp(packetId, reason, properties);
    }
  }
}
