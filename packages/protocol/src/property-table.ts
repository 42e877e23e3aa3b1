import { PacketType, type Properties } from './packets.ts';

/** Data types of property values, MQTT 5.0 §2.2.2.2. A flag is a byte that is 0 or 1. */
export type PropertyKind = 'byte' | 'flag' | 'uint16' | 'uint32' | 'varints' | 'utf8' | 'binary' | 'pairs';

export interface PropertyRule {
  readonly id: number;
  readonly name: keyof Properties;
  readonly kind: PropertyKind;
  /** Bit `1 << type` for each packet type that may carry it; bit WILL for the will of a CONNECT. */
  readonly packets: number;
  readonly least: number;
  readonly most: number;
}

/** Bit of the will's properties in `PropertyRule.packets`; 0 is no packet type. */
const WILL = 1;

const bit = (type: number) => 1 << type;
const CONNECT = bit(PacketType.Connect);
const CONNACK = bit(PacketType.Connack);
const PUBLISH = bit(PacketType.Publish);
const SUBSCRIBE = bit(PacketType.Subscribe);
const DISCONNECT = bit(PacketType.Disconnect);
const AUTH = bit(PacketType.Auth);
const MESSAGE = PUBLISH | WILL;
const ACKS =
  bit(PacketType.Puback) |
  bit(PacketType.Pubrec) |
  bit(PacketType.Pubrel) |
  bit(PacketType.Pubcomp) |
  bit(PacketType.Suback) |
  bit(PacketType.Unsuback);

/** Whose properties are read or written: a packet type, or the will in a CONNECT. */
export const PropertyOwner = { ...PacketType, Will: 0 } as const;

/** Table 2-4 of MQTT 5.0 §2.2.2.2. */
export const PROPERTY_RULES: readonly PropertyRule[] = [
  rule(0x01, 'payloadFormatIndicator', 'byte', MESSAGE, 0, 1),
  rule(0x02, 'messageExpiryIntervalS', 'uint32', MESSAGE),
  rule(0x03, 'contentType', 'utf8', MESSAGE),
  rule(0x08, 'responseTopic', 'utf8', MESSAGE),
  rule(0x09, 'correlationData', 'binary', MESSAGE),
  rule(0x0b, 'subscriptionIdentifiers', 'varints', PUBLISH | SUBSCRIBE, 1),
  rule(0x11, 'sessionExpiryIntervalS', 'uint32', CONNECT | CONNACK | DISCONNECT),
  rule(0x12, 'assignedClientIdentifier', 'utf8', CONNACK),
  rule(0x13, 'serverKeepAliveS', 'uint16', CONNACK),
  rule(0x15, 'authenticationMethod', 'utf8', CONNECT | CONNACK | AUTH),
  rule(0x16, 'authenticationData', 'binary', CONNECT | CONNACK | AUTH),
  rule(0x17, 'requestProblemInformation', 'flag', CONNECT),
  rule(0x18, 'willDelayIntervalS', 'uint32', WILL),
  rule(0x19, 'requestResponseInformation', 'flag', CONNECT),
  rule(0x1a, 'responseInformation', 'utf8', CONNACK),
  rule(0x1c, 'serverReference', 'utf8', CONNACK | DISCONNECT),
  rule(0x1f, 'reasonString', 'utf8', CONNACK | ACKS | DISCONNECT | AUTH),
  rule(0x21, 'receiveMaximum', 'uint16', CONNECT | CONNACK, 1),
  rule(0x22, 'topicAliasMaximum', 'uint16', CONNECT | CONNACK),
  rule(0x23, 'topicAlias', 'uint16', PUBLISH, 1),
  rule(0x24, 'maximumQos', 'byte', CONNACK, 0, 1),
  rule(0x25, 'retainAvailable', 'flag', CONNACK),
  rule(0x26, 'userProperties', 'pairs', ~0),
  rule(0x27, 'maximumPacketSizeBytes', 'uint32', CONNECT | CONNACK, 1),
  rule(0x28, 'wildcardSubscriptionAvailable', 'flag', CONNACK),
  rule(0x29, 'subscriptionIdentifierAvailable', 'flag', CONNACK),
  rule(0x2a, 'sharedSubscriptionAvailable', 'flag', CONNACK),
];

const rulesById: (PropertyRule | null)[] = new Array<PropertyRule | null>(0x80).fill(null);
for (const each of PROPERTY_RULES) rulesById[each.id] = each;

/** The rule of a property identifier, or null for one that MQTT 5.0 does not know. */
export function propertyRule(id: number): PropertyRule | null {
  return rulesById[id] ?? null;
}

function rule(
  id: number,
  name: keyof Properties,
  kind: PropertyKind,
  packets: number,
  least = 0,
  most = kind === 'flag' ? 1 : 0xffff_ffff,
): PropertyRule {
  return { id, name, kind, packets, least, most };
}
