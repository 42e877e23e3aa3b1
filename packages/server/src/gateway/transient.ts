import type { ErrorCode, PlexusError } from '@plexus/protocol';

/**
 * What another try within seconds may mend. Other errors that are marked retryable wait for someone: `store_full` for an
 * operator, `overloaded` and `quota_exceeded` for the caller, who is told at once.
 */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['store_unavailable', 'timeout']);

export const isTransient = (error: PlexusError): boolean => error.retryable && TRANSIENT.has(error.code);
