import type { Qos } from '@plexus/protocol';
import type { StampKeys } from './interest-stamps.ts';
import type { Session } from './session.ts';

/** One session that a topic goes to, all its matching subscriptions taken together. */
export class Target {
  readonly session: Session;
  qos: Qos;
  /** Not to the client that published: only if all matching subscriptions say so. */
  noLocal: boolean;
  retainAsPublished: boolean;

  constructor(session: Session, qos: Qos, noLocal: boolean, retainAsPublished: boolean) {
    this.session = session;
    this.qos = qos;
    this.noLocal = noLocal;
    this.retainAsPublished = retainAsPublished;
  }
}

/** All local targets of a topic, valid while the stamp of its keys is `stamp`. */
export class Route {
  readonly targets: readonly Target[];
  readonly keys: StampKeys;
  readonly stamp: number;

  constructor(targets: readonly Target[], keys: StampKeys, stamp: number) {
    this.targets = targets;
    this.keys = keys;
    this.stamp = stamp;
  }
}
