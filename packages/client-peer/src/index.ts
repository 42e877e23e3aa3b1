import { type IClientOptions, MqttClient } from 'mqtt';
import { PeerDuplex } from './peer-duplex.ts';
import { parsePlexusUrl } from './plexus-url.ts';

export { type PlexusUrl, parsePlexusUrl } from './plexus-url.ts';

/**
 * MQTT over libp2p: a client of MQTT.js that connects to a node's peer port, encrypted and without certificates, because the node
 * proves the identity that the address names.
 *
 * ```ts
 * import { connectPeer } from '@plexus/client-peer';
 *
 * const client = connectPeer('plexus://192.0.2.1:9443');
 * const client = connectPeer('plexus:///ip4/192.0.2.1/tcp/9443/p2p/12D3KooW…');
 * const client = connectPeer('plexus:///ip4/192.0.2.1/udp/9443/quic-v1/p2p/12D3KooW…'); // over QUIC
 * ```
 *
 * Without `/p2p/…` the client talks to whoever answers. Addresses of a node are in `peerAddresses` of its `node.json`, and its id
 * in `GET /api/v1/node`. Everything else is as with `mqtt.connect`: options, reconnecting, events. `client.end()` closes what was
 * opened for it; a program with no client open is not kept running.
 *
 * @throws {TypeError} the URL is none of these
 */
export function connectPeer(url: string, options: IClientOptions = {}): MqttClient {
  const target = parsePlexusUrl(url);
  const { username, password } = target;
  const credentials = { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
  return new MqttClient(() => new PeerDuplex(target), { ...credentials, ...options });
}
