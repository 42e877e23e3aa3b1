import type { Transferable } from 'node:worker_threads';
import { type ErrorCode, type ErrorDetails, PlexusError } from '@plexus/protocol';

/** Sends a message to the one who hosts. Listed buffers go over without a copy, and are empty here afterwards. */
export type Reply = (message: unknown, transfer?: readonly Transferable[]) => void;

/** Something that lives in a thread of the pool and is spoken to by messages. All of it is synchronous. */
export interface Hosted {
  /** Everything that waited, in the order it was posted. If it throws, this hosted thing ends; others of the thread go on. */
  handle(messages: readonly unknown[]): void;
  /**
   * Called after each `handle`, and again after the time that it returned unless messages came first.
   * @returns milliseconds, or null: nothing to do until messages come
   */
  idle(): number | null;
  close(): void;
}

/** What a module for `ThreadPool.host` exports as `create`. `init` is a structured clone. */
export type CreateHosted = (init: never, reply: Reply) => Hosted;

/** An error as it crosses threads. */
export interface ErrorMessage {
  /** null: no PlexusError. */
  readonly code: ErrorCode | null;
  readonly details: ErrorDetails;
  readonly text: string;
}

export function errorMessage(error: unknown): ErrorMessage {
  if (error instanceof PlexusError) return { code: error.code, details: error.details, text: error.message };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: null, details: {}, text };
}

export function errorFrom({ code, details, text }: ErrorMessage): Error {
  return code === null ? new Error(text) : new PlexusError(code, details);
}

/** Main thread → thread, for one hosted thing. */
export interface HostRequest {
  readonly module: string;
  readonly init: unknown;
  readonly port: import('node:worker_threads').MessagePort;
}

/** Through the port of a hosted thing, both ways. */
export type ToHosted = { readonly message: unknown } | 'close';
export type FromHosted =
  | { readonly kind: 'up' | 'closed' }
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
