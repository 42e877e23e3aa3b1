import { isUuid } from '../../lib/uuid.ts';

/** A causation id as it stands in columns and indexes: a UUID, which names an event, in lower case; any other text as it is. */
export const causeId = (id: string): string => (isUuid(id) ? id.toLowerCase() : id);
