import type { Qos } from '@plexus/protocol';
import type { ByteAccount } from './context.ts';
import { EncodedMessage } from './encoded-message.ts';
import type { Message } from './message.ts';
import type { BrokerOptions } from './options.ts';
import type { PublishRun } from './publish-run.ts';
import type { Target } from './route.ts';
import type { CommitTarget } from './session-store.ts';
import type { ShareGroup } from './share-group.ts';

/** Hands messages to sessions of this node: to all `targets`, and to one member of each of `groups`. A route has both; the router may pick. */
export class LocalDelivery {
  readonly #options: Pick<BrokerOptions, 'queueFull' | 'maxTotalQueuedBytes'>;
  readonly #queuedBytes: ByteAccount;

  /** @param queuedBytes bytes in the queues and windows of all sessions */
  constructor(options: Pick<BrokerOptions, 'queueFull' | 'maxTotalQueuedBytes'>, queuedBytes: ByteAccount) {
    this.#options = options;
    this.#queuedBytes = queuedBytes;
  }

  /** QoS 0 goes to connected clients only. */
  deliverRun(run: PublishRun, targets: readonly Target[], groups: readonly ShareGroup[]): void {
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      if (target.noLocal && target.session.clientId === run.publisher) continue;
      target.session.connection?.sendRun(run, target.identifiers);
    }
    for (let i = 0; i < groups.length; i++) {
      // Message by message: a run may be long, and its members take turns.
      for (const encoded of run.messages()) {
        const member = groups[i]!.choose(encoded.message);
        member?.session.connection?.sendQos0(encoded, false, member.identifiers);
      }
    }
  }

  /**
   * Whether every session that must not lose the message has room for it. Under `queueFull: reject` a message without
   * that goes to nobody: the publisher is refused before any acknowledgement.
   */
  admits(message: Message, targets: readonly Target[], groups: readonly ShareGroup[]): boolean {
    if (this.#options.queueFull !== 'reject') return true;
    const cost = message.costBytes;
    let total = this.#queuedBytes.total;
    const fits = (target: Target): boolean => {
      if (grantedQos(target, message) === 0 || skips(target, message)) return true;
      total += cost;
      return total <= this.#options.maxTotalQueuedBytes && target.session.hasRoomFor(message);
    };
    for (let i = 0; i < targets.length; i++) if (!fits(targets[i]!)) return false;
    for (let i = 0; i < groups.length; i++) {
      const member = groups[i]!.peek(message);
      // Nobody: all members are away. What is kept for some of them is full then.
      if (member === null ? message.qos > 0 && groups[i]!.away > 0 : !fits(member)) return false;
    }
    return true;
  }

  /** @returns how many sessions match */
  deliver(
    message: Message,
    commit: CommitTarget | null,
    targets: readonly Target[],
    groups: readonly ShareGroup[],
  ): number {
    const encoded = new EncodedMessage(message);
    let matched = 0;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!;
      if (skips(target, message)) continue;
      matched++;
      hand(target, message, encoded, commit);
    }
    for (let i = 0; i < groups.length; i++) {
      const member = groups[i]!.choose(message);
      if (member === null) continue;
      matched++;
      hand(member, message, encoded, commit);
    }
    return matched;
  }
}

function hand(target: Target, message: Message, encoded: EncodedMessage, commit: CommitTarget | null): void {
  const qos = grantedQos(target, message);
  const retain = message.retain && target.retainAsPublished;
  if (qos === 0) target.session.connection?.sendQos0(encoded, retain, target.identifiers);
  else target.session.deliver(message, target.terms(qos, retain), commit);
}

function grantedQos(target: Target, message: Message): Qos {
  return target.qos < message.qos ? target.qos : message.qos;
}

function skips(target: Target, message: Message): boolean {
  return target.noLocal && target.session.clientId === message.publisher;
}
