/** Two nodes on one local network, and one that does not show itself: a program, to be run where that network is. Prints `found` at the end. */
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import type { PeerTarget } from '../../src/peer/channel.ts';
import { newIdentity } from '../../src/peer/identity.ts';
import { Libp2pNetwork } from '../../src/peer/libp2p-network.ts';

const log = createLogger({ level: 'error', destination: { write: () => {} } });

async function start(mdns: boolean): Promise<Libp2pNetwork> {
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '0.0.0.0',
    port: 0,
    quic: false,
    mdns,
    maxConnections: 100,
    version: '0',
    clock: systemClock,
    log,
  });
  await network.start();
  return network;
}

const first = Promise.withResolvers<PeerTarget>();
const heard = new Set<string | null>();
const quiet = await start(false);
const seeker = await start(true);
seeker.discovered((target) => {
  heard.add(target.peerId);
  first.resolve(target);
});
const shown = await start(true);
const target = await first.promise;
const taken = Promise.withResolvers<string>();
shown.accept('/test/1', (channel) => taken.resolve(channel.peerId));
await seeker.dial(target, '/test/1', AbortSignal.timeout(5000));
const isRight = target.peerId === shown.peerId && !heard.has(quiet.peerId) && (await taken.promise) === seeker.peerId;
process.stdout.write(isRight ? 'found\n' : 'somebody else was found\n');
process.exit();
