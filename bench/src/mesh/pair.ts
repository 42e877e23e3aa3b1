import type { Peer, RunningPeer } from '../peers/peer.ts';
import { plexus } from '../peers/plexus.ts';
import { type NodeFile, type PlexusProcess, startPlexus } from '../peers/plexus-node.ts';
import { freePort, together } from '../peers/processes.ts';
import { FanOut } from './fan-out.ts';
import { MeshView } from './mesh-state.ts';
import { type Credentials, Realm } from './realm.ts';

const KNOWN_MS = 30_000;
/** Under the key of the topic that the generator uses, and does not match it. */
const SIDE_TOPIC = { topic: 'bench/0001/side', filter: 'bench/0001/+', bytes: 100 };

type Transport = 'tcp' | 'quic';

/** Over QUIC: whoever dials knows of no other address. */
async function flagsOf(transport: Transport): Promise<string[]> {
  const always = ['--mesh', '--reachable', 'yes'];
  if (transport === 'tcp') return [...always, '--no-quic'];
  const port = await freePort();
  return [...always, '--peer-port', `${port}`, '--public-addresses', `/ip4/127.0.0.1/udp/${port}/quic-v1`];
}

const start = async ({ dataDir, config }: Credentials, transport: Transport, join: readonly string[]) =>
  startPlexus({ dataDir, flags: ['--config', config, ...(await flagsOf(transport)), ...join] });

function addressOf({ peerAddresses }: NodeFile, transport: Transport): string {
  const address = peerAddresses.find((each) => each.includes('/quic-v1') === (transport === 'quic'));
  if (address === undefined) throw new Error(`a node without an address for ${transport}: ${peerAddresses}`);
  return address;
}

async function requireLink({ node }: PlexusProcess, other: PlexusProcess, transport: Transport): Promise<void> {
  const view = new MeshView(node);
  const links = (await view.links()).filter(({ peerId }) => peerId === other.node.nodeId);
  const found = links.map((link) => link.transport).join(', ');
  if (found !== transport) throw new Error(`links over ${found || 'nothing'} instead of one over ${transport}`);
}

/** Two nodes of a mesh, with one link between them, over one transport: publishers use the first, subscribers the second. */
export const meshPair = (transport: Transport): Peer => ({
  ...plexus,
  async start(directory): Promise<RunningPeer> {
    const realm = new Realm(directory);
    const second = await start(realm.admit(), transport, []);
    const started = [second];
    try {
      const join = ['--mesh-join', addressOf(second.node, transport)];
      const first = await start(realm.admit(), transport, join);
      started.unshift(first);
      const view = new MeshView(first.node);
      await view.until('a node that knows the other', KNOWN_MS, ({ directoryPeers }) => directoryPeers > 0);
      // Stays, so that the two know of each other when the generator comes.
      const at = ({ node }: PlexusProcess) => ({ port: node.mqttPort, transport: 'tcp' }) as const;
      const side = await FanOut.between(at(first), [at(second)], SIDE_TOPIC);
      await requireLink(first, second, transport);
      const pair = together(
        started.map(({ node, stop }) => ({
          port: node.mqttPort,
          subscribePort: node.mqttPort,
          pids: [node.pid],
          stop,
        })),
      );
      const stop = async (): Promise<void> => {
        side[Symbol.dispose]();
        await pair.stop();
      };
      return { ...pair, stop };
    } catch (error) {
      await Promise.all(started.map(({ stop }) => stop()));
      throw error;
    }
  },
});
