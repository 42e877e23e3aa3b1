import { Counter, Gauge, type Registry } from 'prom-client';

/** One metric that is read from something when somebody asks. */
export interface Row<T> {
  /** Without its prefix. What only grows ends in `_total`. */
  readonly name: string;
  readonly help: string;
  /** null: it has none now, and is left out. */
  readonly read: (from: T) => number | null;
}

export const row = <T>(name: string, help: string, read: Row<T>['read']): Row<T> => ({ name, help, read });

/** Metrics with the same labels, of the same kind of thing. */
export class RowMetrics<T> {
  readonly #metrics: readonly { readonly row: Row<T>; readonly metric: Gauge | Counter }[];

  constructor(registry: Registry, prefix: string, rows: readonly Row<T>[], labelNames: readonly string[]) {
    this.#metrics = rows.map((one) => {
      const options = { name: prefix + one.name, help: one.help, labelNames: [...labelNames], registers: [registry] };
      return { row: one, metric: one.name.endsWith('_total') ? new Counter(options) : new Gauge(options) };
    });
  }

  reset(): void {
    for (const { metric } of this.#metrics) metric.reset();
  }

  /** Once for each set of labels after a reset. */
  set(labels: Record<string, string>, from: T): void {
    for (const { row: one, metric } of this.#metrics) {
      const value = one.read(from);
      if (value !== null) metric.inc(labels, value);
    }
  }
}
