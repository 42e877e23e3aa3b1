import type { PeerChannel, PeerChannelHandler } from './channel.ts';
import { closeBody, END_GRACE_MS } from './close-frame.ts';
import { FrameType } from './frame-types.ts';
import { FrameWriter, Traffic } from './frame-writer.ts';
import type { LinkCloseReason } from './link-ports.ts';

/** For what still comes on a channel that is being ended. */
const DISCARD: PeerChannelHandler = { onData() {}, onDrain() {}, onClosed() {} };

/** Tells the peer why a channel is not wanted, and ends it. Nothing more is heard of it. */
export function refuseChannel(channel: PeerChannel, reason: LinkCloseReason, detail = ''): void {
  channel.handler = DISCARD;
  const writer = new FrameWriter(channel, new Traffic());
  writer.copy(FrameType.Close, closeBody(reason, detail));
  writer.flush();
  channel.end(END_GRACE_MS);
}
