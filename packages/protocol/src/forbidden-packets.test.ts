import { describe, expect, test } from 'vitest';
import { PacketError } from './packet-error.ts';
import type { ProtocolVersion } from './packets.ts';
import { bytes, packet, props, rawString, u16, u32, varint } from './testing/bytes.ts';
import { freshDecoder, OPTIONS, openDecoder, Recorder, type Side } from './testing/recorder.ts';

const MALFORMED = 0x81;
const PROTOCOL = 0x82;
const VERSION = 0x84;
const CLIENT_ID = 0x85;
const TOPIC = 0x90;
const ALIAS = 0x94;
const TOO_LARGE = 0x95;

type Row = [name: string, reason: number, bytes: Uint8Array];

const NONE = props();
const ID = u16(7);
const LONG_TOPIC = 'a'.repeat(1025);
const DEEP_TOPIC = '/'.repeat(100);

/** CONNECT of 5.0: flags, properties, then the payload after the client id. */
const connect5 = (flags: number, properties: Uint8Array, ...rest: Parameters<typeof bytes>) =>
  packet(0x10, 'MQTT', 5, flags, u16(0), properties, 'c', ...rest);
const connect4 = (flags: number, ...rest: Parameters<typeof bytes>) =>
  packet(0x10, 'MQTT', 4, flags, u16(0), 'c', ...rest);
const will5 = (properties: Uint8Array, topic: string | Uint8Array = 'w') =>
  connect5(0x06, NONE, properties, topic, 'x');
const publish5 = (properties: Uint8Array) => packet(0x30, 't', properties, [1, 2]);
const subscribe5 = (...rest: Parameters<typeof bytes>) => packet(0x82, ID, NONE, ...rest);

const BEFORE_CONNECT: Row[] = [
  ['PUBLISH first', PROTOCOL, packet(0x30, 't')],
  ['PINGREQ first', PROTOCOL, packet(0xc0)],
  ['SUBSCRIBE first', PROTOCOL, packet(0x82, ID, 'a', 0)],
  ['DISCONNECT first', PROTOCOL, packet(0xe0)],
  ['AUTH first', PROTOCOL, packet(0xf0, 0x18, NONE)],
  ['CONNACK from a client', PROTOCOL, packet(0x20, 0, 0)],
  ['reserved type 0', MALFORMED, packet(0x00)],
  ['an HTTP request', PROTOCOL, Uint8Array.from('GET / HTTP/1.1\r\n\r\n', (char) => char.charCodeAt(0))],
  ['a TLS hello', MALFORMED, bytes(0x16, 0x03, 0x01, 0x02, 0x00)],
  ['CONNECT with flags in its first byte', MALFORMED, packet(0x11, 'MQTT', 4, 2, u16(0), 'c')],
  ['remaining length over four bytes', MALFORMED, bytes(0x10, 0x80, 0x80, 0x80, 0x80, 0x01)],
  ['CONNECT over the packet limit', TOO_LARGE, bytes(0x10, varint(1 << 20))],
];

const CONNECT: Row[] = [
  ['empty CONNECT', MALFORMED, packet(0x10)],
  ['protocol name cut off', MALFORMED, packet(0x10, u16(4), [0x4d, 0x51])],
  ['no protocol level', MALFORMED, packet(0x10, 'MQTT')],
  ['MQTT 3.1', VERSION, packet(0x10, 'MQIsdp', 3, 2, u16(0), 'c')],
  ['level 3 with the new name', VERSION, packet(0x10, 'MQTT', 3, 2, u16(0), 'c')],
  ['level 6', VERSION, packet(0x10, 'MQTT', 6, 2, u16(0), NONE, 'c')],
  ['level 0', VERSION, packet(0x10, 'MQTT', 0, 2, u16(0), 'c')],
  ['level of a 3.1.1 bridge', VERSION, packet(0x10, 'MQTT', 0x84, 2, u16(0), 'c')],
  ['wrong protocol name', VERSION, packet(0x10, 'MQTX', 4, 2, u16(0), 'c')],
  ['protocol name in small letters', VERSION, packet(0x10, 'mqtt', 5, 2, u16(0), NONE, 'c')],
  ['protocol name of bad UTF-8', MALFORMED, packet(0x10, rawString(0xff, 0xff), 4, 2, u16(0), 'c')],
  ['no connect flags', MALFORMED, packet(0x10, 'MQTT', 5)],
  ['no keep-alive', MALFORMED, packet(0x10, 'MQTT', 5, 2, 0)],
  ['no properties', MALFORMED, packet(0x10, 'MQTT', 5, 2, u16(0))],
  ['no client id', MALFORMED, packet(0x10, 'MQTT', 5, 2, u16(0), NONE)],
  ['reserved connect flag', MALFORMED, connect5(0x03, NONE)],
  ['reserved connect flag, 3.1.1', MALFORMED, connect4(0x03)],
  ['will QoS without a will', MALFORMED, connect5(0x0a, NONE)],
  ['will retain without a will', MALFORMED, connect5(0x22, NONE)],
  ['will QoS without a will, 3.1.1', MALFORMED, connect4(0x12)],
  ['will QoS 3', MALFORMED, connect5(0x1e, NONE, NONE, 'w', 'x')],
  ['will QoS 3, 3.1.1', MALFORMED, connect4(0x1e, 'w', 'x')],
  ['will announced and missing', MALFORMED, connect5(0x06, NONE)],
  ['will without a payload', MALFORMED, connect5(0x06, NONE, NONE, 'w')],
  ['user name announced and missing', MALFORMED, connect5(0x82, NONE)],
  ['password announced and missing', MALFORMED, connect5(0xc2, NONE, 'u')],
  ['password without user name, 3.1.1', MALFORMED, connect4(0x42, 'p')],
  ['bytes after the payload', MALFORMED, connect5(0x02, NONE, 0)],
  ['bytes after the payload, 3.1.1', MALFORMED, connect4(0x02, 'u')],
  ['client id of bad UTF-8', MALFORMED, packet(0x10, 'MQTT', 4, 2, u16(0), rawString(0xc3, 0x28))],
  ['client id with U+0000', MALFORMED, packet(0x10, 'MQTT', 4, 2, u16(0), rawString(0x61, 0))],
  ['client id with a surrogate', MALFORMED, packet(0x10, 'MQTT', 4, 2, u16(0), rawString(0xed, 0xa0, 0x80))],
  ['no client id and a session to keep, 3.1.1', CLIENT_ID, packet(0x10, 'MQTT', 4, 0, u16(0), '')],
  ['user name of bad UTF-8', MALFORMED, connect5(0x82, NONE, rawString(0x80))],
  ['will topic with +', TOPIC, will5(NONE, 'a/+')],
  ['will topic with #, 3.1.1', TOPIC, connect4(0x06, '#', 'x')],
  ['empty will topic', TOPIC, will5(NONE, '')],
  ['will topic over the byte limit', TOPIC, will5(NONE, LONG_TOPIC)],
  ['will topic over the level limit', TOPIC, will5(NONE, DEEP_TOPIC)],
  ['will topic of bad UTF-8', MALFORMED, will5(NONE, rawString(0xc0, 0x80))],
];

const CONNECT_PROPERTIES: Row[] = [
  ['property length past the packet', MALFORMED, connect5(2, varint(200))],
  ['property length over four bytes', MALFORMED, connect5(2, bytes(0x80, 0x80, 0x80, 0x80, 0x01))],
  ['property length in a longer form', MALFORMED, connect5(2, bytes(0x80, 0x00))],
  ['property past the property length', MALFORMED, connect5(2, bytes(2, 0x21, 0, 10))],
  ['unknown property', MALFORMED, connect5(2, props(0x7e, 0))],
  ['property 0', MALFORMED, connect5(2, props(0, 0))],
  ['two-byte property identifier', MALFORMED, connect5(2, props(0x80, 0x01, 0))],
  ['session expiry twice', PROTOCOL, connect5(2, props(0x11, u32(1), 0x11, u32(1)))],
  ['receive maximum 0', PROTOCOL, connect5(2, props(0x21, u16(0)))],
  ['receive maximum twice', PROTOCOL, connect5(2, props(0x21, u16(1), 0x21, u16(1)))],
  ['maximum packet size 0', PROTOCOL, connect5(2, props(0x27, u32(0)))],
  ['maximum packet size twice', PROTOCOL, connect5(2, props(0x27, u32(9), 0x27, u32(9)))],
  ['topic alias maximum twice', PROTOCOL, connect5(2, props(0x22, u16(9), 0x22, u16(9)))],
  ['request response information 2', PROTOCOL, connect5(2, props(0x19, 2))],
  ['request problem information 2', PROTOCOL, connect5(2, props(0x17, 2))],
  ['request problem information twice', PROTOCOL, connect5(2, props(0x17, 1, 0x17, 1))],
  ['authentication method twice', PROTOCOL, connect5(2, props(0x15, 'm', 0x15, 'm'))],
  ['authentication data without method', PROTOCOL, connect5(2, props(0x16, 'd'))],
  ['user property of bad UTF-8', MALFORMED, connect5(2, props(0x26, 'n', rawString(0xff)))],
  ['user property without a value', MALFORMED, connect5(2, props(0x26, 'n'))],
  ['assigned client id from a client', MALFORMED, connect5(2, props(0x12, 'x'))],
  ['will delay among the CONNECT properties', MALFORMED, connect5(2, props(0x18, u32(1)))],
  ['topic alias in CONNECT', MALFORMED, connect5(2, props(0x23, u16(1)))],
  ['reason string in CONNECT', MALFORMED, connect5(2, props(0x1f, 'r'))],
  ['will delay twice', PROTOCOL, will5(props(0x18, u32(1), 0x18, u32(1)))],
  ['will payload format 2', PROTOCOL, will5(props(0x01, 2))],
  ['will response topic with a wildcard', PROTOCOL, will5(props(0x08, 'a/#'))],
  ['will with a topic alias', MALFORMED, will5(props(0x23, u16(1)))],
  ['will with a receive maximum', MALFORMED, will5(props(0x21, u16(1)))],
  ['will with a subscription identifier', MALFORMED, will5(props(0x0b, 1))],
];

const FIXED_HEADERS: Row[] = [
  ['second CONNECT', PROTOCOL, connect5(2, NONE)],
  ['CONNACK from a client', PROTOCOL, packet(0x20, 0, 0, NONE)],
  ['SUBACK from a client', PROTOCOL, packet(0x90, ID, NONE, 0)],
  ['UNSUBACK from a client', PROTOCOL, packet(0xb0, ID, NONE, 0)],
  ['PINGRESP from a client', PROTOCOL, packet(0xd0)],
  ['reserved type 0', MALFORMED, packet(0x00)],
  ['PUBLISH with QoS 3', MALFORMED, packet(0x36, 't', ID, NONE)],
  ['PUBLISH with QoS 0 and DUP', MALFORMED, packet(0x38, 't', NONE)],
  ['PUBACK with flags', MALFORMED, packet(0x42, ID)],
  ['PUBREC with flags', MALFORMED, packet(0x51, ID)],
  ['PUBREL without its flags', MALFORMED, packet(0x60, ID)],
  ['PUBCOMP with flags', MALFORMED, packet(0x78, ID)],
  ['SUBSCRIBE without its flags', MALFORMED, packet(0x80, ID, NONE, 'a', 0)],
  ['UNSUBSCRIBE without its flags', MALFORMED, packet(0xa0, ID, NONE, 'a')],
  ['PINGREQ with flags', MALFORMED, packet(0xc1)],
  ['PINGREQ with a body', MALFORMED, packet(0xc0, 0)],
  ['DISCONNECT with flags', MALFORMED, packet(0xe1)],
  ['AUTH with flags', MALFORMED, packet(0xf8, 0x18, NONE)],
  ['remaining length over four bytes', MALFORMED, bytes(0x30, 0xff, 0xff, 0xff, 0xff, 0x7f)],
  ['remaining length in a longer form', MALFORMED, bytes(0xc0, 0x80, 0x00)],
  ['packet of the limit and one byte', TOO_LARGE, bytes(0x30, varint((1 << 20) - 3))],
  ['largest packet there is', TOO_LARGE, bytes(0x30, 0xff, 0xff, 0xff, 0x7f)],
];

const PUBLISH: Row[] = [
  ['empty PUBLISH', MALFORMED, packet(0x30)],
  ['half a topic length', MALFORMED, packet(0x30, 0)],
  ['topic past the packet', MALFORMED, packet(0x30, u16(5), [0x61])],
  ['no packet id', MALFORMED, packet(0x32, 't')],
  ['half a packet id', MALFORMED, packet(0x32, 't', 1)],
  ['packet id 0 at QoS 1', PROTOCOL, packet(0x32, 't', u16(0), NONE)],
  ['packet id 0 at QoS 2', PROTOCOL, packet(0x34, 't', u16(0), NONE)],
  ['no property length', MALFORMED, packet(0x30, 't')],
  ['no property length at QoS 1', MALFORMED, packet(0x32, 't', ID)],
  ['property length past the packet', MALFORMED, packet(0x30, 't', varint(9), [1])],
  ['property length over four bytes', MALFORMED, packet(0x30, 't', [0xff, 0xff, 0xff, 0xff, 0x01])],
  ['property length in a longer form', MALFORMED, packet(0x30, 't', [0x80, 0x00])],
  ['topic with +', TOPIC, packet(0x30, 'a/+/b', NONE)],
  ['topic with #', TOPIC, packet(0x30, 'a/#', NONE)],
  ['topic with # inside a level', TOPIC, packet(0x30, 'a#b', NONE)],
  ['topic over the byte limit', TOPIC, packet(0x30, LONG_TOPIC, NONE)],
  ['topic over the level limit', TOPIC, packet(0x30, DEEP_TOPIC, NONE)],
  ['topic with U+0000', MALFORMED, packet(0x30, rawString(0x61, 0), NONE)],
  ['topic of bad UTF-8', MALFORMED, packet(0x30, rawString(0xfe), NONE)],
  ['topic with a surrogate', MALFORMED, packet(0x30, rawString(0xed, 0xbf, 0xbf), NONE)],
  ['topic with an overlong slash', MALFORMED, packet(0x30, rawString(0xc0, 0xaf), NONE)],
  ['no topic and no alias', PROTOCOL, packet(0x30, '', NONE)],
  ['no topic and other properties', PROTOCOL, packet(0x30, '', props(0x01, 1))],
  ['topic alias 0', ALIAS, publish5(props(0x23, u16(0)))],
  ['topic alias 0 and no topic', ALIAS, packet(0x30, '', props(0x23, u16(0)))],
  ['topic alias twice', PROTOCOL, publish5(props(0x23, u16(1), 0x23, u16(1)))],
  ['topic alias cut off', MALFORMED, publish5(props(0x23, 1))],
  ['payload format 2', PROTOCOL, publish5(props(0x01, 2))],
  ['payload format twice', PROTOCOL, publish5(props(0x01, 1, 0x01, 1))],
  ['payload format cut off', MALFORMED, publish5(props(0x01))],
  ['message expiry twice', PROTOCOL, publish5(props(0x02, u32(1), 0x02, u32(1)))],
  ['message expiry cut off', MALFORMED, publish5(props(0x02, [0, 0, 1]))],
  ['content type twice', PROTOCOL, publish5(props(0x03, 'a', 0x03, 'a'))],
  ['content type of bad UTF-8', MALFORMED, publish5(props(0x03, rawString(0xff)))],
  ['content type past the properties', MALFORMED, publish5(props(0x03, u16(3), [0x61]))],
  ['response topic with #', PROTOCOL, publish5(props(0x08, '#'))],
  ['response topic with +', PROTOCOL, publish5(props(0x08, 'a/+'))],
  ['response topic twice', PROTOCOL, publish5(props(0x08, 'a', 0x08, 'a'))],
  ['response topic with U+0000', MALFORMED, publish5(props(0x08, rawString(0)))],
  ['correlation data twice', PROTOCOL, publish5(props(0x09, 'a', 0x09, 'a'))],
  ['correlation data past the properties', MALFORMED, publish5(props(0x09, u16(1)))],
  ['subscription identifier from a client', PROTOCOL, publish5(props(0x0b, 1))],
  ['user property without a value', MALFORMED, publish5(props(0x26, 'n'))],
  ['user property name of bad UTF-8', MALFORMED, publish5(props(0x26, rawString(0xf5), 'v'))],
  ['user property value with U+0000', MALFORMED, publish5(props(0x26, 'n', rawString(0)))],
  ['unknown property', MALFORMED, publish5(props(0x7f))],
  ['session expiry in PUBLISH', MALFORMED, publish5(props(0x11, u32(1)))],
  ['will delay in PUBLISH', MALFORMED, publish5(props(0x18, u32(1)))],
  ['reason string in PUBLISH', MALFORMED, publish5(props(0x1f, 'r'))],
];

const SUBSCRIPTIONS: Row[] = [
  ['empty SUBSCRIBE', MALFORMED, packet(0x82)],
  ['SUBSCRIBE with packet id 0', PROTOCOL, packet(0x82, u16(0), NONE, 'a', 0)],
  ['SUBSCRIBE without property length', MALFORMED, packet(0x82, ID)],
  ['SUBSCRIBE without a filter', PROTOCOL, subscribe5()],
  ['filter without options', MALFORMED, subscribe5('a')],
  ['second filter without options', MALFORMED, subscribe5('a', 0, 'b')],
  ['filter past the packet', MALFORMED, subscribe5(u16(3), [0x61])],
  ['filter of bad UTF-8', MALFORMED, subscribe5(rawString(0xc3), 0)],
  ['filter with U+0000', MALFORMED, subscribe5(rawString(0x61, 0), 0)],
  ['maximum QoS 3', PROTOCOL, subscribe5('a', 3)],
  ['retain handling 3', PROTOCOL, subscribe5('a', 0x30)],
  ['reserved option bit 6', MALFORMED, subscribe5('a', 0x40)],
  ['reserved option bit 7', MALFORMED, subscribe5('a', 0x80)],
  ['no local on a shared subscription', PROTOCOL, subscribe5('$share/g/a', 0x04)],
  ['subscription identifier 0', PROTOCOL, packet(0x82, ID, props(0x0b, 0), 'a', 0)],
  ['subscription identifier twice', PROTOCOL, packet(0x82, ID, props(0x0b, 1, 0x0b, 2), 'a', 0)],
  [
    'subscription identifier over four bytes',
    MALFORMED,
    packet(0x82, ID, props(0x0b, [255, 255, 255, 255, 1]), 'a', 0),
  ],
  ['reason string in SUBSCRIBE', MALFORMED, packet(0x82, ID, props(0x1f, 'r'), 'a', 0)],
  ['topic alias in SUBSCRIBE', MALFORMED, packet(0x82, ID, props(0x23, u16(1)), 'a', 0)],
  ['empty UNSUBSCRIBE', MALFORMED, packet(0xa2)],
  ['UNSUBSCRIBE with packet id 0', PROTOCOL, packet(0xa2, u16(0), NONE, 'a')],
  ['UNSUBSCRIBE without a filter', PROTOCOL, packet(0xa2, ID, NONE)],
  ['UNSUBSCRIBE with a cut filter', MALFORMED, packet(0xa2, ID, NONE, u16(2), [0x61])],
  ['UNSUBSCRIBE with bad UTF-8', MALFORMED, packet(0xa2, ID, NONE, rawString(0x80))],
  ['subscription identifier in UNSUBSCRIBE', MALFORMED, packet(0xa2, ID, props(0x0b, 1), 'a')],
];

const REASONS: Row[] = [
  ['PUBACK without packet id', MALFORMED, packet(0x40)],
  ['PUBACK with half a packet id', MALFORMED, packet(0x40, 0)],
  ['PUBACK with packet id 0', PROTOCOL, packet(0x40, u16(0))],
  ['PUBREC with packet id 0', PROTOCOL, packet(0x50, u16(0))],
  ['PUBREL with packet id 0', PROTOCOL, packet(0x62, u16(0))],
  ['PUBCOMP with packet id 0 and a reason', PROTOCOL, packet(0x70, u16(0), 0x92)],
  ['PUBACK with granted QoS 1', PROTOCOL, packet(0x40, ID, 0x01)],
  ['PUBACK with packet id not found', PROTOCOL, packet(0x40, ID, 0x92)],
  ['PUBREC with an unknown reason', PROTOCOL, packet(0x50, ID, 0xff)],
  ['PUBREL with quota exceeded', PROTOCOL, packet(0x62, ID, 0x97)],
  ['PUBCOMP with no matching subscribers', PROTOCOL, packet(0x70, ID, 0x10)],
  ['PUBACK with property length past the packet', MALFORMED, packet(0x40, ID, 0, 5)],
  ['PUBACK with bytes after its properties', MALFORMED, packet(0x40, ID, 0, NONE, 0)],
  ['PUBACK with a content type', MALFORMED, packet(0x40, ID, 0, props(0x03, 'a'))],
  ['PUBREL with reason string twice', PROTOCOL, packet(0x62, ID, 0, props(0x1f, 'a', 0x1f, 'b'))],
  ['DISCONNECT with an unknown reason', PROTOCOL, packet(0xe0, 0x01)],
  ['DISCONNECT with a reason of servers', PROTOCOL, packet(0xe0, 0x8e)],
  ['DISCONNECT with bytes after its properties', MALFORMED, packet(0xe0, 0, NONE, 0)],
  ['DISCONNECT with session expiry twice', PROTOCOL, packet(0xe0, 0, props(0x11, u32(1), 0x11, u32(1)))],
  ['DISCONNECT with a receive maximum', MALFORMED, packet(0xe0, 0, props(0x21, u16(1)))],
  ['DISCONNECT with a cut property', MALFORMED, packet(0xe0, 0, props(0x11, 0))],
  ['AUTH with success from a client', PROTOCOL, packet(0xf0, 0, props(0x15, 'm'))],
  ['empty AUTH from a client', PROTOCOL, packet(0xf0)],
  ['AUTH without property length', MALFORMED, packet(0xf0, 0x18)],
  ['AUTH without a method', PROTOCOL, packet(0xf0, 0x18, NONE)],
  ['AUTH with an unknown reason', PROTOCOL, packet(0xf0, 0x1a, props(0x15, 'm'))],
  ['AUTH with session expiry', MALFORMED, packet(0xf0, 0x18, props(0x11, u32(1)))],
];

const V4: Row[] = [
  ['AUTH', MALFORMED, packet(0xf0, 0x18, NONE)],
  ['PUBLISH without a topic', PROTOCOL, packet(0x30, '')],
  ['PUBLISH with DUP at QoS 0', MALFORMED, packet(0x39, 't')],
  ['PUBLISH with packet id 0', PROTOCOL, packet(0x34, 't', u16(0))],
  ['PUBLISH with a wildcard', TOPIC, packet(0x30, '+')],
  ['PUBACK with a reason', MALFORMED, packet(0x40, ID, 0)],
  ['PUBREL with properties', MALFORMED, packet(0x62, ID, 0, NONE)],
  ['PUBCOMP of one byte', MALFORMED, packet(0x70, 1)],
  ['SUBSCRIBE without a filter', PROTOCOL, packet(0x82, ID)],
  ['SUBSCRIBE with QoS 3', MALFORMED, packet(0x82, ID, 'a', 3)],
  ['SUBSCRIBE with options of 5.0', MALFORMED, packet(0x82, ID, 'a', 0x04)],
  ['UNSUBSCRIBE without a filter', PROTOCOL, packet(0xa2, ID)],
  ['DISCONNECT with a reason', MALFORMED, packet(0xe0, 0)],
  ['PINGREQ with a body', MALFORMED, packet(0xc0, 0)],
  ['second CONNECT', PROTOCOL, connect4(2)],
];

const BEFORE_CONNACK: Row[] = [
  ['PUBLISH before CONNACK', PROTOCOL, packet(0x30, 't', NONE)],
  ['DISCONNECT before CONNACK', PROTOCOL, packet(0xe0)],
  ['CONNECT from a server', PROTOCOL, connect5(2, NONE)],
  ['empty CONNACK', MALFORMED, packet(0x20)],
  ['CONNACK without a reason', MALFORMED, packet(0x20, 0)],
  ['CONNACK without property length', MALFORMED, packet(0x20, 0, 0)],
  ['CONNACK with reserved flags', MALFORMED, packet(0x20, 2, 0, NONE)],
  ['CONNACK with a reason of others', PROTOCOL, packet(0x20, 0, 0x8e, NONE)],
  ['refusal with a session', PROTOCOL, packet(0x20, 1, 0x87, NONE)],
  ['maximum QoS 2', PROTOCOL, packet(0x20, 0, 0, props(0x24, 2))],
  ['retain available 2', PROTOCOL, packet(0x20, 0, 0, props(0x25, 2))],
  ['receive maximum 0', PROTOCOL, packet(0x20, 0, 0, props(0x21, u16(0)))],
  ['server keep-alive twice', PROTOCOL, packet(0x20, 0, 0, props(0x13, u16(1), 0x13, u16(1)))],
  ['request problem information in CONNACK', MALFORMED, packet(0x20, 0, 0, props(0x17, 1))],
];

const AFTER_CONNACK: Row[] = [
  ['second CONNACK', PROTOCOL, packet(0x20, 0, 0, NONE)],
  ['SUBSCRIBE from a server', PROTOCOL, subscribe5('a', 0)],
  ['UNSUBSCRIBE from a server', PROTOCOL, packet(0xa2, ID, NONE, 'a')],
  ['PINGREQ from a server', PROTOCOL, packet(0xc0)],
  ['PINGRESP with a body', MALFORMED, packet(0xd0, 1)],
  ['subscription identifier 0', PROTOCOL, publish5(props(0x0b, 0))],
  ['subscription identifier past the properties', MALFORMED, publish5(props(0x0b, 0x80))],
  ['SUBACK without reasons', PROTOCOL, packet(0x90, ID, NONE)],
  ['SUBACK with an unknown reason', PROTOCOL, packet(0x90, ID, NONE, 3)],
  ['SUBACK with packet id 0', PROTOCOL, packet(0x90, u16(0), NONE, 0)],
  ['UNSUBACK with an unknown reason', PROTOCOL, packet(0xb0, ID, NONE, 1)],
  ['session expiry in DISCONNECT', PROTOCOL, packet(0xe0, 0, props(0x11, u32(1)))],
  ['DISCONNECT with a reason of clients', PROTOCOL, packet(0xe0, 0x04)],
  ['AUTH with re-authenticate', PROTOCOL, packet(0xf0, 0x19, props(0x15, 'm'))],
];

const CLIENT_V4: Row[] = [
  ['DISCONNECT from a server', PROTOCOL, packet(0xe0)],
  ['SUBACK with a code of 5.0', MALFORMED, packet(0x90, ID, 0x87)],
  ['UNSUBACK with a body', MALFORMED, packet(0xb0, ID, 0)],
];

function refuses(rows: Row[], side: Side, version: ProtocolVersion, open: boolean) {
  const start = () => {
    const recorder = new Recorder();
    // Keeping a PUBLISH reads its properties in full, and would find what the hot path overlooked.
    recorder.onPublish = () => recorder.onPingreq();
    return { recorder, decoder: (open ? openDecoder : freshDecoder)(side, version, recorder, OPTIONS) };
  };
  test.each(rows)('%s: %#x', (_name, reason, input) => {
    const { recorder, decoder } = start();
    expect(reasonOf(() => decoder.push(input))).toBe(reason);
    expect(recorder.calls).toEqual([]);
    // Once broken, the decoder is deaf.
    decoder.push(packet(0xc0));
    expect(recorder.calls).toEqual([]);
  });
  test.each(rows)('%s, byte by byte: %#x', (_name, reason, input) => {
    const { recorder, decoder } = start();
    const pushAll = () => {
      for (const byte of input) decoder.push(Uint8Array.of(byte));
    };
    expect(reasonOf(pushAll)).toBe(reason);
    expect(recorder.calls).toEqual([]);
  });
}

function reasonOf(action: () => void): number | string {
  try {
    action();
  } catch (error) {
    if (error instanceof PacketError) return error.reason;
    throw error;
  }
  return 'nothing refused';
}

describe('before CONNECT', () => refuses(BEFORE_CONNECT, 'server', 5, false));
describe('in CONNECT', () => refuses(CONNECT, 'server', 5, false));
describe('in CONNECT properties', () => refuses(CONNECT_PROPERTIES, 'server', 5, false));
describe('in fixed headers', () => refuses(FIXED_HEADERS, 'server', 5, true));
describe('in PUBLISH', () => refuses(PUBLISH, 'server', 5, true));
describe('in SUBSCRIBE and UNSUBSCRIBE', () => refuses(SUBSCRIPTIONS, 'server', 5, true));
describe('in acknowledgements, DISCONNECT and AUTH', () => refuses(REASONS, 'server', 5, true));
describe('in 3.1.1', () => refuses(V4, 'server', 4, true));
describe('from a server, before CONNACK', () => refuses(BEFORE_CONNACK, 'client', 5, false));
describe('from a server', () => refuses(AFTER_CONNACK, 'client', 5, true));
describe('from a server, 3.1.1', () => refuses(CLIENT_V4, 'client', 4, true));

describe('the version to answer a refused CONNECT in', () => {
  test.each([
    [4, 'MQIsdp', 3],
    [4, 'MQTT', 3],
    [4, 'MQTT', 0x84],
    [5, 'MQTT', 6],
    [5, 'MQTX', 5],
    [4, 'MQTX', 4],
  ] as const)('is %i for %s level %i', (version, name, level) => {
    const decoder = freshDecoder('server', 4, new Recorder());
    expect(reasonOf(() => decoder.push(packet(0x10, name, level, 2, u16(0), 'c')))).toBe(VERSION);
    expect(decoder.version).toBe(version);
  });

  test('is known although the rest is malformed', () => {
    const decoder = freshDecoder('server', 4, new Recorder());
    expect(reasonOf(() => decoder.push(packet(0x10, 'MQTT', 5, 0xff)))).toBe(MALFORMED);
    expect(decoder.version).toBe(5);
  });
});
