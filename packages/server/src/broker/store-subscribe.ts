import { PlexusError, Reason, type SubscribeRequest, subscriptionIdentifierProperty } from '@plexus/protocol';
import { decodeLevel } from '../store/names.ts';
import type { ConnectedClient } from './connected-client.ts';
import { parseShare } from './share-group.ts';
import type { StoreSubscriptionName } from './store-consumers.ts';
import { granted, refused, type Verdict } from './verdict.ts';

const FIRST_LEVEL = '$subscription';

/** Whether a filter, shared or not, stands for a persistent subscription of a store, rightly or wrongly spelt. */
export function isStoreSubscription(filter: string): boolean {
  if (filter.charCodeAt(0) !== 0x24) return false;
  const plain = parseShare(filter)?.filter ?? filter;
  return plain === FIRST_LEVEL || plain.startsWith(`${FIRST_LEVEL}/`);
}

/**
 * Attaches the connection to the persistent subscription that `$subscription/{store}/{name}` stands for.
 * @returns a promise where the store is on another node
 */
export function storeSubscribe(
  { session, subscriber }: ConnectedClient,
  request: SubscribeRequest,
): Verdict | Promise<Verdict> {
  const name = parse(request.filter);
  if (name === null) {
    return refused(Reason.TopicFilterInvalid, `${FIRST_LEVEL}/{store}/{name}, without wildcards and not shared`);
  }
  if (request.qos === 0) {
    return refused(Reason.ImplementationSpecificError, 'a store subscription needs QoS 1: events are acknowledged');
  }
  if (session.state.expiryS > 0) {
    return refused(
      Reason.ImplementationSpecificError,
      'a store subscription needs a clean session (session expiry 0): the store keeps the place, not the session',
    );
  }
  const identifier = request.subscriptionIdentifier;
  try {
    const joining = subscriber.consumers.attach(
      name,
      identifier === undefined ? null : subscriptionIdentifierProperty(identifier),
    );
    return joining === null ? granted(1) : joining.then(() => granted(1), refusal);
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown): Verdict {
  if (error instanceof PlexusError) return refused(reasonOf(error), error.message);
  throw error;
}

function parse(filter: string): StoreSubscriptionName | null {
  const [first, store, name, ...more] = filter.split('/');
  if (first !== FIRST_LEVEL || store === undefined || name === undefined || more.length > 0) return null;
  const [storeName, subscriptionName] = [decodeLevel(store), decodeLevel(name)];
  if (storeName === null || storeName === '' || subscriptionName === null || subscriptionName === '') return null;
  return { filter, store: storeName, name: subscriptionName };
}

/** A reason that a SUBACK may have. */
function reasonOf({ code }: PlexusError): number {
  if (code === 'store_not_found' || code === 'subscription_not_found') return Reason.TopicFilterInvalid;
  return code === 'quota_exceeded' ? Reason.QuotaExceeded : Reason.UnspecifiedError;
}
