import type { CommitTarget } from '../broker/session-store.ts';
import type { Link } from '../peer/link-ports.ts';
import { NO_BYTES } from './message-frames.ts';

/** What goes to another node of the mesh: one frame, encoded once for all of them. */
export interface MeshSend {
  readonly realm: string;
  readonly topic: string;
  readonly type: number;
  readonly frame: Uint8Array;
  /** QoS 0 messages in it; 0: it is held until it is answered. */
  readonly messages: number;
  /** The publisher's acknowledgement; null: nobody waits. */
  readonly commit: CommitTarget | null;
}

/** What it counts for in bounds on messages. */
export const countOf = ({ messages }: MeshSend): number => Math.max(messages, 1);

/** What it counts for in bounds on bytes. */
export const costOf = ({ frame }: MeshSend): number => frame.length + OVERHEAD_BYTES;
const OVERHEAD_BYTES = 200;

/** Sends a frame at QoS 0. @returns false: the peer does not keep up, and the link has dropped and counted it */
export function sendLoose(link: Link, { type, frame, messages }: MeshSend): boolean {
  return link.loose(type, frame, NO_BYTES, 0, 0, messages);
}
