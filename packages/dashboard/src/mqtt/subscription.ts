export type Qos = 0 | 1 | 2;

/** What the page wants to be subscribed to, and how far that has come. */
export interface Subscription {
  readonly filter: string;
  /** What was asked for. */
  readonly qos: Qos;
  /** `wanted`: not sent, or not answered yet. */
  readonly state: 'wanted' | 'granted' | 'refused';
  /** What the node granted; it may be lower than what was asked for. */
  readonly grantedQos: Qos | null;
  /** Why it was refused, in plain words. */
  readonly problem: string | null;
}
