import { type Static, Type } from 'typebox';
import { Nullable } from './schemas.ts';

const Addresses = Type.Array(Type.String(), { description: 'Multiaddrs' });
const MemberStateName = Type.Union(
  [Type.Literal('joining'), Type.Literal('up'), Type.Literal('leaving'), Type.Literal('down')],
  { description: 'down: it is not there, and did not say that it leaves' },
);
const LinkStateName = Type.Union([Type.Literal('up'), Type.Literal('lost'), Type.Literal('closed')], {
  description: 'lost: its channel is gone, and another may go on where it ended',
});

export const LinkAnswer = Type.Object({
  purpose: Type.Union([Type.Literal('cluster'), Type.Literal('store'), Type.Literal('mesh')]),
  state: LinkStateName,
  direction: Type.Union([Type.Literal('outbound'), Type.Literal('inbound')]),
  transport: Type.Union([Type.Literal('tcp'), Type.Literal('quic'), Type.Literal('relay'), Type.Literal('memory')]),
  address: Type.String({ description: 'Multiaddr of the other end, as it is seen here' }),
  incarnation: Type.Integer({ description: 'Grows with every start of the peer' }),
  version: Type.Integer({ description: 'Of the wire format that both speak' }),
  ageMs: Type.Number(),
  idleMs: Type.Number({ description: 'Since it was last used' }),
  roundTripMs: Nullable(Type.Number({ description: 'Smoothed, of heartbeats' })),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
  framesIn: Type.Integer(),
  framesOut: Type.Integer(),
  queuedBytes: Type.Integer({ description: 'Wait for credit, or for the channel' }),
  heldBytes: Type.Integer({ description: 'At QoS 1 and 2, not yet answered' }),
  dropped: Type.Integer({ description: 'Messages at QoS 0, because the peer did not keep up' }),
  resent: Type.Integer(),
  duplicates: Type.Integer(),
  losses: Type.Integer({ description: 'How often its channel was lost' }),
  pinned: Type.Boolean({ description: 'It stays for as long as the peer is a member of the cluster' }),
});
export type LinkAnswer = Static<typeof LinkAnswer>;

export const PeerAnswer = Type.Object({
  peerId: Type.String(),
  member: Nullable(MemberStateName),
  addresses: Addresses,
  links: Type.Array(LinkAnswer),
});
export type PeerAnswer = Static<typeof PeerAnswer>;

export const MemberAnswer = Type.Object({
  nodeId: Type.String(),
  state: MemberStateName,
  self: Type.Boolean(),
  incarnation: Type.Integer({ description: 'Grows with every start of the node' }),
  addresses: Addresses,
  link: Nullable(LinkStateName),
  sinceMs: Type.Integer({
    description: 'Milliseconds since 1970, by the clock of this node: since when it is in this state',
  }),
  filters: Type.Integer({ description: 'Topic filters that it wants messages of' }),
  groupMembers: Type.Integer({ description: 'Members of groups that it has' }),
});
export const ClusterAnswer = Type.Object({
  name: Nullable(Type.String({ description: 'null: this node is in no cluster' })),
  members: Type.Array(MemberAnswer),
  sought: Type.Array(Type.String(), { description: 'Addresses to join at behind which there is nobody yet' }),
});

const Holder = Type.Object({
  nodeId: Type.String(),
  self: Type.Boolean(),
  online: Type.Integer({ description: 'Members that have a connection' }),
  away: Type.Integer({ description: 'Members of persistent sessions that have none' }),
});
export const InterestAnswer = Type.Object({
  realm: Type.String(),
  topic: Type.String(),
  local: Type.Boolean({ description: 'Whether this node has subscriptions that are not shared' }),
  nodes: Type.Array(Type.String(), { description: 'Other nodes with subscriptions that are not shared' }),
  shares: Type.Array(
    Type.Object({
      share: Type.String({ description: '$share/{group}/{filter}' }),
      holders: Type.Array(Holder),
    }),
    { description: 'Shared subscriptions: one member of each gets the message' },
  ),
});
