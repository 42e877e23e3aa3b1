import type { Query } from './query.ts';

/** Which events a subscription gets. */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'stream'; readonly stream: string }
  | { readonly kind: 'type'; readonly types: readonly string[] }
  /** Stream name in which `*` stands for any characters, none too. */
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'tags'; readonly match: 'any' | 'all'; readonly tags: readonly string[] }
  | { readonly kind: 'query'; readonly query: Query }
  /** Never matches an event whose data is not JSON. */
  | { readonly kind: 'payload'; readonly where: PayloadCondition };

/**
 * A comparison of what stands at a path in the data with a value, or a combination of such.
 * `path`: `$`, then `.name`, `['name']` or `[index]`. Where nothing is at the path only `exists: false`, `ne` and `not` hold.
 * Order is that of numbers or of texts (by code unit); other types are never less or greater.
 */
export type PayloadCondition =
  | { readonly path: string; readonly op: 'eq' | 'ne'; readonly value: unknown }
  | { readonly path: string; readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: number | string }
  | { readonly path: string; readonly op: 'in'; readonly value: readonly unknown[] }
  | { readonly path: string; readonly op: 'exists'; readonly value: boolean }
  | { readonly and: readonly PayloadCondition[] }
  | { readonly or: readonly PayloadCondition[] }
  | { readonly not: PayloadCondition };
