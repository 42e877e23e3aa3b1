import { Reason } from '@plexus/protocol';
import type { Obligations } from '../peer/link-ports.ts';
import type { MeshSend } from './mesh-send.ts';

/** Messages at QoS 1 or 2 of one topic that one node of a cluster has not answered. */
interface Path {
  readonly peerId: string;
  open: number;
}

/**
 * Through which node of a cluster messages of a topic go, while some of them are not answered: what follows goes the same way. Else it could
 * be faster through another node of the cluster, and overtake them at a third.
 */
export class MeshPaths {
  /** By cluster, realm and topic. */
  readonly #paths = new Map<string, Path>();

  /** @returns the node of the cluster that has not answered messages of the topic; null: there is none, any node will do */
  peerOf(cluster: string, realm: string, topic: string): string | null {
    return this.#paths.size === 0 ? null : (this.#paths.get(keyOf(cluster, realm, topic))?.peerId ?? null);
  }

  /** It is sent to a node of a cluster. @param cluster null: the node is in none */
  answerOf(send: MeshSend, cluster: string | null, peerId: string): MeshAnswer {
    if (cluster === null) return new MeshAnswer(send, null);
    const key = keyOf(cluster, send.realm, send.topic);
    let path = this.#paths.get(key);
    if (path?.peerId !== peerId) {
      path = { peerId, open: 0 };
      this.#paths.set(key, path);
    }
    const open = path;
    open.open++;
    return new MeshAnswer(send, () => {
      if (--open.open === 0 && this.#paths.get(key) === open) this.#paths.delete(key);
    });
  }
}

/** Waits for the answer of one peer to one message at QoS 1 or 2. */
export class MeshAnswer implements Obligations {
  readonly send: MeshSend;
  readonly #ended: (() => void) | null;

  constructor(send: MeshSend, ended: (() => void) | null) {
    this.send = send;
    this.#ended = ended;
  }

  /** The peer will not answer. */
  giveUp(): MeshSend {
    this.#ended?.();
    return this.send;
  }

  meet(_slot: number, reason = 0): void {
    this.#ended?.();
    const { commit } = this.send;
    commit?.slots.meet(commit.slot, reasonFrom(reason));
  }
}

/** What a publisher may be told of the answer of a stranger's node: anything else would be a packet that its client does not know. */
function reasonFrom(reason: number): number {
  if (reason < Reason.UnspecifiedError) return Reason.Success;
  return reason === Reason.QuotaExceeded || reason === Reason.NotAuthorized ? reason : Reason.UnspecifiedError;
}

const keyOf = (cluster: string, realm: string, topic: string): string => `${cluster}\0${realm}\0${topic}`;
