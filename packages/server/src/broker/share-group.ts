import { type Qos, TrieEntry } from '@plexus/protocol';
import type { Message } from './message.ts';
import { Target } from './route.ts';
import type { Subscription } from './subscription.ts';

const SHARE_PREFIX = '$share/';

export function isShared(filter: string): boolean {
  return filter.startsWith(SHARE_PREFIX);
}

/** `$share/{group}/{filter}` in its parts; null for any other filter. The filter must be valid. */
export function parseShare(filter: string): { group: string; filter: string } | null {
  if (!isShared(filter)) return null;
  const groupEnd = filter.indexOf('/', SHARE_PREFIX.length);
  return { group: filter.slice(SHARE_PREFIX.length, groupEnd), filter: filter.slice(groupEnd + 1) };
}

/**
 * The members of one shared subscription, MQTT 5.0 §4.8.2: each message goes to one of them. It stands in the trie under
 * the filter they share; members may come and go without a change to any route.
 *
 * Members take turns. One that is connected and has nothing waiting goes before one that falls behind, and no member
 * without a connection gets anything while another has one.
 */
export class ShareGroup extends TrieEntry {
  /** `$share/{group}/{filter}` */
  readonly name: string;
  readonly #members: Target[] = [];
  #turn = 0;

  constructor(name: string) {
    super();
    this.name = name;
  }

  get empty(): boolean {
    return this.#members.length === 0;
  }

  join({ session, request }: Subscription): void {
    this.leave(session);
    this.#members.push(new Target(session, request, this.name));
  }

  leave(session: Target['session']): void {
    const at = this.#members.findIndex((member) => member.session === session);
    if (at !== -1) this.#members.splice(at, 1);
  }

  /** Whether a member with a connection could take over. */
  get hasConnected(): boolean {
    return this.#members.some((member) => member.session.connection !== null);
  }

  /** Members with a connection. */
  get online(): number {
    let count = 0;
    for (const { session } of this.#members) if (session.connection !== null) count++;
    return count;
  }

  /** Members without one that have messages kept for them: at QoS 0 nothing is. */
  get away(): number {
    let count = 0;
    for (const { session, qos } of this.#members) if (session.connection === null && qos > 0) count++;
    return count;
  }

  /** Whose turn it is for this message, without passing the turn on; null if nobody can have it. */
  peek(message: Message): Target | null {
    const members = this.#members;
    let connected: Target | null = null;
    let roomy: Target | null = null;
    let away: Target | null = null;
    for (let i = 0; i < members.length; i++) {
      const member = members[(this.#turn + i) % members.length]!;
      const { session } = member;
      const qos = Math.min(member.qos, message.qos) as Qos;
      if (session.connection === null) {
        if (qos > 0 && away === null && session.hasRoomFor(message)) away = member;
        continue;
      }
      connected ??= member;
      const hasRoom =
        qos === 0 ? session.connection.hasRoomForQos0(message, member.identifiers) : session.hasRoomFor(message);
      if (!hasRoom) continue;
      if (session.state.queuedMessages === 0) return member;
      roomy ??= member;
    }
    return roomy ?? connected ?? away;
  }

  /** Whose turn it is; the next message is another's. */
  choose(message: Message): Target | null {
    const chosen = this.peek(message);
    if (chosen !== null) this.#turn = (this.#members.indexOf(chosen) + 1) % this.#members.length;
    return chosen;
  }
}
