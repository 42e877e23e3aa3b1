import { GROUP } from '../scenario.ts';
import { Invariant, type RunningNode } from './invariant.ts';

/** A peer's interest is purged before anyone hears that it is gone. */
export class Purged extends Invariant {
  readonly name = 'purged before told';

  override onMember({ life, view }: RunningNode, nodeId: string, _incarnation: number, state: 'up' | 'gone'): void {
    if (state === 'up') return;
    const interest = view.interest(nodeId);
    if (interest.length > 0) {
      this.report(
        `${life.nodeId} says that ${nodeId} is gone and keeps ${interest.length} filters of it: ${interest[0]!.filter}`,
      );
    }
    if (view.filterCount(nodeId) > 0) {
      this.report(`${life.nodeId} says that ${nodeId} is gone and still sends it messages`);
    }
    const groups = view.members(GROUP).filter((member) => member.nodeId === nodeId);
    if (groups.length > 0) {
      this.report(`${life.nodeId} says that ${nodeId} is gone and keeps ${groups.length} members of its groups`);
    }
  }
}
