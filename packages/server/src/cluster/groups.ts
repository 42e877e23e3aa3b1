import { utf8Length } from '@plexus/protocol';
import { GroupListeners } from './group-listeners.ts';
import type { GroupChange, GroupMember, Groups, OwnTable, TableWatcher } from './ports.ts';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from './table-frames.ts';

interface Joined {
  readonly member: GroupMember;
  /** Members are listed in the order of their numbers. */
  readonly number: number;
}

/** Members by id, groups by name. */
class NodeMembers {
  readonly groups = new Map<string, Map<string, Joined>>();
  size = 0;

  get(group: string, id: string): Joined | undefined {
    return this.groups.get(group)?.get(id);
  }

  add(group: string, joined: Joined): void {
    let members = this.groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.groups.set(group, members);
    }
    members.set(joined.member.id, joined);
    this.size++;
  }

  /** Does nothing if it is no member. @returns who it was */
  remove(group: string, id: string): GroupMember | null {
    const members = this.groups.get(group);
    const joined = members?.get(id);
    if (members === undefined || joined === undefined) return null;
    members.delete(id);
    if (members.size === 0) this.groups.delete(group);
    this.size--;
    return joined.member;
  }
}

/**
 * Groups over the whole cluster: this node's members are in its table of groups (key `{group} NUL {id}`, value the metadata as JSON),
 * the others' come from the copies of theirs. An id is one member per node; two nodes may each have one of it.
 */
export class ClusterGroups implements Groups, TableWatcher {
  readonly #nodeId: string;
  readonly #table: OwnTable;
  readonly #own = new NodeMembers();
  readonly #nodes = new Map<string, NodeMembers>();
  readonly #listeners = new GroupListeners();
  #joined = 0;

  constructor(nodeId: string, table: OwnTable) {
    this.#nodeId = nodeId;
    this.#table = table;
  }

  /**
   * Resolves when this node's listing has the member; the others hear of it by the end of the turn.
   * @throws {RangeError} a member of another node, or a group, id or metadata that no table can carry
   */
  async join(group: string, member: GroupMember): Promise<void> {
    const value = JSON.stringify(member.metadata);
    this.#check(group, member, value);
    this.#removeOwn(group, member.id);
    this.#table.set(memberKey(group, member.id), value);
    this.#own.add(group, { member, number: ++this.#joined });
    this.#listeners.tell(group, { kind: 'joined', member });
  }

  async leave(group: string, id: string): Promise<void> {
    this.#table.delete(memberKey(group, id));
    this.#removeOwn(group, id);
  }

  members(group: string): readonly GroupMember[] {
    const others: Joined[] = [];
    for (const { groups } of this.#nodes.values()) {
      for (const joined of groups.get(group)?.values() ?? []) others.push(joined);
    }
    others.sort((a, b) => a.number - b.number);
    return [...(this.#own.groups.get(group)?.values() ?? []), ...others].map(({ member }) => member);
  }

  find(group: string, id: string): readonly GroupMember[] {
    return [this.#own, ...this.#nodes.values()].flatMap((members) => members.get(group, id)?.member ?? []);
  }

  /** Groups that have members. */
  names(): ReadonlySet<string> {
    return new Set([this.#own, ...this.#nodes.values()].flatMap(({ groups }) => [...groups.keys()]));
  }

  watch(group: string, listener: (change: GroupChange) => void): () => void {
    return this.#listeners.add(group, listener);
  }

  /** Members of all groups that a node has, this one or another. */
  membersOf(nodeId: string): number {
    return (nodeId === this.#nodeId ? this.#own : this.#nodes.get(nodeId))?.size ?? 0;
  }

  onEntry(nodeId: string, key: string, value: string): void {
    const idAt = key.indexOf('\0') + 1;
    const metadata = parseMetadata(value);
    // Of a newer version, perhaps; of this one it cannot be.
    if (idAt === 0 || metadata === null) return;
    const group = key.slice(0, idAt - 1);
    const member = { id: key.slice(idAt), nodeId, metadata };
    const members = this.#nodes.get(nodeId) ?? this.#addNode(nodeId);
    this.#remove(members, group, member.id);
    members.add(group, { member, number: ++this.#joined });
    this.#listeners.tell(group, { kind: 'joined', member });
  }

  onGone(nodeId: string, key: string): void {
    const members = this.#nodes.get(nodeId);
    const idAt = key.indexOf('\0') + 1;
    if (members !== undefined && idAt > 0) this.#remove(members, key.slice(0, idAt - 1), key.slice(idAt));
  }

  onPurged(nodeId: string): void {
    const gone = this.#nodes.get(nodeId);
    if (gone === undefined) return;
    this.#nodes.delete(nodeId);
    for (const [group, members] of gone.groups) {
      if (!this.#listeners.has(group)) continue;
      for (const { member } of members.values()) this.#listeners.tell(group, { kind: 'left', member });
    }
  }

  #removeOwn(group: string, id: string): void {
    this.#remove(this.#own, group, id);
  }

  #remove(members: NodeMembers, group: string, id: string): void {
    const member = members.remove(group, id);
    if (member !== null) this.#listeners.tell(group, { kind: 'left', member });
  }

  #addNode(nodeId: string): NodeMembers {
    const members = new NodeMembers();
    this.#nodes.set(nodeId, members);
    return members;
  }

  #check(group: string, { id, nodeId }: GroupMember, value: string): void {
    if (nodeId !== this.#nodeId) throw new RangeError(`a member of ${nodeId} cannot join at ${this.#nodeId}`);
    if (group.includes('\0')) throw new RangeError('a group with U+0000 in its name');
    const key = memberKey(group, id);
    if (!key.isWellFormed() || utf8Length(key) > MAX_KEY_BYTES) throw new RangeError('a group or id that is no key');
    if (utf8Length(value) > MAX_VALUE_BYTES) throw new RangeError(`metadata of more than ${MAX_VALUE_BYTES} bytes`);
  }
}

const memberKey = (group: string, id: string): string => `${group}\0${id}`;

function parseMetadata(value: string): Record<string, unknown> | null {
  try {
    const metadata: unknown = JSON.parse(value);
    const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
    return isObject ? (metadata as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
