import type { IClientOptions, IConnackPacket, IDisconnectPacket, MqttClient } from 'mqtt';
import { Changes, type Live } from '../ui/changes.ts';
import type { MessageLog } from './message-log.ts';
import { isFinal, reasonText } from './reasons.ts';
import { SESSION_EXPIRY_S, type Settings } from './settings.ts';
import type { Qos } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface ConnectionState {
  readonly phase: 'offline' | 'connecting' | 'connected' | 'reconnecting' | 'disconnecting';
  /** The one in use: the server may have assigned it. */
  readonly clientId: string;
  /** The server still had the session of this client id. */
  readonly sessionPresent: boolean;
  /** What went wrong, as sentences; null when all is well. */
  readonly problem: string | null;
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly retain: boolean;
}

type LoadMqtt = () => Promise<{ default: { connect(url: string, options: IClientOptions): MqttClient } }>;

const OFFLINE: ConnectionState = { phase: 'offline', clientId: '', sessionPresent: false, problem: null };
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_PERIOD_MS = 2000;
/** How long a disconnect waits for acknowledgements that are under way. */
const END_TIMEOUT_MS = 2000;
const KEEP_ALIVE_S = 60;
const NO_MATCHING_SUBSCRIBERS = 0x10;

/** In a chunk of its own: the page is there before its client is. */
export const loadMqtt: LoadMqtt = () => import('mqtt');

/** The page's one connection. A first attempt that fails ends it; a connection that is lost is made again until `disconnect`. */
export class Connection {
  readonly subscriptions: Subscriptions;
  readonly #changes = new Changes();
  readonly #log: Pick<MessageLog, 'add'>;
  readonly #load: LoadMqtt;
  #state = OFFLINE;
  #client: MqttClient | null = null;
  /** Counts calls of `connect` and `disconnect`: what an older one still has to say is nothing to the page. */
  #attempt = 0;

  constructor(log: Pick<MessageLog, 'add'>, subscriptions: Subscriptions, load: LoadMqtt = loadMqtt) {
    this.#log = log;
    this.subscriptions = subscriptions;
    this.#load = load;
  }

  get live(): Live {
    return this.#changes;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  async connect(settings: Settings): Promise<void> {
    const problem = settingsProblem(settings);
    if (problem !== null) return this.#become({ ...OFFLINE, problem });
    const attempt = ++this.#attempt;
    this.#become({ ...OFFLINE, phase: 'connecting', clientId: settings.clientId });
    try {
      const { default: mqtt } = await this.#load();
      if (attempt !== this.#attempt) return;
      this.#client = mqtt.connect(settings.url, clientOptions(settings));
      this.#follow(this.#client, settings);
    } catch (error) {
      this.#fail(`Could not connect to ${settings.url}: ${(error as Error).message}`);
    }
  }

  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#attempt++;
    this.#client = null;
    this.subscriptions.detach();
    if (client?.connected === true) {
      this.#become({ ...this.#state, phase: 'disconnecting', problem: null });
      const attempt = this.#attempt;
      await Promise.race([client.endAsync(), new Promise((resolve) => setTimeout(resolve, END_TIMEOUT_MS))]);
      if (attempt !== this.#attempt) return;
    }
    client?.end(true);
    this.#become(OFFLINE);
  }

  /** @returns what became of the message, as a sentence. @throws Error with a sentence for a person */
  async publish({ topic, payload, qos, retain }: Outgoing): Promise<string> {
    const client = this.#client;
    if (client === null || this.#state.phase !== 'connected') throw new Error('Not connected: connect first.');
    try {
      const answer = await client.publishAsync(topic, payload, { qos, retain });
      if (qos === 0) return 'Sent. QoS 0 is not acknowledged.';
      const alone = answer !== undefined && 'reasonCode' in answer && answer.reasonCode === NO_MATCHING_SUBSCRIBERS;
      return alone ? 'Acknowledged. Nobody is subscribed to this topic.' : 'Acknowledged by the server.';
    } catch (error) {
      throw new Error(`Not published: ${whyText(error)}.`);
    }
  }

  #follow(client: MqttClient, settings: Settings): void {
    let everConnected = false;
    let goodbye: number | null = null;
    const mine = (): boolean => this.#client === client;

    client.on('connect', (connack: IConnackPacket) => {
      if (!mine()) return;
      const firstTime = !everConnected;
      everConnected = true;
      goodbye = null;
      const clientId = connack.properties?.assignedClientIdentifier ?? settings.clientId;
      this.#become({ phase: 'connected', clientId, sessionPresent: connack.sessionPresent, problem: null });
      this.subscriptions.attach(client, connack.sessionPresent, firstTime);
    });
    client.on('message', (topic, payload, { qos, retain, properties }) => {
      if (!mine()) return;
      const contentType = properties?.contentType ?? null;
      this.#log.add({ atMs: Date.now(), topic, payload, qos, retained: retain, contentType });
    });
    client.on('disconnect', ({ reasonCode }: IDisconnectPacket) => {
      goodbye = reasonCode ?? 0;
    });
    client.on('error', (error) => {
      if (mine() && (!everConnected || codeOf(error) !== null)) {
        const what = this.#state.phase === 'connected' ? 'The connection ended' : 'Could not connect';
        this.#fail(`${what}: ${whyText(error)}.`);
      }
    });
    client.on('close', () => {
      if (!mine()) return;
      this.subscriptions.detach();
      if (!everConnected) return this.#fail(unreachable(settings.url));
      const why = goodbye === null || goodbye === 0 ? '' : `: ${reasonText(goodbye)}`;
      if (goodbye !== null && isFinal(goodbye)) return this.#fail(`The server ended the connection${why}.`);
      const problem = `The connection was lost${why}. Trying again every ${RECONNECT_PERIOD_MS / 1000} seconds.`;
      this.#become({ ...this.#state, phase: 'reconnecting', problem });
    });
  }

  #fail(problem: string): void {
    const client = this.#client;
    this.#client = null;
    this.#attempt++;
    this.subscriptions.detach();
    client?.end(true);
    this.#become({ ...OFFLINE, problem });
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    this.#changes.changed();
  }
}

function clientOptions(settings: Settings): IClientOptions {
  const { clientId, userName, password, protocolVersion, keepSession } = settings;
  return {
    protocolVersion,
    clientId,
    clean: !keepSession,
    keepalive: KEEP_ALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: RECONNECT_PERIOD_MS,
    // `Subscriptions` does it, and shows how it went.
    resubscribe: false,
    // The other variant makes a worker out of a text, which the policy of the page forbids.
    timerVariant: 'native',
    ...(userName === '' ? {} : { username: userName }),
    ...(password === '' ? {} : { password }),
    ...(protocolVersion === 5 && keepSession ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_S } } : {}),
  };
}

function settingsProblem({ url, clientId, keepSession, userName, password, protocolVersion }: Settings): string | null {
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) {
    return 'The address must begin with ws:// or wss://, for example ws://127.0.0.1:8080/mqtt.';
  }
  if (keepSession && clientId === '') return 'To keep a session, give a client id: the server finds the session by it.';
  // [MQTT-3.1.2-22] of MQTT 3.1.1
  if (protocolVersion === 4 && userName === '' && password !== '')
    return 'MQTT 3.1.1 takes a password only with a user name.';
  return null;
}

const unreachable = (url: string): string =>
  `Could not reach ${url}. Is the server running, and is the address right? A browser does not say more.`;

export function codeOf(error: unknown): number | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' && code > 0 ? code : null;
}

/** Why something failed, as the end of a sentence. */
export function whyText(error: unknown): string {
  const code = codeOf(error);
  if (code !== null) return reasonText(code);
  const message = (error as Error).message;
  if (message === 'connack timeout') return `the server did not answer within ${CONNECT_TIMEOUT_MS / 1000} seconds`;
  return message === 'Connection closed' ? 'the connection was closed before the answer came' : message;
}
