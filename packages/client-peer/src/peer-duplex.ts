import { Duplex } from 'node:stream';
import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import type { PlexusUrl } from './plexus-url.ts';
import { sharedNodes } from './shared-node.ts';

const PROTOCOL = '/plexus/mqtt/1';
const MAX_STREAMS = 1024;
/** Bytes that wait for the node to give room, at which writers wait. */
const HIGH_WATER_BYTES = 256 * 1024;
/**
 * The QUIC library reads on while its stream is paused, and resets it when there is too much. What a program that stops reading holds
 * in memory is bounded by this; over TCP, where the other end is made to wait, by far less.
 */
const QUIC_READ_BUFFER_BYTES = 64 * 1024 * 1024;

type Done = (error?: Error | null) => void;

/** A libp2p stream to a node, as the Duplex that MQTT.js wants. It opens by itself; an error destroys it. */
export class PeerDuplex extends Duplex {
  readonly #url: PlexusUrl;
  readonly #abort = new AbortController();
  #connection: Connection | null = null;
  #stream: Stream | null = null;
  /** Of the write that waits for room. */
  #written: Done | null = null;

  constructor(url: PlexusUrl) {
    super({ allowHalfOpen: false });
    this.#url = url;
    // It may be destroyed before `_construct` is called, and then never is.
    this.once('close', () => this.#abort.abort());
  }

  override _construct(done: Done): void {
    // Whoever has destroyed it meanwhile no longer listens for errors.
    this.#open().then(
      () => done(),
      (error: Error) => done(this.#abort.signal.aborted ? null : error),
    );
  }

  // Node waits for `_construct` before it calls `_destroy`: a dial that is under way has to hear of it here.
  override destroy(error?: Error): this {
    this.#abort.abort();
    return super.destroy(error);
  }

  override _read(): void {
    const stream = this.#stream;
    if (stream?.readStatus === 'paused') stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: Done): void {
    this.#stream!.close().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#written?.(error ?? new Error('destroyed'));
    this.#written = null;
    this.#stream?.abort(error ?? new Error('destroyed'));
    done(error);
  }

  async #open(): Promise<void> {
    const { address, transport } = this.#url;
    const node = sharedNodes[transport];
    this.once('close', () => {
      this.#leave();
      node.giveBack();
    });
    const { signal } = this.#abort;
    // A connection for every client: on a shared one that is dead and does not know it, all of them would fail again and again.
    this.#connection = await (await node.borrow()).dial(address, { signal, force: true });
    this.#stream = await this.#connection.newStream(PROTOCOL, { signal, maxOutboundStreams: MAX_STREAMS });
    this.#attach(this.#stream);
  }

  #attach(stream: Stream): void {
    if (this.#url.transport === 'quic') stream.maxReadBufferLength = QUIC_READ_BUFFER_BYTES;
    stream.addEventListener('drain', () => queueMicrotask(this.#onRoom));
    stream.addEventListener('idle', () => queueMicrotask(this.#onRoom));
    stream.addEventListener('end', () => this.push(null));
    stream.addEventListener('close', (event: StreamCloseEvent) => {
      if (event.error !== undefined) this.destroy(event.error);
      else this.push(null);
    });
    stream.addEventListener('message', (event: StreamMessageEvent) => {
      if (!this.push(event.data.subarray()) && stream.readStatus === 'readable') stream.pause();
    });
  }

  #send(bytes: Buffer, done: Done): void {
    const stream = this.#stream!;
    try {
      stream.send(bytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (stream.writeBufferLength < HIGH_WATER_BYTES) done();
    else this.#written = done;
  }

  readonly #onRoom = (): void => {
    if (this.#written === null || this.#stream!.writeBufferLength >= HIGH_WATER_BYTES) return;
    const written = this.#written;
    this.#written = null;
    written();
  };

  /** Two that dial at the same moment may have got one connection. */
  #leave(): void {
    const connection = this.#connection;
    if (connection === null || connection.streams.some(({ protocol }) => protocol === PROTOCOL)) return;
    connection.close().catch((error: Error) => connection.abort(error));
  }
}
