/** Addresses of peers, as they are written and as libp2p has them. The code is in `lib`, because the configuration checks them too. */
export {
  endpointOf,
  type PeerAddress,
  parsePeerAddress,
  peerAddressProblem,
  toMultiaddr,
} from '../lib/peer-address.ts';
