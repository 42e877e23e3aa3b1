import { createMessagingNode } from '@plexus/server/simulation';
import type { CreateMessagingNode } from './ports.ts';

/** The real parts of the server. */
export const createNode: CreateMessagingNode = createMessagingNode;
