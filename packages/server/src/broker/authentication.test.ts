import { encodeConnect, encodeSubscribe, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { connectPacket, publishPacket, request } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';
import type { AuthResult } from './ports.ts';

/** Credentials take their time: each question is answered when the test says so. */
class SlowAuthenticator {
  readonly asked: { username: string | null; answer: (result: AuthResult) => void; fail: (error: Error) => void }[] =
    [];

  authenticate(username: string | null): Promise<AuthResult> {
    return new Promise((answer, fail) => this.asked.push({ username, answer, fail }));
  }
}

const scene = () => {
  const authenticator = new SlowAuthenticator();
  const broker = new TestBroker({ authenticator });
  const after = async (act: () => void) => {
    act();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    await Promise.resolve();
    broker.settle();
  };
  return { authenticator, broker, after };
};

const subscribePacket = encodeSubscribe(5, { packetId: 1, requests: [request('t', 0)], properties: {} });

describe('while credentials are checked', () => {
  it('nothing is answered and nothing further is read; what came along is handled afterwards, in order', async () => {
    const { authenticator, broker, after } = scene();
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a')), subscribePacket, publishPacket(5, 't', '1'));
    client.send(publishPacket(5, 't', '2'));
    expect(client.packets).toEqual([]);
    expect(client.transport.paused).toBe(true);
    expect(client.transport.unreadBytes).toBeGreaterThan(0);
    expect(broker.broker.realms.find('default')?.subscriptions ?? 0).toBe(0);
    await after(() => authenticator.asked[0]?.answer({ realm: 'default', username: null }));
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack', 'suback', 'publish', 'publish']);
    expect(client.take()).toEqual(['1', '2']);
    expect(client.transport.paused).toBe(false);
  });

  it('nothing that came along has an effect when they turn out wrong', async () => {
    const { authenticator, broker, after } = scene();
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a')), subscribePacket, publishPacket(5, 't', 'x', { retain: true }));
    await after(() => authenticator.asked[0]?.answer('bad_credentials'));
    expect(client.packets.map((packet) => packet.on)).toEqual(['connack']);
    expect(client.connackReason).toBe(Reason.BadUserNameOrPassword);
    expect(client.closed).toBe(true);
    expect(broker.retained.messages).toBe(0);
    expect(broker.session('a')).toBeNull();
  });

  it('the client may go: nothing of it is left', async () => {
    const { authenticator, broker, after } = scene();
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a')));
    client.hangUp();
    await after(() => authenticator.asked[0]?.answer({ realm: 'default', username: null }));
    expect(broker.broker.clients.count()).toBe(0);
    expect(broker.broker.connections).toBe(0);
    expect(broker.session('a')).toBeNull();
  });

  it('a connected client of the same id stays until they are proven', async () => {
    const { authenticator, broker, after } = scene();
    const first = broker.stranger('a');
    broker.accept(first);
    first.send(encodeConnect(connectPacket(5, 'a')));
    await after(() => authenticator.asked[0]?.answer({ realm: 'default', username: null }));
    const impostor = broker.stranger('a');
    broker.accept(impostor);
    impostor.send(encodeConnect(connectPacket(5, 'a')));
    await after(() => authenticator.asked[1]?.answer('bad_credentials'));
    expect(first.closed).toBe(false);
    expect(broker.registered('a')).not.toBeNull();
  });

  it('a second CONNECT that came along is a protocol error, and is not asked about', async () => {
    const { authenticator, broker, after } = scene();
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a')), encodeConnect(connectPacket(5, 'b')));
    await after(() => authenticator.asked[0]?.answer({ realm: 'default', username: null }));
    expect(authenticator.asked).toHaveLength(1);
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
  });

  it('the node may be told to stop: the client is refused', async () => {
    const { authenticator, broker, after } = scene();
    const client = broker.stranger('a');
    broker.accept(client);
    client.send(encodeConnect(connectPacket(5, 'a')));
    broker.broker.drain();
    await after(() => authenticator.asked[0]?.answer({ realm: 'default', username: null }));
    expect(client.closed).toBe(true);
    expect(broker.broker.clients.count()).toBe(0);
  });
});
