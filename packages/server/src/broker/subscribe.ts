import {
  encodeSuback,
  encodeUnsuback,
  PacketError,
  Reason,
  type SubscribePacket,
  type SubscribeRequest,
  topicFilterProblem,
  type UnsubscribePacket,
} from '@plexus/protocol';
import type { ConnectedClient } from './connected-client.ts';
import type { BrokerContext } from './context.ts';

/** Handles a SUBSCRIBE. @returns the SUBACK; retained messages follow at the end of the turn */
export function subscribe(context: BrokerContext, client: ConnectedClient, packet: SubscribePacket): Uint8Array {
  if (packet.properties.subscriptionIdentifiers !== undefined) {
    throw new PacketError(
      Reason.SubscriptionIdentifiersNotSupported,
      'a subscription identifier, which the CONNACK said are not available (§3.2.2.3.12)',
    );
  }
  const reasons = packet.requests.map((request) => subscribeOne(context, client, request));
  return encodeSuback(client.version, { packetId: packet.packetId, reasons, properties: {} });
}

/** Handles an UNSUBSCRIBE. @returns the UNSUBACK */
export function unsubscribe(client: ConnectedClient, packet: UnsubscribePacket): Uint8Array {
  const reasons = packet.filters.map((filter) =>
    client.session.unsubscribe(filter) ? Reason.Success : Reason.NoSubscriptionExisted,
  );
  return encodeUnsuback(client.version, { packetId: packet.packetId, reasons, properties: {} });
}

function subscribeOne(context: BrokerContext, { session }: ConnectedClient, request: SubscribeRequest): number {
  if (request.filter.startsWith('$share/')) return Reason.SharedSubscriptionsNotSupported;
  if (topicFilterProblem(request.filter, context.topicLimits) !== null) return Reason.TopicFilterInvalid;
  const subscriptions = session.state.subscriptions;
  if (!subscriptions.has(request.filter)) {
    const { maxSubscriptionsPerClient, maxSubscriptions } = context.options;
    const full = subscriptions.size >= maxSubscriptionsPerClient || context.realms.subscriptions >= maxSubscriptions;
    if (full) return Reason.QuotaExceeded;
  }
  const isNew = session.subscribe(request);
  // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]
  if (request.retainHandling === 0 || (request.retainHandling === 1 && isNew)) session.feedRetained(request);
  return request.qos;
}
