import { malformed, PacketError, protocolError } from './packet-error.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import type { Properties, UserProperty } from './packets.ts';
import { PROPERTY_RULES, PropertyOwner, type PropertyRule, propertyRule } from './property-table.ts';
import { Reason } from './reason-codes.ts';

type PropertyValue = NonNullable<Properties[keyof Properties]>;
/** The same object under one index type, for code that follows the property table. */
type PropertyMap = Record<string, PropertyValue | undefined>;

const EMPTY = new Uint8Array(0);

/**
 * Reads the length and the properties that begin at the reader's place.
 * @param owner a PropertyOwner: which properties may be there
 * @throws {PacketError} MalformedPacket for unknown and misplaced identifiers, ProtocolError for repeated ones and values
 * out of range (TopicAliasInvalid for the alias 0).
 */
export function readProperties(reader: PacketReader, owner: number): Properties {
  const length = reader.varint();
  const start = reader.take(length);
  return readPropertyFields(new PacketReader(reader.bytes, start, start + length), owner);
}

/** The properties of a PUBLISH or will from `bytes[start, end)`, which has no length before it. Throws as `readProperties`. */
export function decodePublishProperties(bytes: Uint8Array, start: number, end: number): Properties {
  return readPropertyFields(new PacketReader(bytes, start, end), PropertyOwner.Publish);
}

/** The properties of a PUBLISH as bytes, without a length before them. */
export function encodePublishProperties(properties: Properties): Uint8Array {
  return encodeFields(properties, PropertyOwner.Publish);
}

/**
 * Writes length and properties.
 * @throws {TypeError} for a property that `owner` cannot carry; {RangeError} for a value that has no encoding.
 */
export function writeProperties(writer: PacketWriter, properties: Properties, owner: number): void {
  const fields = encodeFields(properties, owner);
  writer.varint(fields.length);
  writer.raw(fields);
}

/** Whether there is anything to write. */
export function hasProperties(properties: Properties | null | undefined): properties is Properties {
  if (properties === null || properties === undefined) return false;
  for (const rule of PROPERTY_RULES) if (properties[rule.name] !== undefined) return true;
  return false;
}

/** For a response topic with `+` or `#` in it. */
export function responseTopicError(): PacketError {
  return protocolError('response topic holds a wildcard [MQTT-3.3.2-14]');
}

function readPropertyFields(fields: PacketReader, owner: number): Properties {
  const properties: Properties = {};
  while (fields.remaining > 0) {
    const id = fields.varint();
    const rule = propertyRule(id);
    if (rule === null) throw malformed(`unknown property 0x${id.toString(16)} (MQTT 5.0 §2.2.2.2)`);
    if ((rule.packets & (1 << owner)) === 0)
      throw malformed(`property ${rule.name} in the wrong packet (MQTT 5.0 table 2-4)`);
    readInto(properties as PropertyMap, rule, fields, owner);
  }
  return properties;
}

function readInto(properties: PropertyMap, rule: PropertyRule, fields: PacketReader, owner: number): void {
  const before = properties[rule.name];
  if (rule.kind === 'pairs') {
    const pairs = (before as UserProperty[] | undefined) ?? [];
    pairs.push([fields.utf8(), fields.utf8()]);
    properties[rule.name] = pairs;
    return;
  }
  // A PUBLISH names every subscription that it is for; everything else is there once.
  const repeats = rule.kind === 'varints' && owner === PropertyOwner.Publish;
  if (before !== undefined && !repeats) throw protocolError(`property ${rule.name} more than once`);
  if (rule.kind === 'varints') {
    const ids = (before as number[] | undefined) ?? [];
    ids.push(readNumber(rule, fields));
    properties[rule.name] = ids;
    return;
  }
  properties[rule.name] = readSingle(rule, fields);
}

function readSingle(rule: PropertyRule, fields: PacketReader): PropertyValue {
  switch (rule.kind) {
    case 'utf8': {
      const text = fields.utf8();
      if (rule.name === 'responseTopic' && /[+#]/.test(text)) throw responseTopicError();
      return text;
    }
    case 'binary':
      return fields.binary();
    case 'flag':
      return readNumber(rule, fields) === 1;
    default:
      return readNumber(rule, fields);
  }
}

function readNumber(rule: PropertyRule, fields: PacketReader): number {
  const value = readUnchecked(rule, fields);
  if (value >= rule.least && value <= rule.most) return value;
  if (rule.name === 'topicAlias') throw topicAliasZero();
  throw protocolError(`property ${rule.name} is ${value}`);
}

/** The specification names no reason for the alias 0; the code that is there for bad aliases tells the most. */
export function topicAliasZero(): PacketError {
  return new PacketError(Reason.TopicAliasInvalid, 'topic alias 0 [MQTT-3.3.2-8]');
}

function readUnchecked(rule: PropertyRule, fields: PacketReader): number {
  switch (rule.kind) {
    case 'uint16':
      return fields.uint16();
    case 'uint32':
      return fields.uint32();
    case 'varints':
      return fields.varint();
    default:
      return fields.byte();
  }
}

function encodeFields(properties: Properties, owner: number): Uint8Array {
  if (!hasProperties(properties)) return EMPTY;
  const writer = new PacketWriter();
  for (const rule of PROPERTY_RULES) {
    const value = properties[rule.name];
    if (value === undefined) continue;
    if ((rule.packets & (1 << owner)) === 0) throw new TypeError(`property ${rule.name} in the wrong packet`);
    writeValue(writer, rule, value);
  }
  return writer.finish();
}

function writeValue(writer: PacketWriter, rule: PropertyRule, value: PropertyValue): void {
  switch (rule.kind) {
    case 'pairs':
      for (const [name, text] of value as UserProperty[]) {
        writer.byte(rule.id);
        writer.utf8(name);
        writer.utf8(text);
      }
      return;
    case 'varints':
      for (const id of value as number[]) {
        writer.byte(rule.id);
        writer.varint(inRange(rule, id));
      }
      return;
    case 'utf8':
      writer.byte(rule.id);
      writer.utf8(value as string);
      break;
    case 'binary':
      writer.byte(rule.id);
      writer.binary(value as Uint8Array);
      break;
    default:
      writer.byte(rule.id);
      writeNumber(writer, rule, inRange(rule, Number(value)));
  }
}

function inRange(rule: PropertyRule, value: number): number {
  const most = rule.kind === 'uint16' ? Math.min(rule.most, 0xffff) : rule.most;
  if (value >= rule.least && value <= most) return value;
  throw new RangeError(`property ${rule.name} is ${value}`);
}

function writeNumber(writer: PacketWriter, rule: PropertyRule, value: number): void {
  if (rule.kind === 'uint16') writer.uint16(value);
  else if (rule.kind === 'uint32') writer.uint32(value);
  else writer.byte(value);
}
