import {
  encodeSuback,
  encodeUnsuback,
  type Properties,
  Reason,
  type SubscribePacket,
  type SubscribeRequest,
  topicFilterProblem,
  type UnsubscribePacket,
} from '@plexus/protocol';
import type { ConnectedClient } from './connected-client.ts';
import type { BrokerContext } from './context.ts';
import { isStoreSubscription, storeSubscribe } from './store-subscribe.ts';
import { granted, NO_MORE, refused, type Verdict } from './verdict.ts';

/** Filters looked at in one SUBSCRIBE, where a client may have fewer subscriptions than that. */
const MAX_FILTERS_PER_PACKET = 5000;

/**
 * Handles a SUBSCRIBE.
 * @returns the SUBACK; retained messages follow at the end of the turn. A promise where a store on another node has a say in it
 */
export function subscribe(
  context: BrokerContext,
  client: ConnectedClient,
  packet: SubscribePacket,
): Uint8Array | Promise<Uint8Array> {
  const subscriptionIdentifier = packet.properties.subscriptionIdentifiers?.[0];
  // One packet may name the same few filters a hundred thousand times; nobody waits for that.
  const most = Math.max(MAX_FILTERS_PER_PACKET, context.options.maxSubscriptionsPerClient);
  const verdicts = packet.requests.map((request, i) =>
    i < most
      ? subscribeOne(
          context,
          client,
          subscriptionIdentifier === undefined ? request : { ...request, subscriptionIdentifier },
        )
      : NO_MORE,
  );
  const suback = (given: readonly Verdict[]): Uint8Array => subackOf(client, packet.packetId, given);
  const isWhole = (given: readonly (Verdict | Promise<Verdict>)[]): given is readonly Verdict[] =>
    !given.some((verdict) => verdict instanceof Promise);
  return isWhole(verdicts) ? suback(verdicts) : Promise.all(verdicts).then(suback);
}

function subackOf(client: ConnectedClient, packetId: number, verdicts: readonly Verdict[]): Uint8Array {
  return encodeSuback(client.version, {
    packetId,
    reasons: verdicts.map((verdict) => verdict.reason),
    properties: explanation(client, verdicts),
  });
}

/** Handles an UNSUBSCRIBE. @returns the UNSUBACK */
export function unsubscribe(client: ConnectedClient, packet: UnsubscribePacket): Uint8Array {
  const reasons = packet.filters.map((filter) =>
    client.subscriber.detachStore(filter) || client.session.unsubscribe(filter)
      ? Reason.Success
      : Reason.NoSubscriptionExisted,
  );
  return encodeUnsuback(client.version, { packetId: packet.packetId, reasons, properties: {} });
}

function subscribeOne(
  context: BrokerContext,
  client: ConnectedClient,
  request: SubscribeRequest,
): Verdict | Promise<Verdict> {
  const problem = topicFilterProblem(request.filter, context.topicLimits);
  if (problem !== null) return refused(Reason.TopicFilterInvalid, `topic filter ${problem}`);
  const { session, subscriber } = client;
  const { subscriptions } = session.state;
  if (!subscriptions.has(request.filter) && !subscriber.consumes(request.filter)) {
    const { maxSubscriptionsPerClient, maxSubscriptions } = context.options;
    const count = subscriptions.size + subscriber.storeSubscriptions;
    if (count >= maxSubscriptionsPerClient || context.realms.subscriptions >= maxSubscriptions) return NO_MORE;
  }
  if (isStoreSubscription(request.filter)) return storeSubscribe(client, request);
  const isNew = session.subscribe(request);
  // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]; none for shared subscriptions, MQTT 5.0 §4.8.2.
  const wantsRetained = request.retainHandling === 0 || (request.retainHandling === 1 && isNew);
  if (wantsRetained && !request.filter.startsWith('$share/')) session.feedRetained(request);
  return granted(request.qos);
}

/** The first refusal in words, for a client that wants to know [MQTT-3.1.2-29]. */
function explanation(client: ConnectedClient, verdicts: readonly Verdict[]): Properties {
  const problem = verdicts.find((verdict) => verdict.problem !== null)?.problem ?? null;
  if (problem === null || client.version === 4 || !client.capabilities.requestProblemInformation) return {};
  return client.explain(problem, verdicts.length);
}
