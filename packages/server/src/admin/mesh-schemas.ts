import { type Static, Type } from 'typebox';
import { TOKEN_PROBLEMS } from '../auth/federation/federated-realm.ts';
import { Nullable, Realm } from './schemas.ts';

const TimeMs = (description: string) => Type.Integer({ description: `${description}; milliseconds since 1970` });
const FileProblem = Type.Enum([...TOKEN_PROBLEMS, 'missing', 'unreadable']);

export const RealmStanding = Type.Object({
  realm: Type.String(),
  authorityKey: Type.String({ description: 'Ed25519 public key, base64url' }),
  problem: Nullable(FileProblem, { description: 'Why this node takes no part; null: it does' }),
  tokenFile: Nullable(FileProblem, {
    description: 'What is wrong with the token file as it is now; the token before may still be in use',
  }),
  revocationsFile: Nullable(FileProblem, { description: 'What is wrong with the file of revocations' }),
  issue: Nullable(Type.Integer(), { description: 'Number of the token in use, or else of the last that was' }),
  issuedAtMs: Nullable(TimeMs('Of that token')),
  notAfterMs: Nullable(TimeMs('From then on it is worth nothing')),
  revocations: Nullable(
    Type.Object({
      number: Type.Integer(),
      issuedAtMs: TimeMs('Of the list'),
      notAfterMs: TimeMs('From then on no token is accepted, until there is a newer list'),
    }),
    { description: 'The newest list that is known here; null: none is' },
  ),
});

const Reachability = Type.Object({
  reachable: Type.Boolean({ description: 'Whether others can open connections to this node' }),
  basis: Type.Enum(['configured', 'verified', 'refuted', 'translated', 'presumed'], {
    description:
      'How that is known. verified: others have dialled an address that a router passes on; refuted: they have in vain; translated: a peer saw this node come from another address; presumed: nothing speaks against it',
  }),
  relays: Type.Array(Type.String(), { description: 'Peer ids of relays that this node is reached through' }),
  reservations: Nullable(Type.Integer(), {
    description: 'Nodes that are reached through this one; null: it relays nothing',
  }),
});

const MeshPeer = Type.Object({
  peerId: Type.String(),
  realms: Type.Array(Type.String(), { description: 'In which both ends have shown tokens that hold' }),
  cluster: Nullable(Type.String(), { description: 'As its token says' }),
  filters: Type.Integer({ description: 'Topic filters that it has said it wants' }),
  link: Type.Enum(['up', 'lost', 'none'], {
    description: 'lost: its channel is gone, and another may go on where it ended',
  }),
});

const ByCause = Type.Object(
  { first: Type.Integer(), refresh: Type.Integer(), renew: Type.Integer() },
  {
    description:
      'first: nothing was known; refresh: what was known grows old; renew: there is reason to think that it has changed',
  },
);

export const MeshAnswer = Type.Object({
  enabled: Type.Boolean({ description: 'false: this node takes no part, and everything else is empty' }),
  nodeId: Type.String(),
  mode: Nullable(Type.Enum(['server', 'client']), {
    description: 'In the directory. client: it asks, but keeps nothing for others',
  }),
  directoryPeers: Type.Integer({ description: 'Nodes of the directory that this one knows' }),
  directoryRecords: Type.Integer({ description: 'Records of other nodes that are kept here' }),
  outOfReach: Type.Boolean({ description: 'Nobody of the directory answers; what is known already stays in use' }),
  reachability: Nullable(Reachability),
  realms: Type.Array(RealmStanding),
  peers: Type.Array(MeshPeer, { description: 'With a link, or lately with one' }),
  advertisements: Type.Object({
    waiting: Type.Integer(),
    advertising: Type.Integer(),
    advertised: Type.Integer(),
    failed: Type.Integer({ description: 'They are tried again' }),
    sent: Type.Integer({ description: 'Records, since the start; a key has one for each epoch in use' }),
    failures: Type.Integer({ description: 'Since the start' }),
    refused: Type.Integer({ description: 'Keys that were not advertised because there were too many' }),
  }),
  lookups: Type.Object({
    keys: Type.Integer({ description: 'Of which something is known' }),
    running: Type.Integer(),
    waiting: Type.Integer({ description: 'For their turn' }),
    queries: Type.Object({ subscriber: ByCause, publisher: ByCause }),
    failed: Type.Integer(),
    hits: Type.Integer({ description: 'Answers that nobody had to wait for' }),
    misses: Type.Integer(),
    evictions: Type.Integer({ description: 'Keys forgotten for want of room' }),
  }),
  pending: Type.Object(
    { topics: Type.Integer(), messages: Type.Integer(), bytes: Type.Integer() },
    { description: 'Messages that wait until it is known who wants them, or for a link' },
  ),
  duplicates: Type.Integer({ description: 'Messages that came a second time, and were dropped' }),
  refusals: Type.Record(Type.String(), Type.Integer(), { description: 'What peers were refused, by reason' }),
});
export type MeshAnswer = Static<typeof MeshAnswer>;

const PathText = Type.String({ description: "'' for the realm alone, else a slash and the levels" });

export const SearchAnswer = Type.Object({
  realm: Realm,
  topic: Type.String(),
  keys: Type.Array(
    Type.Object({
      path: PathText,
      complete: Type.Boolean({ description: 'false: the directory has not answered in time' }),
      subscribers: Type.Array(Type.String(), { description: 'Peer ids, as the directory has them' }),
    }),
    { description: 'One for each prefix of the topic, the shortest first' },
  ),
  mayPublish: Type.Boolean({ description: 'false: the token of this node does not let it publish there' }),
  peers: Type.Array(Type.String(), {
    description: 'To whom a message would go now: one node of each cluster that wants it',
  }),
});

const Key = {
  kind: Type.Enum(['subscriber', 'publisher']),
  realm: Type.String(),
  path: PathText,
};

export const AdvertisementAnswer = Type.Object({
  ...Key,
  state: Type.Enum(['waiting', 'advertising', 'advertised', 'failed']),
  advertisedAtMs: Nullable(TimeMs('When the directory took it last')),
  nextInMs: Type.Number({ description: 'Until it is said again' }),
});

export const PendingAnswer = Type.Object({
  queries: Type.Array(
    Type.Object({
      ...Key,
      ageMs: Type.Number(),
      leftMs: Type.Number({ description: 'Until it is given up' }),
      found: Type.Integer({ description: 'Peers, so far' }),
    }),
    { description: 'Questions to the directory, the oldest first' },
  ),
  queryCount: Type.Integer({ description: 'All that there are' }),
  topics: Type.Array(
    Type.Object({
      realm: Type.String(),
      topic: Type.String(),
      messages: Type.Integer(),
      ageMs: Type.Number({ description: 'Of the message that waits for longest' }),
    }),
    {
      description: 'Topics with messages that wait until it is known who wants them, those that wait for longest first',
    },
  ),
  topicCount: Type.Integer({ description: 'All that there are' }),
});
