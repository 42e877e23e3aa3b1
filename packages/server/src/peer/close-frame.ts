import { LINK_CLOSE_REASONS, type LinkCloseReason } from './link-ports.ts';
import { textSize, type WireReader, writeText } from './wire-bytes.ts';

/** A channel that is ended gets so long to send what was written before. */
export const END_GRACE_MS = 1000;
const MAX_DETAIL_CHARACTERS = 200;

const KNOWN = new Set<string>(LINK_CLOSE_REASONS);

/** Those that end a channel only: the link may go on over another. */
const OF_CHANNEL = new Set<LinkCloseReason>([
  'silent',
  'channel_lost',
  'duplicate',
  'sequence_gap',
  // Of an initiator that has waited too long for the answer to its Ready: the link was up here already.
  'introduction_timeout',
]);

export function endsChannelOnly(reason: LinkCloseReason): boolean {
  return OF_CHANNEL.has(reason);
}

export function closeBody(reason: LinkCloseReason, detail: string): Uint8Array {
  const short = detail.slice(0, MAX_DETAIL_CHARACTERS).toWellFormed();
  const out = Buffer.alloc(textSize(reason) + textSize(short));
  writeText(out, writeText(out, 0, reason), short);
  return out;
}

/**
 * Of a peer. A reason that a newer node has thought of is `internal_error` here, with its text in the detail.
 * @throws {WireError}
 */
export function readClose(body: WireReader): { reason: LinkCloseReason; detail: string } {
  const reason = body.text();
  const detail = body.text().slice(0, MAX_DETAIL_CHARACTERS);
  if (KNOWN.has(reason)) return { reason: reason as LinkCloseReason, detail };
  return { reason: 'internal_error', detail: `${reason.slice(0, MAX_DETAIL_CHARACTERS)} ${detail}`.trim() };
}
