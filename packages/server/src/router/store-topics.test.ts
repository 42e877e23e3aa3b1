import { describe, expect, it, vi } from 'vitest';
import type { NewEvent } from '../store/event.ts';
import { TestBroker } from '../testing/test-broker.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import { StoreTopics } from './store-topics.ts';

type Authenticate = NonNullable<NonNullable<ConstructorParameters<typeof TestBroker>[0]>['authenticator']>;

/** The user name is the realm. */
const BY_NAME: Authenticate = { authenticate: (username) => ({ realm: username ?? 'default', username }) };

/** A store that tells how many hear of its commits. */
class WatchedStore extends TestStore {
  listeners = 0;

  override onCommitted(listener: Parameters<TestStore['onCommitted']>[0]): () => void {
    const stop = super.onCommitted(listener);
    this.listeners++;
    return () => {
      this.listeners--;
      stop();
    };
  }
}

function withStore(options: ConstructorParameters<typeof TestBroker>[0] = {}) {
  const store = new WatchedStore();
  const broker = new TestBroker({ stores: testStores(store), ...options });
  return { store, broker };
}

async function append(store: TestStore, stream: string, ...events: NewEvent[]): Promise<void> {
  await store.append({ writes: [{ stream, expectedVersion: 'any', events }] });
}

describe('a committed event', () => {
  it('is published with its fields as properties, its data as the payload, and without RETAIN', async () => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    client.subscribe('$store/default/order-1/placed', 1);
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const [correlationId, causationId] = ['c1', 'c2'];
    const metadata = { by: 'ann' };
    await append(store, 'order-1', {
      id,
      type: 'placed',
      data: { total: 3 },
      tags: ['a', 'b'],
      metadata,
      correlationId,
      causationId,
    });
    broker.settle();
    expect(client.messages).toHaveLength(1);
    const [{ topic, payload, qos, retain, properties }] = client.messages as [(typeof client.messages)[0]];
    expect([topic, payload, qos, retain]).toEqual(['$store/default/order-1/placed', '{"total":3}', 1, false]);
    expect([properties.payloadFormatIndicator, properties.contentType]).toEqual([1, 'application/json']);
    const time = properties.userProperties?.find(([name]) => name === 'time')?.[1];
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(properties.userProperties).toEqual([
      ['id', id],
      ['stream', 'order-1'],
      ['version', '0'],
      ['position', '0'],
      ['type', 'placed'],
      ['time', time],
      ['tag', 'a'],
      ['tag', 'b'],
      ['correlationId', correlationId],
      ['causationId', causationId],
      ['metadata', '{"by":"ann"}'],
    ]);
    const late = broker.client('late');
    late.subscribe('$store/#', 1);
    expect(late.messages).toEqual([]);
  });

  it('that is not JSON comes byte for byte, with its content type and without the format indicator', async () => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    client.subscribe('$store/#', 0);
    await append(store, 'a', { type: 't', data: Uint8Array.of(0, 255, 7), contentType: 'image/png' });
    broker.settle();
    expect([...client.messages[0]!.bytes]).toEqual([0, 255, 7]);
    expect(client.messages[0]!.properties).toMatchObject({ contentType: 'image/png' });
    expect(client.messages[0]!.properties.payloadFormatIndicator).toBeUndefined();
  });

  it('is the data alone on 3.1.1', async () => {
    const { store, broker } = withStore();
    const client = broker.client('s', { version: 4 });
    client.subscribe('$store/#', 1);
    await append(store, 'a', { type: 't', data: 'x' });
    broker.settle();
    expect(client.messages.map(({ payload, properties }) => [payload, properties])).toEqual([['"x"', {}]]);
  });

  it('with metadata longer than a property comes with it in parts, cut between characters', async () => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    client.subscribe('$store/#', 1);
    // Two bytes a character, after one of one byte: the 65,535th byte is within a character.
    const metadata = `x${'é'.repeat(100_000)}`;
    await append(store, 'a', { type: 't', metadata });
    broker.settle();
    const parts = client.messages[0]!.properties.userProperties!.filter(([name]) => name === 'metadata');
    expect(parts.map(([, text]) => Buffer.byteLength(text))).toEqual([65_534, 65_534, 65_534, 200_003 - 3 * 65_534]);
    expect(JSON.parse(parts.map(([, text]) => text).join(''))).toBe(metadata);
  });

  it.each([
    ['$store/#', true],
    ['$store/default/#', true],
    ['$store/+/order-1/+', true],
    ['$store/default/+/placed', true],
    ['$share/g/$store/default/#', true],
    ['$store/other/#', false],
    ['$store/default/order-2/+', false],
    ['$store/default', false],
    ['#', false],
    ['+/default/order-1/placed', false],
  ])('is for %s: %s', async (filter, expected) => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    client.subscribe(filter, 1);
    await append(store, 'order-1', { type: 'placed', data: 1 });
    broker.settle();
    expect(client.take()).toEqual(expected ? ['1'] : []);
  });

  it('has names with %, /, + and # percent-encoded in its topic', async () => {
    const store = new TestStore('a/b');
    const broker = new TestBroker({ stores: testStores(store) });
    const client = broker.client('s');
    expect(client.subscribe('$store/a%2Fb/50%25 +/+', 1)).toEqual([0x8f]);
    client.subscribe('$store/a%2Fb/50%25 %2B/%23', 1);
    await append(store, '50% +', { type: '#', data: 1 });
    await append(store, '50% +', { type: 'other', data: 2 });
    broker.settle();
    expect(client.messages.map(({ topic, payload }) => [topic, payload])).toEqual([
      ['$store/a%2Fb/50%25 %2B/%23', '1'],
    ]);
  });

  it.each([0, 1] as const)('comes in the order of positions at QoS %i', async (qos) => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    client.subscribe('$store/#', qos);
    for (let i = 0; i < 50; i++) await append(store, `s${i % 7}`, { type: 't', data: i }, { type: 'u', data: i });
    broker.settle();
    expect(client.take()).toEqual(Array.from({ length: 100 }, (_, i) => `${i >> 1}`));
  });

  it('stays in the realm of its store', async () => {
    const [red, blue] = [new TestStore('red', 'red'), new TestStore('blue', 'blue')];
    const broker = new TestBroker({ stores: testStores(red, blue), authenticator: BY_NAME });
    const clients = ['red', 'blue', 'default'].map((realm) => broker.client('s', { username: realm }));
    for (const client of clients) client.subscribe('$store/#', 1);
    for (const store of [red, blue]) await append(store, 'a', { type: 't', data: store.name });
    broker.settle();
    expect(clients.map((client) => client.take())).toEqual([['"red"'], ['"blue"'], []]);
  });

  it('waits for a session that is away', async () => {
    const { store, broker } = withStore();
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const first = broker.client('s', kept);
    first.subscribe('$store/#', 1);
    first.hangUp();
    await append(store, 'a', { type: 't', data: 1 });
    broker.settle();
    expect(broker.client('s', kept).take()).toEqual(['1']);
  });

  it('that a full queue has no room for is dropped there and counted, and appended all the same', async () => {
    const { store, broker } = withStore({ maxQueuedMessages: 2 });
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
    const [away, here] = [broker.client('away', kept), broker.client('here')];
    for (const client of [away, here]) client.subscribe('$store/#', 1);
    away.hangUp();
    for (let i = 0; i < 4; i++) await append(store, 'a', { type: 't', data: i });
    broker.settle();
    expect(store.lastPosition).toBe(3);
    expect(here.take()).toEqual(['0', '1', '2', '3']);
    expect(broker.dropped('refused')).toBe(2);
    expect(broker.client('away', kept).take()).toEqual(['0', '1']);
  });
});

describe('an event is encoded', () => {
  /** Types of the events that were encoded since it was last called. */
  function encodings(broker: TestBroker): () => string[] {
    const make = vi.spyOn(broker.broker.context.eventMessages, 'make');
    return () => {
      const types = make.mock.calls.map(([, event]) => event.type);
      make.mockClear();
      return types;
    };
  }

  it('only if somebody subscribes to a topic that it matches', async () => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    const encoded = encodings(broker);
    const three = () => append(store, 'order-1', { type: 'placed' }, { type: 'paid' }, { type: 'sent' });
    await three();
    const none = ['#', '$store/other/#', '$store/default/order-2/+', '$store/default/+/lost'];
    for (const filter of none) client.subscribe(filter, 1);
    await three();
    expect(encoded()).toEqual([]);
    client.subscribe('$store/default/+/paid', 1);
    await three();
    expect(encoded()).toEqual(['paid']);
    client.subscribe('$share/g/$store/default/order-1/sent', 1);
    await three();
    expect(encoded()).toEqual(['paid', 'sent']);
    client.unsubscribe('$store/default/+/paid');
    client.unsubscribe('$share/g/$store/default/order-1/sent');
    await three();
    expect(encoded()).toEqual([]);
  });

  it('once, however many get it', async () => {
    const { store, broker } = withStore();
    const clients = (['a', 'b', 'c'] as const).map((id) => broker.client(id));
    for (const client of clients) client.subscribe('$store/#', 1);
    clients[0]!.subscribe('$store/default/order-1/+', 0);
    const old = broker.client('old', { version: 4 });
    old.subscribe('$store/default/#', 1);
    const encoded = encodings(broker);
    await append(store, 'order-1', { type: 'placed', data: 1 });
    broker.settle();
    expect([...clients, old].map((client) => client.take().length > 0)).toEqual([true, true, true, true]);
    expect(encoded()).toEqual(['placed']);
  });

  it('in the realm of its store alone', async () => {
    const store = new TestStore('red', 'red');
    const broker = new TestBroker({ stores: testStores(store), authenticator: BY_NAME });
    broker.client('s', { username: 'blue' }).subscribe('$store/#', 1);
    const encoded = encodings(broker);
    await append(store, 'a', { type: 'unseen' });
    broker.client('s', { username: 'red' }).subscribe('$store/#', 1);
    await append(store, 'a', { type: 'seen' });
    expect(encoded()).toEqual(['seen']);
  });
});

describe('a store', () => {
  it('is listened to only while somebody subscribes to its topics', () => {
    const { store, broker } = withStore();
    const client = broker.client('s');
    const seen = [store.listeners];
    const note = (): void => void seen.push(store.listeners);
    for (const filter of ['#', '$store/other/#', '$store', '$SYS/#']) client.subscribe(filter);
    note();
    client.subscribe('$store/default/a/b');
    client.subscribe('$share/g/$store/+/c/#');
    note();
    client.unsubscribe('$store/default/a/b');
    note();
    client.unsubscribe('$share/g/$store/+/c/#');
    note();
    client.subscribe('$store/#');
    note();
    client.hangUp();
    note();
    expect(seen).toEqual([0, 0, 1, 1, 0, 1, 0]);
  });

  it('has none while another store of its name is served in the cluster', async () => {
    const { store, broker } = withStore({ stores: testStores() });
    const client = broker.client('s');
    client.subscribe('$store/#', 1);
    let isServed = false;
    new StoreTopics({ ...broker.broker.context, stores: testStores(store), isServed: () => isServed }).start();
    await append(store, 's', { type: 'refused' });
    isServed = true;
    await append(store, 's', { type: 'served' });
    broker.settle();
    expect(client.messages.map(({ topic }) => topic)).toEqual(['$store/default/s/served']);
  });

  it('is listened to for sessions that were there before, and no longer after the end', async () => {
    const { store, broker } = withStore({ stores: testStores() });
    const client = broker.client('s');
    client.subscribe('$store/#', 1);
    const topics = new StoreTopics({ ...broker.broker.context, stores: testStores(store) });
    topics.start();
    expect(store.listeners).toBe(1);
    topics.stop();
    expect(store.listeners).toBe(0);
    client.unsubscribe('$store/#');
    client.subscribe('$store/#', 1);
    expect(store.listeners).toBe(0);
  });
});
