/**
 * Every numbered normative statement of the two specifications, as their appendix B lists them. `check-conformance.ts` holds
 * docs/mqtt-conformance.md against it.
 */

/** The statements of one section: `['1.5.4', 1, 3]` is [MQTT-1.5.4-1] to [MQTT-1.5.4-3]. */
type Section = readonly [section: string, first: number, last: number];

export interface Specification {
  /** Heading of its table. */
  readonly title: string;
  readonly sections: readonly Section[];
}

/**
 * MQTT 3.1.1, OASIS Standard of 29 October 2014: 141 statements. Two numbers are misprinted there, `3.1.2.7` and `3-8.3-4`; here they
 * are as meant.
 */
export const MQTT_3_1_1: Specification = {
  title: 'MQTT 3.1.1',
  sections: [
    ['1.5.3', 1, 3],
    ['2.2.2', 1, 2],
    ['2.3.1', 1, 7],
    ['3.1.0', 1, 2],
    ['3.1.2', 1, 24],
    ['3.1.3', 1, 11],
    ['3.1.4', 1, 5],
    ['3.2.0', 1, 1],
    ['3.2.2', 1, 6],
    ['3.3.1', 1, 12],
    ['3.3.2', 1, 3],
    ['3.3.4', 1, 1],
    ['3.3.5', 1, 2],
    ['3.6.1', 1, 1],
    ['3.8.1', 1, 1],
    ['3.8.3', 1, 4],
    ['3.8.4', 1, 6],
    ['3.9.3', 1, 2],
    ['3.10.1', 1, 1],
    ['3.10.3', 1, 2],
    ['3.10.4', 1, 6],
    ['3.12.4', 1, 1],
    ['3.14.1', 1, 1],
    ['3.14.4', 1, 3],
    ['4.1.0', 1, 2],
    ['4.3.1', 1, 1],
    ['4.3.2', 1, 2],
    ['4.3.3', 1, 2],
    ['4.4.0', 1, 1],
    ['4.5.0', 1, 2],
    ['4.6.0', 1, 6],
    ['4.7.1', 1, 3],
    ['4.7.2', 1, 1],
    ['4.7.3', 1, 4],
    ['4.8.0', 1, 2],
    ['6.0.0', 1, 4],
    ['7.0.0', 1, 2],
    ['7.1.1', 1, 1],
    ['7.1.2', 1, 1],
  ],
};

/** MQTT 5.0, OASIS Standard of 7 March 2019: 251 statements. There is no 2.2.1-1. */
export const MQTT_5_0: Specification = {
  title: 'MQTT 5.0',
  sections: [
    ['1.5.4', 1, 3],
    ['1.5.5', 1, 1],
    ['1.5.7', 1, 1],
    ['2.1.3', 1, 1],
    ['2.2.1', 2, 6],
    ['2.2.2', 1, 1],
    ['3.1.0', 1, 2],
    ['3.1.2', 1, 30],
    ['3.1.3', 1, 12],
    ['3.1.4', 1, 6],
    ['3.2.0', 1, 2],
    ['3.2.2', 1, 22],
    ['3.3.1', 1, 13],
    ['3.3.2', 1, 20],
    ['3.3.4', 1, 10],
    ['3.4.2', 1, 3],
    ['3.5.2', 1, 3],
    ['3.6.1', 1, 1],
    ['3.6.2', 1, 3],
    ['3.7.2', 1, 3],
    ['3.8.1', 1, 1],
    ['3.8.3', 1, 5],
    ['3.8.4', 1, 8],
    ['3.9.2', 1, 2],
    ['3.9.3', 1, 2],
    ['3.10.1', 1, 1],
    ['3.10.3', 1, 2],
    ['3.10.4', 1, 6],
    ['3.11.2', 1, 2],
    ['3.11.3', 1, 2],
    ['3.12.4', 1, 1],
    ['3.14.0', 1, 1],
    ['3.14.1', 1, 1],
    ['3.14.2', 1, 4],
    ['3.14.4', 1, 3],
    ['3.15.1', 1, 1],
    ['3.15.2', 1, 3],
    ['4.1.0', 1, 2],
    ['4.2.0', 1, 1],
    ['4.3.1', 1, 1],
    ['4.3.2', 1, 5],
    ['4.3.3', 1, 13],
    ['4.4.0', 1, 2],
    ['4.5.0', 1, 2],
    ['4.6.0', 1, 6],
    ['4.7.0', 1, 1],
    ['4.7.1', 1, 2],
    ['4.7.2', 1, 1],
    ['4.7.3', 1, 4],
    ['4.8.2', 1, 6],
    ['4.9.0', 1, 3],
    ['4.12.0', 1, 7],
    ['4.12.1', 1, 2],
    ['4.13.1', 1, 1],
    ['4.13.2', 1, 1],
    ['6.0.0', 1, 4],
  ],
};

export const SPECIFICATIONS: readonly Specification[] = [MQTT_3_1_1, MQTT_5_0];

/** The numbers without `MQTT-`, in the order of the specification: `1.5.4-1`, `1.5.4-2`, … */
export function statementNumbers({ sections }: Specification): string[] {
  return sections.flatMap(([section, first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => `${section}-${first + index}`),
  );
}
