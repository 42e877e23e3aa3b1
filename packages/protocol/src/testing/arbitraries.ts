import fc from 'fast-check';
import type { ConnectPacket, Properties, ProtocolVersion, Qos, UserProperty, Will } from '../packets.ts';
import { PacketType } from '../packets.ts';
import { encodePublishProperties } from '../properties.ts';
import { PROPERTY_RULES, PropertyOwner, type PropertyRule } from '../property-table.ts';
import type { AckName, Call, Side } from './recorder.ts';

const { FC_SEED } = process.env;
/** Set FC_SEED to the seed that a failed run printed to run it again. */
export const SEED = FC_SEED === undefined ? {} : { seed: Number(FC_SEED) };

const qos = fc.constantFrom<Qos>(0, 1, 2);
const packetId = fc.integer({ min: 1, max: 0xffff });
const binary = (minLength: number) => fc.uint8Array({ minLength, maxLength: 80 });

/** Text of any characters MQTT can carry: no U+0000, no lone surrogates. Long enough at times for both ways to read it. */
function text(minLength: number, maxLength = 50): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', minLength, maxLength }).map((drawn) => drawn.replaceAll('\0', '\u00e9'));
}

const topicName = text(1).map((drawn) => drawn.replaceAll(/[+#]/g, '/'));

/** Names are distinct and no array indices, and values of one name stand together: other codecs keep no more order. */
function userProperties(minText: number): fc.Arbitrary<UserProperty[]> {
  const group = fc.tuple(text(minText), fc.array(text(minText), { minLength: 1, maxLength: 3 }));
  return fc
    .uniqueArray(group, { selector: ([name]) => name, minLength: 1, maxLength: 3 })
    .map((groups) => groups.flatMap(([name, values]) => values.map((value): UserProperty => [`n${name}`, value])));
}

function propertyValue(rule: PropertyRule, owner: number, minText: number): fc.Arbitrary<unknown> {
  const most = { byte: 0xff, uint16: 0xffff, varints: 0xfffffff }[rule.kind as string] ?? rule.most;
  const number = fc.integer({ min: rule.least, max: Math.min(most, rule.most) });
  switch (rule.kind) {
    case 'pairs':
      return userProperties(minText);
    case 'varints':
      return fc.array(number, { minLength: 1, maxLength: owner === PropertyOwner.Publish ? 4 : 1 });
    case 'utf8':
      return rule.name === 'responseTopic' ? topicName : text(minText);
    case 'binary':
      return binary(minText);
    case 'flag':
      return fc.boolean();
    default:
      return number;
  }
}

/** Any properties that may stand in the packet, but for those in `without`. */
function properties(
  owner: number,
  minText: number,
  without: readonly (keyof Properties)[] = [],
): fc.Arbitrary<Properties> {
  const rules = PROPERTY_RULES.filter((rule) => (rule.packets & (1 << owner)) !== 0 && !without.includes(rule.name));
  const model = Object.fromEntries(rules.map((rule) => [rule.name, propertyValue(rule, owner, minText)]));
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Properties>;
}

function will(version: ProtocolVersion, minText: number): fc.Arbitrary<Will> {
  const published = version === 5 ? properties(PropertyOwner.Will, minText, ['willDelayIntervalS']) : fc.constant({});
  return fc
    .record({
      topic: topicName,
      payload: binary(minText),
      qos,
      retain: fc.boolean(),
      delayS: version === 5 ? fc.nat() : fc.constant(0),
      published,
    })
    .map(({ published, ...rest }: { published: Properties } & Omit<Will, 'publishProperties' | 'messageExpiryS'>) => ({
      ...rest,
      publishProperties: encodePublishProperties(published),
      messageExpiryS: published.messageExpiryIntervalS ?? -1,
    }));
}

/** @param minText 1 for packets that the peer codec must agree on: it takes some empty fields for absent ones */
export function connectPacket(version: ProtocolVersion, minText: number): fc.Arbitrary<ConnectPacket> {
  const credentials = fc.oneof(
    fc.record({ username: text(minText), password: fc.option(binary(minText)) }),
    fc.constant({ username: null, password: null }),
    ...(version === 5 && minText === 0 ? [fc.record({ username: fc.constant(null), password: binary(0) })] : []),
  );
  return fc
    .record({
      version: fc.constant(version),
      cleanStart: fc.boolean(),
      keepAliveS: fc.nat(0xffff),
      clientId: text(1),
      will: fc.option(will(version, minText)),
      credentials,
      properties: version === 5 ? properties(PacketType.Connect, minText) : fc.constant<Properties>({}),
    })
    .map(({ credentials, ...rest }) => ({ ...rest, ...credentials }))
    .map((packet) => {
      if (packet.properties.authenticationMethod === undefined) delete packet.properties.authenticationData;
      return packet;
    });
}

function publish(side: Side, version: ProtocolVersion, minText: number): fc.Arbitrary<Call> {
  const without: (keyof Properties)[] = side === 'server' ? ['subscriptionIdentifiers'] : [];
  return fc
    .record({
      topic: topicName,
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId,
      payload: fc.uint8Array({ maxLength: 300 }),
      properties: version === 5 ? properties(PacketType.Publish, minText, without) : fc.constant({}),
    })
    .map((drawn) => {
      const packet = drawn.qos === 0 ? { ...drawn, dup: false, packetId: 0 } : drawn;
      return { on: 'publish', packet };
    });
}

function acks(version: ProtocolVersion, minText: number): fc.Arbitrary<Call>[] {
  const forms: [AckName, number, readonly number[]][] = [
    ['puback', PacketType.Puback, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
    ['pubrec', PacketType.Pubrec, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
    ['pubrel', PacketType.Pubrel, [0x00, 0x92]],
    ['pubcomp', PacketType.Pubcomp, [0x00, 0x92]],
  ];
  return forms.map(([on, type, reasons]) =>
    fc.record({
      on: fc.constant(on),
      packet: fc.record({
        packetId,
        reason: version === 5 ? fc.constantFrom(...reasons) : fc.constant(0),
        properties: version === 5 ? properties(type, minText) : fc.constant({}),
      }),
    }),
  );
}

function reasonPacket(on: 'disconnect' | 'auth', reasons: number[], drawn: fc.Arbitrary<Properties>) {
  return fc.record({
    on: fc.constant(on),
    packet: fc.record({ reason: fc.constantFrom(...reasons), properties: drawn }),
  });
}

function disconnect(side: Side, version: ProtocolVersion, minText: number): fc.Arbitrary<Call> {
  if (version === 4) return reasonPacket('disconnect', [0], fc.constant({}));
  const without: (keyof Properties)[] = side === 'client' ? ['sessionExpiryIntervalS'] : [];
  const reasons = side === 'client' ? [0x00, 0x81, 0x8e, 0x9c, 0xa2] : [0x00, 0x04, 0x80, 0x99];
  return reasonPacket('disconnect', reasons, properties(PacketType.Disconnect, minText, without));
}

function auth(side: Side, minText: number): fc.Arbitrary<Call> {
  const drawn = fc
    .tuple(properties(PacketType.Auth, minText), text(minText))
    .map(([rest, method]) => ({ ...rest, authenticationMethod: method }));
  return reasonPacket('auth', side === 'client' ? [0x00, 0x18] : [0x18, 0x19], drawn);
}

function fromClient(version: ProtocolVersion, minText: number): fc.Arbitrary<Call>[] {
  const of = (type: number) => (version === 5 ? properties(type, minText) : fc.constant({}));
  const request = fc.record({
    filter: text(1).filter((filter) => !filter.startsWith('$share/')),
    qos,
    noLocal: version === 5 ? fc.boolean() : fc.constant(false),
    retainAsPublished: version === 5 ? fc.boolean() : fc.constant(false),
    retainHandling: version === 5 ? fc.constantFrom(0 as const, 1 as const, 2 as const) : fc.constant(0 as const),
  });
  return [
    fc.record({ on: fc.constant('connect' as const), packet: connectPacket(version, minText) }),
    fc.record({
      on: fc.constant('subscribe' as const),
      packet: fc.record({
        packetId,
        requests: fc.array(request, { minLength: 1, maxLength: 4 }),
        properties: of(PacketType.Subscribe),
      }),
    }),
    fc.record({
      on: fc.constant('unsubscribe' as const),
      packet: fc.record({
        packetId,
        filters: fc.array(text(1), { minLength: 1, maxLength: 4 }),
        properties: of(PacketType.Unsubscribe),
      }),
    }),
    fc.constant<Call>({ on: 'pingreq' }),
    disconnect('server', version, minText),
  ];
}

function fromServer(version: ProtocolVersion, minText: number): fc.Arbitrary<Call>[] {
  const of = (type: number) => (version === 5 ? properties(type, minText) : fc.constant({}));
  const ack = (on: 'suback' | 'unsuback', type: number, codes: number[], least: number) =>
    fc.record({
      on: fc.constant(on),
      packet: fc.record({
        packetId,
        reasons: fc.array(fc.constantFrom(...codes), { minLength: least, maxLength: least * 4 }),
        properties: of(type),
      }),
    });
  const reasons = version === 5 ? [0x00, 0x80, 0x84, 0x87, 0x8a, 0x8c, 0x95, 0x97, 0x9f] : [0];
  const connack = fc
    .record({ sessionPresent: fc.boolean(), reason: fc.constantFrom(...reasons), properties: of(PacketType.Connack) })
    .map(
      (packet): Call => ({
        on: 'connack',
        packet: { ...packet, sessionPresent: packet.sessionPresent && packet.reason === 0 },
      }),
    );
  return [
    connack,
    ack('suback', PacketType.Suback, version === 5 ? [0, 1, 2, 0x80, 0x8f, 0x9e, 0xa2] : [0, 1, 2, 0x80], 1),
    ack('unsuback', PacketType.Unsuback, [0, 0x11, 0x80, 0x8f], version === 5 ? 1 : 0),
    fc.constant<Call>({ on: 'pingresp' }),
    ...(version === 5 ? [disconnect('client', version, minText)] : []),
  ];
}

/** Any valid packet that the decoder of `side` takes. */
export function anyPacket(side: Side, version: ProtocolVersion, minText = 0): fc.Arbitrary<Call> {
  return fc.oneof(
    { arbitrary: publish(side, version, minText), weight: 4 },
    ...(side === 'server' ? fromClient : fromServer)(version, minText),
    ...acks(version, minText),
    ...(version === 5 ? [auth(side, minText)] : []),
  );
}
