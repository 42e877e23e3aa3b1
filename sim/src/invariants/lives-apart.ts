import { Invariant, type RunningNode } from './invariant.ts';

/** A fast restart is a leave and a join, never a silent merge: each node sees each life of another as a member of its own. */
export class LivesApart extends Invariant {
  readonly name = 'a restart is a leave and a join';

  override onMember({ life }: RunningNode, nodeId: string, incarnation: number, state: 'up' | 'gone'): void {
    const times = this.history.memberships.of(life, nodeId);
    const open = times.at(-1)?.until === null ? times.at(-1)! : null;
    const what = `${life.nodeId} says that ${nodeId} (${incarnation}) is ${state}`;
    if (state === 'gone') {
      if (open !== null && open.incarnation !== incarnation)
        this.report(`${what}, but it is ${open.incarnation} that is up`);
      return;
    }
    if (open !== null) this.report(`${what}, before it said that ${open.incarnation} is gone`);
    const lives = this.history.lives.of(nodeId).filter((each) => each.incarnation === incarnation);
    if (lives.length === 0) this.report(`${what}: no life of it has that incarnation`);
    if (lives.length > 1) this.report(`${what}: an earlier life had the same incarnation`);
  }
}
