import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import { Type } from 'typebox';
import type { MemberListing } from '../../cluster/ports.ts';
import { PeerAnswer } from '../cluster-schemas.ts';
import type { ClusterView, PeersView } from '../ports.ts';
import { DEFAULT_LIMIT, ErrorAnswer, Next, Page } from '../schemas.ts';

export function peerRoutes(peers: PeersView, cluster: ClusterView): FastifyPluginAsyncTypebox {
  return async (app) => {
    const list = {
      summary: 'Other nodes: members of the cluster, and whoever this node has a link with',
      querystring: Type.Object(Page, { additionalProperties: false }),
      response: { 200: Type.Object({ peers: Type.Array(PeerAnswer), next: Next }), 400: ErrorAnswer },
    };
    app.get('/peers', { schema: list }, ({ query: { cursor = '', limit = DEFAULT_LIMIT } }) => {
      const known = peersOf(peers, cluster).filter(({ peerId }) => peerId > cursor);
      const page = known.slice(0, limit);
      return { peers: page, next: known.length > limit ? page.at(-1)!.peerId : null };
    });

    const remove = {
      summary: 'Close the links with a peer that is no member of the cluster',
      params: Type.Object({ peerId: Type.String() }),
      response: { 204: Type.Null(), 404: ErrorAnswer, 409: ErrorAnswer },
    };
    app.delete('/peers/:peerId', { schema: remove }, ({ params: { peerId } }, reply) => {
      const links = peers.links().filter((link) => link.peerId === peerId);
      if (links.length === 0) throw new PlexusError('peer_not_found', { peerId });
      // It would be back at once.
      if (links.every(({ pinned }) => pinned)) throw new PlexusError('peer_is_member', { peerId });
      peers.remove(peerId);
      reply.code(204).send(null);
    });
  };
}

/** In order of their ids. */
function peersOf(peers: PeersView, cluster: ClusterView): PeerAnswer[] {
  const byId = new Map<string, PeerAnswer>();
  const entry = (peerId: string): PeerAnswer => {
    let one = byId.get(peerId);
    if (one === undefined) {
      one = { peerId, member: null, addresses: [], links: [] };
      byId.set(peerId, one);
    }
    return one;
  };
  for (const member of cluster.members()) if (!member.self) describe(entry(member.nodeId), member);
  for (const { peerId, ...link } of peers.links()) entry(peerId).links.push(link);
  return [...byId.values()].sort((a, b) => (a.peerId < b.peerId ? -1 : 1));
}

/** Two lives of one node may be known for a moment: the later one counts, which is listed last. */
function describe(peer: PeerAnswer, { state, addresses }: MemberListing): void {
  peer.member = state;
  peer.addresses = [...addresses];
}
