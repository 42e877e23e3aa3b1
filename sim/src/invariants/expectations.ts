import type { History } from '../history/history.ts';
import type { MessageRecord, SubscriptionRecord } from '../history/ledger.ts';
import type { Moment } from '../history/moment.ts';

/** How long a change of interest takes at most to reach another node, while nothing is wrong between the two. */
export const SETTLE_MS = 1500;
/** How long a subscriber has to be there after the publisher was answered, so that nothing on its way to it is lost with it. */
const REMAIN_MS = 10_000;

/** Whether the message is for the subscription, whatever else is true. */
export const isFor = (history: History, message: MessageRecord, { connection, plain }: SubscriptionRecord): boolean =>
  connection.realm === message.realm && history.matches(plain, message.topic);

/**
 * Whether the promise was made that an answered message comes to a subscription: its client was there all the time, and its interest
 * known where the message was published, by a node that held the client's node to be up until the publisher was answered. Between the
 * two the connection may have broken and come back: that is what the promise is about.
 */
export function isOwed(history: History, message: MessageRecord, subscription: SubscriptionRecord): boolean {
  const { granted, connection } = subscription;
  if (message.answered === null || granted === null || granted.order > message.sent.order) return false;
  if (!remains(subscription, message.answered.at + REMAIN_MS)) return false;
  const [publisher, subscriber] = [message.connection.life, connection.life];
  if (publisher === subscriber) return true;
  const since = history.disturbances.calmFrom(publisher.nodeId, subscriber.nodeId, granted.at, SETTLE_MS);
  if (since > message.sent.at) return false;
  const upSince = message.sent.at - SETTLE_MS;
  return history.memberships.throughout(publisher, subscriber, upSince, message.answered) !== null;
}

/** Whether nothing at all was wrong between the two while a message was on its way. */
export function wasCalm(history: History, message: MessageRecord, subscription: SubscriptionRecord): boolean {
  const [from, to] = [message.connection.life, subscription.connection.life];
  const { at } = message.sent;
  if (!remains(subscription, at + REMAIN_MS) || subscription.granted === null) return false;
  if (from === to) return subscription.granted.order < message.sent.order;
  if (subscription.granted.at + SETTLE_MS > at) return false;
  const up = history.memberships.throughout(from, to, at - SETTLE_MS, message.sent);
  return up !== null && history.disturbances.isCalm(from.nodeId, to.nodeId, at - SETTLE_MS, at + SETTLE_MS);
}

function remains({ until, connection }: SubscriptionRecord, ms: number): boolean {
  const lasts = (end: Moment | null): boolean => end === null || end.at > ms;
  return lasts(until) && lasts(connection.gone) && lasts(connection.life.ended);
}
