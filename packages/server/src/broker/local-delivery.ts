import type { Qos } from '@plexus/protocol';
import type { ByteAccount } from './context.ts';
import { EncodedMessage } from './encoded-message.ts';
import type { Message } from './message.ts';
import type { BrokerOptions } from './options.ts';
import type { PublishRun } from './publish-run.ts';
import type { Realm } from './realm.ts';
import type { Target } from './route.ts';
import type { CommitTarget } from './session-store.ts';

/** Hands messages to the sessions of this node that want them. */
export class LocalDelivery {
  readonly #options: Pick<BrokerOptions, 'queueFull' | 'maxTotalQueuedBytes'>;
  readonly #queuedBytes: ByteAccount;

  /** @param queuedBytes bytes in the queues and windows of all sessions */
  constructor(options: Pick<BrokerOptions, 'queueFull' | 'maxTotalQueuedBytes'>, queuedBytes: ByteAccount) {
    this.#options = options;
    this.#queuedBytes = queuedBytes;
  }

  /** QoS 0 goes to connected clients only. */
  deliverRun(realm: Realm, run: PublishRun): void {
    const targets = realm.route(run.topic).targets;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      if (target.noLocal && target.session.clientId === run.publisher) continue;
      target.session.connection?.sendRun(run);
    }
  }

  /**
   * Whether every session that must not lose the message has room for it. Under `queueFull: reject` a message without
   * that goes to nobody: the publisher is refused before any acknowledgement.
   */
  admits(realm: Realm, message: Message): boolean {
    if (this.#options.queueFull !== 'reject') return true;
    const targets = realm.route(message.topic).targets;
    const cost = message.costBytes;
    let total = this.#queuedBytes.total;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      if (grantedQos(target, message) === 0 || skips(target, message)) continue;
      total += cost;
      if (total > this.#options.maxTotalQueuedBytes || !target.session.hasRoomFor(message)) return false;
    }
    return true;
  }

  /** @returns how many sessions match */
  deliver(realm: Realm, message: Message, commit: CommitTarget | null): number {
    const targets = realm.route(message.topic).targets;
    let encoded: EncodedMessage | null = null;
    let matched = 0;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      if (skips(target, message)) continue;
      matched++;
      const qos = grantedQos(target, message);
      const retain = message.retain && target.retainAsPublished;
      if (qos === 0) {
        encoded ??= new EncodedMessage(message);
        target.session.connection?.sendQos0(encoded, retain);
      } else target.session.deliver(message, qos, retain, commit);
    }
    return matched;
  }
}

function grantedQos(target: Target, message: Message): Qos {
  return target.qos < message.qos ? target.qos : message.qos;
}

function skips(target: Target, message: Message): boolean {
  return target.noLocal && target.session.clientId === message.publisher;
}
