import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { CommandError, type Io, UsageError } from './io.ts';

export const DEFAULT_HTTP_URL = 'http://127.0.0.1:8080';
const TIMEOUT_MS = 10_000;
const PAGE_LIMIT = 1000;

/** The HTTP API of a node, as the reading commands use it. */
export class Api {
  readonly #base: string;

  /** @param url of the node: the flag, else PLEXUS_HTTP_URL, else port 8080 of this machine. */
  constructor(url: string | undefined, env: Io['env']) {
    const given = url ?? env.PLEXUS_HTTP_URL ?? DEFAULT_HTTP_URL;
    if (!/^https?:\/\//.test(given) || !URL.canParse(given)) throw new UsageError(`--url ${given} is no http(s) URL`);
    this.#base = given.replace(/\/+$/, '');
  }

  get<T>(path: string): Promise<T> {
    return this.#request('GET', path) as Promise<T>;
  }

  async delete(path: string): Promise<void> {
    await this.#request('DELETE', path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return this.#request('POST', path, { headers, body: JSON.stringify(body) }) as Promise<T>;
  }

  /**
   * Every item of a listing, page after page.
   * @param goesOnBy the member of the query that takes `next`
   */
  async all<T>(
    path: string,
    member: string,
    query: Readonly<Record<string, string | undefined>>,
    goesOnBy: 'cursor' | 'after' = 'cursor',
  ): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const search = new URLSearchParams({ limit: String(PAGE_LIMIT) });
      for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value);
      if (cursor !== null) search.set(goesOnBy, cursor);
      const page: Record<string, unknown> = await this.get(`${path}?${search}`);
      items.push(...(page[member] as T[]));
      cursor = page.next as string | null;
    } while (cursor !== null);
    return items;
  }

  /**
   * An answer that is read as it comes: without end, or after a long time.
   * @throws {CommandError} when it is no success, and from the iteration when it breaks off
   */
  stream(method: 'GET' | 'POST', path: string, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(this.#base + path);
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, { method, headers: { accept }, signal });
      request.once('error', (error) => reject(this.#noAnswer(error)));
      request.once('response', (answer) => {
        if (answer.statusCode === 200) return resolve(answer);
        text(answer).then((body) => reject(this.#refused(body, answer.statusMessage ?? '')), reject);
      });
      request.end();
    });
  }

  async #request(
    method: string,
    path: string,
    init: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<unknown> {
    let answer: Response;
    let body: string;
    try {
      answer = await fetch(this.#base + path, { method, ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      body = await answer.text();
    } catch (error) {
      throw this.#noAnswer(error as Error);
    }
    if (answer.ok) return body === '' ? null : parse(body, this.#base);
    throw this.#refused(body, answer.statusText);
  }

  #noAnswer({ cause, message }: Error): CommandError {
    const reason = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
    return new CommandError(`no answer from ${this.#base}: ${reason}`);
  }

  #refused(body: string, status: string): CommandError {
    const { error } = parse(body, this.#base) as { error?: { code?: string; message?: string } };
    return new CommandError(`${error?.message ?? status} (${error?.code ?? 'no code'})`);
  }
}

function parse(text: string, base: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(`${base} does not answer as Plexus does`);
  }
}
