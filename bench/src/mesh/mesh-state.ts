import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection } from '../http-connection.ts';

/** What a node says about the mesh; only what is used here. */
export interface MeshState {
  /** Nodes of the directory that it knows. */
  readonly directoryPeers: number;
  /** Keys. */
  readonly advertisements: { readonly waiting: number; readonly advertising: number; readonly advertised: number };
  /** By why it was asked. */
  readonly lookups: {
    readonly queries: Readonly<Record<'subscriber' | 'publisher', Readonly<Record<string, number>>>>;
  };
}

/** What it has asked the directory since its start. */
export function queriesOf({ lookups: { queries } }: MeshState): number {
  return Object.values(queries).reduce((sum, causes) => sum + Object.values(causes).reduce((a, b) => a + b, 0), 0);
}

interface LinkState {
  readonly purpose: string;
  readonly transport: 'tcp' | 'quic';
}

interface PeerState {
  readonly peerId: string;
  readonly links: readonly LinkState[];
}

/** What is asked of a node over HTTP. */
export class MeshView {
  readonly #port: number;
  readonly #host: string | undefined;

  constructor({ httpPort }: { readonly httpPort: number }, host?: string) {
    this.#port = httpPort;
    this.#host = host;
  }

  mesh(): Promise<MeshState> {
    return this.#get('/api/v1/mesh') as Promise<MeshState>;
  }

  /** Of the mesh. */
  async links(): Promise<readonly (LinkState & { readonly peerId: string })[]> {
    const { peers } = (await this.#get('/api/v1/peers')) as { peers: readonly PeerState[] };
    const all = peers.flatMap(({ peerId, links }) => links.map((link) => ({ ...link, peerId })));
    return all.filter(({ purpose }) => purpose === 'mesh');
  }

  async until(what: string, limitMs: number, isSo: (state: MeshState) => boolean): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!isSo(await this.mesh())) {
      if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs / 1000} s`);
      await sleep(100);
    }
  }

  async #get(path: string): Promise<unknown> {
    // It is asked too rarely for a connection to be kept.
    const http = new HttpConnection(this.#port, this.#host);
    const { status, body } = await http.get(path);
    http.close();
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
    return JSON.parse(body);
  }
}
