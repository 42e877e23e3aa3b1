import type { NameListing } from '../store/operations.ts';
import { DEFAULT_LIMIT } from './schemas.ts';

/** A listing by name as the query says, with its defaults. */
export function listingOf(query: { prefix?: string; after?: string; limit?: number }): NameListing {
  return { prefix: query.prefix ?? '', after: query.after ?? null, limit: query.limit ?? DEFAULT_LIMIT };
}
