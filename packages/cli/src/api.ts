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

  /** Every item of a listing, page after page. */
  async all<T>(path: string, member: string, query: Readonly<Record<string, string | undefined>>): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const search = new URLSearchParams({ limit: String(PAGE_LIMIT) });
      for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value);
      if (cursor !== null) search.set('cursor', cursor);
      const page: Record<string, unknown> = await this.get(`${path}?${search}`);
      items.push(...(page[member] as T[]));
      cursor = page.next as string | null;
    } while (cursor !== null);
    return items;
  }

  async #request(method: string, path: string): Promise<unknown> {
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(this.#base + path, { method, signal: AbortSignal.timeout(TIMEOUT_MS) });
      text = await answer.text();
    } catch (error) {
      const { cause, message } = error as Error;
      const reason = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
      throw new CommandError(`no answer from ${this.#base}: ${reason}`);
    }
    if (answer.ok) return text === '' ? null : parse(text, this.#base);
    const { error } = parse(text, this.#base) as { error?: { code?: string; message?: string } };
    throw new CommandError(`${error?.message ?? answer.statusText} (${error?.code ?? answer.status})`);
  }
}

function parse(text: string, base: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(`${base} does not answer as Plexus does`);
  }
}
