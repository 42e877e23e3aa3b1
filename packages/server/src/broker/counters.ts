import type { CloseReason } from '@plexus/protocol';

/** Why a message did not reach a receiver it matched. Every drop is counted under exactly one. */
export type DropReason =
  /** QoS 0: the receiver's outbound buffer is full. */
  | 'outbound_full'
  /** QoS 1 and 2: the session's queue is full and `queueFull` says to drop. */
  | 'queue_oldest'
  | 'queue_newest'
  /** Refused before any acknowledgement: a matching session's queue, or the node's, is full. */
  | 'refused'
  /** Larger than the receiver's maximum packet size [MQTT-3.1.2-25]. */
  | 'too_large'
  /** The publisher may not publish on this topic. */
  | 'not_authorized'
  /** No room for another retained message; it was delivered, not retained. */
  | 'retained_full'
  /** QoS 0, still waiting for the node to have room when its publisher was closed. */
  | 'publisher_gone'
  /** Its message expiry interval ran out while it waited. */
  | 'expired'
  /** The session ended with messages in its queue. */
  | 'session_ended'
  /** Another node does not keep up, and nobody waits for the answer. */
  | 'peer_full'
  /** Too many messages wait until it is known who wants them beyond the cluster, or for a link to whom. */
  | 'mesh_pending_full'
  /** That was not known in time. */
  | 'mesh_pending_timeout'
  /** No node of a cluster that wants it can be reached. */
  | 'mesh_unreachable';

/**
 * What the broker counts, as plain numbers: adding to one costs nothing, and the metrics are made from them
 * when somebody asks.
 */
export class BrokerCounters {
  /** By QoS. Messages of this node's clients, in as published, out as delivered. */
  readonly messagesIn: [number, number, number] = [0, 0, 0];
  readonly messagesOut: [number, number, number] = [0, 0, 0];
  /** By QoS, whole PUBLISH packets. */
  readonly publishBytesIn: [number, number, number] = [0, 0, 0];
  readonly publishBytesOut: [number, number, number] = [0, 0, 0];
  /** Everything on the sockets. */
  bytesIn = 0;
  bytesOut = 0;
  connects = 0;
  readonly refused = new Map<CloseReason, number>();
  readonly closed = new Map<CloseReason, number>();
  readonly dropped = new Map<DropReason, number>();

  drop(reason: DropReason, messages: number): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + messages);
  }

  refuse(reason: CloseReason): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  close(reason: CloseReason): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
  }
}
