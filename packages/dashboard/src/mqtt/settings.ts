import type { Qos } from './subscription.ts';

/** What the connect form holds. */
export interface Settings {
  readonly url: string;
  /** Empty: the node assigns one, which needs `keepSession` to be off. */
  readonly clientId: string;
  readonly userName: string;
  readonly password: string;
  /** As MQTT numbers it: 5, or 4 for 3.1.1. */
  readonly protocolVersion: 4 | 5;
  /** Whether subscriptions and waiting messages outlive the connection. */
  readonly keepSession: boolean;
}

/** What a tab remembers over a reload: the password is not among it. */
export interface Remembered {
  readonly settings: Settings;
  readonly subscriptions: readonly { readonly filter: string; readonly qos: Qos }[];
}

/** How long the node is asked to keep a session: 1 hour. */
export const SESSION_EXPIRY_S = 3600;

const KEY = 'plexus.try-it';
const ID_LENGTH = 8;

/** The WebSocket address of the node that served a page. */
export function mqttUrlOf({ protocol, host }: Pick<Location, 'protocol' | 'host'>): string {
  return `${protocol === 'https:' ? 'wss:' : 'ws:'}//${host}/mqtt`;
}

/** A client id that no other tab has. `crypto.randomUUID` exists in secure contexts only, and a node may be served over HTTP. */
export function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_LENGTH));
  return `try-it-${Array.from(bytes, (byte) => (byte % 36).toString(36)).join('')}`;
}

export function defaultSettings(): Settings {
  return {
    url: mqttUrlOf(location),
    clientId: newClientId(),
    userName: '',
    password: '',
    protocolVersion: 5,
    keepSession: false,
  };
}

/** Per tab: two tabs with one client id would take the session from each other for ever. */
export function recall(): Remembered {
  const fresh: Remembered = { settings: defaultSettings(), subscriptions: [] };
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Remembered | null;
    if (kept === null) return fresh;
    return { settings: { ...fresh.settings, ...kept.settings, password: '' }, subscriptions: kept.subscriptions ?? [] };
  } catch {
    return fresh;
  }
}

export function remember({ settings, subscriptions }: Remembered): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ settings: { ...settings, password: '' }, subscriptions }));
  } catch {
    // Storage may be forbidden; the page works without it.
  }
}
