import type { MessagingNode, MessagingNodeParts } from '@plexus/server/simulation';

export type {
  Clock,
  Directory,
  DirectoryKey,
  DirectoryStatus,
  FederatedRealm,
  FederatedRealms,
  MessagingNode,
  MessagingNodeParts,
  MessagingNodeView,
  NodePlant,
  PeerChannel,
  PeerChannelHandler,
  PeerNetwork,
  PeerTarget,
  RealmToken,
  Timer,
  TokenProblem,
  Transport,
  TransportHandler,
} from '@plexus/server/simulation';

/** What the simulated nodes are. */
export type CreateMessagingNode = (parts: MessagingNodeParts) => MessagingNode;
