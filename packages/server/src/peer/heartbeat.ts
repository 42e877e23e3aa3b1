import { FrameType } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { WireReader } from './wire-bytes.ts';
import { HEARTBEAT_ANSWER_VERSION } from './wire-versions.ts';

/** Part of each new measurement in the smoothed round trip (RFC 6298 §2). */
const SMOOTHING = 1 / 8;
/** A heartbeat carries microseconds. */
const MICROS = 1000;
/**
 * Most that may pass between two looks at a peer to count as its silence. A process that was stopped for a while has to read what came
 * meanwhile before it judges.
 */
const MAX_STEP_MS = 500;
/**
 * A peer that says things, but for this many times the silence of a dead one shows no sign that it reads anything, is as good as dead to those
 * who wait for its answers. Long, because over a slow channel an answer waits behind megabytes.
 */
const DEAF_FACTOR = 10;

/** Whether the peer of a link is there, whatever its channel says; and how far away it is. */
export class Heartbeat {
  /** null: not measured */
  roundTripMs: number | null = null;
  /** Monotonic. */
  heardMs: number;
  readonly #version: number;
  readonly #everyMs: number;
  readonly #silentMs: number;
  #sentMs: number;
  #checkedMs: number;
  #lookedMs: number;
  /** How long nothing has come, as far as this process was running. */
  #quietMs = 0;
  /** How long nothing has come that it says only when it has read something. */
  #deafMs = 0;

  constructor(version: number, options: { heartbeatMs: number; silentMs: number }, nowMs: number) {
    this.#version = version;
    this.#everyMs = options.heartbeatMs;
    this.#silentMs = options.silentMs;
    this.heardMs = nowMs;
    this.#sentMs = nowMs;
    this.#checkedMs = nowMs;
    this.#lookedMs = nowMs;
  }

  /** A channel begins. */
  attach(nowMs: number): void {
    this.#sentMs = nowMs;
    this.heard(nowMs);
    this.reads();
  }

  /** Something has come, if only a part of a frame. */
  heard(nowMs: number): void {
    this.heardMs = nowMs;
    this.#checkedMs = nowMs;
    this.#quietMs = 0;
  }

  /** Something has come that shows that the peer reads: an answer, or credit. */
  reads(): void {
    this.#deafMs = 0;
  }

  /** Looks again. @returns whether the peer is silent for too long */
  isSilent(nowMs: number): boolean {
    this.#quietMs += Math.min(nowMs - this.#checkedMs, MAX_STEP_MS);
    this.#checkedMs = nowMs;
    return this.#quietMs >= this.#silentMs;
  }

  /** Whether the peer talks, and has not read anything for too long. One of version 1 answers no heartbeat, so nothing is known of it. */
  isDeaf(nowMs: number): boolean {
    this.#deafMs += Math.min(nowMs - this.#lookedMs, MAX_STEP_MS);
    this.#lookedMs = nowMs;
    const boundMs = DEAF_FACTOR * Math.max(this.#silentMs, this.#everyMs);
    return this.#version >= HEARTBEAT_ANSWER_VERSION && this.#deafMs >= boundMs;
  }

  /**
   * Writes a heartbeat if one is due.
   * @param answered the peer's Acks have come up to this number
   * @returns whether it did
   */
  beat(writer: FrameWriter, nowMs: number, answered: number): boolean {
    if (nowMs - this.#sentMs < this.#everyMs) return false;
    this.#sentMs = nowMs;
    const time = this.#version >= HEARTBEAT_ANSWER_VERSION ? Math.floor(nowMs * MICROS) : null;
    writer.integers(FrameType.Heartbeat, answered, time);
    return true;
  }

  /**
   * Answers the rest of a heartbeat of the peer: its time.
   * @throws {WireError}
   */
  answer(writer: FrameWriter, body: WireReader): void {
    if (this.#version >= HEARTBEAT_ANSWER_VERSION) writer.integers(FrameType.HeartbeatAnswer, body.integer(), null);
  }

  /** @throws {WireError} */
  onAnswer(body: WireReader, nowMs: number): void {
    this.reads();
    // Not below 0: the frame carries less of the clock than there is.
    const tookMs = Math.max(nowMs - body.integer() / MICROS, 0);
    this.roundTripMs = this.roundTripMs === null ? tookMs : this.roundTripMs + (tookMs - this.roundTripMs) * SMOOTHING;
  }
}
