import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { encodeUtf8, PlexusError, type Properties, topicNameProblem } from '@plexus/protocol';
import { type Static, Type } from 'typebox';
import { fromBase64 } from '../base64.ts';
import type { Clients, Publisher } from '../ports.ts';
import { ErrorAnswer, Realm } from '../schemas.ts';

export interface PublishLimits {
  maxPacketBytes: number;
  maxTopicBytes: number;
  maxTopicLevels: number;
}

const DEFAULT_REALM = 'default';
/** Most bytes of a text field in MQTT: its length has 16 bits. */
const Text = Type.String({ maxLength: 65_535 });

const Addressed = {
  realm: Type.Optional(Realm),
  topic: Type.String(),
  payload: Type.Optional(Type.String({ description: 'The payload as text, sent as UTF-8' })),
  payloadBase64: Type.Optional(Type.String({ description: 'The payload as bytes, instead of payload' })),
};

const Message = Type.Object(
  {
    ...Addressed,
    qos: Type.Optional(Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)])),
    retain: Type.Optional(Type.Boolean()),
    contentType: Type.Optional(Text),
    responseTopic: Type.Optional(Text),
    correlationDataBase64: Type.Optional(Type.String()),
    messageExpiryS: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
    userProperties: Type.Optional(
      Type.Array(Type.Array(Text, { minItems: 2, maxItems: 2 }), { description: 'Pairs of name and value, in order' }),
    ),
  },
  { additionalProperties: false },
);
type Message = Static<typeof Message>;

const Broadcast = Type.Object({ ...Addressed, realm: Realm }, { additionalProperties: false });

const bad = (reason: string): PlexusError => new PlexusError('bad_request', { reason });

function payloadOf(body: { payload?: string; payloadBase64?: string }, maxBytes: number): Uint8Array {
  const { payload, payloadBase64 } = body;
  if ((payload === undefined) === (payloadBase64 === undefined)) throw bad('give either payload or payloadBase64');
  const bytes = payload === undefined ? fromBase64(payloadBase64!, 'payloadBase64') : Buffer.from(payload);
  if (bytes.length > maxBytes) throw new PlexusError('payload_too_large', { maxBytes });
  return bytes;
}

function checkTopic(topic: string, limits: PublishLimits): void {
  const reason = topic.startsWith('$')
    ? 'topics that begin with $ are the node’s own'
    : topicNameProblem(topic, limits);
  if (reason !== null) throw new PlexusError('topic_invalid', { topic, reason });
}

/** Throws for a text that cannot stand in a packet: over 65,535 bytes, a lone surrogate, U+0000. */
function checkText(text: string, field: string): void {
  try {
    encodeUtf8(text);
  } catch (error) {
    throw bad(`body/${field} ${(error as Error).message}`);
  }
}

function propertiesOf(body: Message, limits: PublishLimits): Properties | null {
  const properties: Properties = {};
  if (body.contentType !== undefined) {
    checkText(body.contentType, 'contentType');
    properties.contentType = body.contentType;
  }
  if (body.responseTopic !== undefined) {
    // Not a filter: wildcards are not allowed in it [MQTT-3.3.2-14].
    const reason = topicNameProblem(body.responseTopic, limits);
    if (reason !== null) throw bad(`body/responseTopic ${reason}`);
    properties.responseTopic = body.responseTopic;
  }
  if (body.correlationDataBase64 !== undefined) {
    properties.correlationData = fromBase64(body.correlationDataBase64, 'correlationDataBase64');
    if (properties.correlationData.length > 65_535) throw bad('body/correlationDataBase64 is over 65535 bytes');
  }
  if (body.messageExpiryS !== undefined) properties.messageExpiryIntervalS = body.messageExpiryS;
  if (body.userProperties !== undefined) {
    for (const pair of body.userProperties) for (const text of pair) checkText(text, 'userProperties');
    properties.userProperties = body.userProperties.map(([name, value]) => [name!, value!] as const);
  }
  return Object.keys(properties).length === 0 ? null : properties;
}

export function publishRoutes(
  publisher: Publisher,
  clients: Clients,
  limits: PublishLimits,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    const publish = {
      summary: 'Publish a message, as a client of the realm would',
      body: Message,
      response: {
        200: Type.Object({ outcome: Type.Literal('accepted'), matched: Type.Integer() }),
        400: ErrorAnswer,
        429: ErrorAnswer,
      },
    };
    app.post('/publish', { schema: publish }, async ({ body }) => {
      checkTopic(body.topic, limits);
      const properties = propertiesOf(body, limits);
      const { outcome, matched } = await publisher.publish(body.realm ?? DEFAULT_REALM, {
        topic: body.topic,
        payload: payloadOf(body, limits.maxPacketBytes),
        qos: body.qos ?? 0,
        retain: body.retain ?? false,
        ...(properties === null ? {} : { properties }),
      });
      if (outcome === 'refused') throw new PlexusError('queue_full');
      return { outcome, matched };
    });

    const broadcast = {
      summary: 'QoS 0 to every connected client of a realm, subscribed or not',
      body: Broadcast,
      response: { 200: Type.Object({ clients: Type.Integer() }), 400: ErrorAnswer },
    };
    app.post('/clients/broadcast', { schema: broadcast }, ({ body }) => {
      checkTopic(body.topic, limits);
      return { clients: clients.broadcast(body.realm, body.topic, payloadOf(body, limits.maxPacketBytes)) };
    });
  };
}
