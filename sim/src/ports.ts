import type { MessagingNode, MessagingNodeParts } from '@plexus/server/simulation';

export type {
  Clock,
  MessagingNode,
  MessagingNodeParts,
  MessagingNodeView,
  NodePlant,
  PeerChannel,
  PeerChannelHandler,
  PeerNetwork,
  PeerTarget,
  Timer,
  Transport,
  TransportHandler,
} from '@plexus/server/simulation';

/** What the simulated nodes are. */
export type CreateMessagingNode = (parts: MessagingNodeParts) => MessagingNode;
