import {
  CLOSE_REASONS,
  type CloseReason,
  type ConnectPacket,
  connackCodeV4,
  encodeConnack,
  type PacketError,
  type Properties,
  Reason,
} from '@plexus/protocol';
import type { ClientRegistry } from './client-registry.ts';
import { type Capabilities, type ClientWill, ConnectedClient } from './connected-client.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import type { AuthResult, ClientDirectory, Identity } from './ports.ts';
import type { Realms } from './realm.ts';
import { NEVER_S, type Sessions } from './sessions.ts';

const DEFAULT_RECEIVE_MAXIMUM = 0xffff;
const MAX_ENDPOINT_LENGTH = 2048;

/** Decides on every CONNECT: who it is, whether there is room, which session it gets. */
export class Admission {
  /** True while the node stops: nobody new. */
  draining = false;
  readonly #context: BrokerContext;
  readonly #realms: Realms;
  readonly #sessions: Sessions;
  readonly #registry: ClientRegistry;
  readonly #directory: ClientDirectory | null;

  constructor(
    context: BrokerContext,
    realms: Realms,
    sessions: Sessions,
    registry: ClientRegistry,
    directory: ClientDirectory | null,
  ) {
    this.#context = context;
    this.#realms = realms;
    this.#sessions = sessions;
    this.#registry = registry;
    this.#directory = directory;
  }

  admit(connection: Connection, packet: ConnectPacket): void {
    const properties = packet.properties;
    if (properties.authenticationMethod !== undefined) {
      this.#refuse(connection, 'bad_authentication_method', packet);
      return;
    }
    // [MQTT-3.1.3-8] of 3.1.1: without an id there is nothing to keep a session under.
    if (packet.clientId === '' && packet.version === 4 && !packet.cleanStart) {
      this.#refuse(connection, 'client_id_not_valid', packet);
      return;
    }
    const wanted = (): boolean => !connection.closed;
    const result = this.#context.authenticator.authenticate(packet.username, packet.password, wanted);
    if (!(result instanceof Promise)) {
      this.#decide(connection, packet, result);
      return;
    }
    // The client may have sent more with its CONNECT; that waits, and nothing further is read.
    connection.decoder.suspend();
    connection.pauseReading();
    result.then(
      (answer) => connection.resumeDecoding(() => this.#decide(connection, packet, answer)),
      (error: unknown) => {
        this.#context.log.error({ err: error }, 'fault while checking credentials');
        this.#refuse(connection, 'internal_error', packet);
      },
    );
  }

  /** Answers a first packet that was no valid CONNECT: by a CONNACK where the version has a word for it, else by a close. */
  refuseMalformed(connection: Connection, reason: CloseReason, error: PacketError): void {
    this.#context.log.debug({ reason, detail: error.message, remoteAddress: connection.remoteAddress }, 'bad CONNECT');
    // A CONNACK answers a CONNECT; to anything else a broker has nothing to say [MQTT-3.1.0-1], [MQTT-3.1.4-1].
    if (!connection.decoder.connectSeen) connection.refuse(reason, null);
    else this.#refuse(connection, reason, null);
  }

  #decide(connection: Connection, packet: ConnectPacket, result: AuthResult): void {
    if (connection.closed) return;
    if (typeof result === 'string') this.#refuse(connection, result, packet);
    else if (this.draining) this.#refuse(connection, 'server_shutting_down', packet);
    // A will is a publish of the client, though a late one: nobody but the node publishes on topics that begin with `$`.
    else if (packet.will?.topic.startsWith('$') === true) this.#refuse(connection, 'not_authorized', packet);
    else this.#welcome(connection, packet, result);
  }

  #welcome(connection: Connection, packet: ConnectPacket, identity: Identity): void {
    const realm = this.#realms.get(identity.realm);
    const clientId = packet.clientId === '' ? this.#context.newClientId() : packet.clientId;
    const earlier = this.#registry.find(realm.name, clientId);
    const assigned = packet.clientId === '' ? clientId : null;
    const capabilities = this.#capabilities(packet);
    const properties = this.#connackProperties(packet, capabilities, assigned);
    const connack = (sessionPresent: boolean): Uint8Array =>
      encodeConnack(packet.version, { sessionPresent, reason: Reason.Success, properties });
    // [MQTT-3.1.2-24], before anything has changed.
    if (
      capabilities.maximumPacketBytes < Number.POSITIVE_INFINITY &&
      connack(false).length > capabilities.maximumPacketBytes
    ) {
      connection.refuse('packet_too_large', null);
      return;
    }
    const noRoom = earlier === null && this.#registry.count() >= this.#context.options.maxClients;
    if (noRoom || !this.#sessions.hasRoomFor(realm, clientId)) {
      this.#refuseFull(connection, packet);
      return;
    }
    // [MQTT-3.1.4-3]
    earlier?.connection.close('session_taken_over');
    const { session, present } = this.#sessions.open(realm, clientId, packet.cleanStart, capabilities.sessionExpiryS);
    const client = new ConnectedClient(
      this.#context,
      connection,
      session,
      packet,
      { username: identity.username, endpoint: endpointOf(packet), will: this.#willOf(packet, clientId) },
      capabilities,
    );
    connection.welcome(client);
    this.#context.counters.connects++;
    this.#registry.connected(client);
    this.#directory?.connected(realm.name, clientId);
    connection.send(connack(present));
    session.attach(client.subscriber);
  }

  #capabilities(packet: ConnectPacket): Capabilities {
    const { properties } = packet;
    return {
      cleanStart: packet.cleanStart,
      keepAliveS: this.#keepAliveS(packet),
      sessionExpiryS: Math.min(this.#askedExpiryS(packet), this.#context.options.maxSessionExpiryS),
      keepsSession: this.#askedExpiryS(packet) > 0,
      receiveMaximum: properties.receiveMaximum ?? DEFAULT_RECEIVE_MAXIMUM,
      maximumPacketBytes: properties.maximumPacketSizeBytes ?? Number.POSITIVE_INFINITY,
      topicAliasMaximum: properties.topicAliasMaximum ?? 0,
      requestProblemInformation: properties.requestProblemInformation ?? true,
    };
  }

  #askedExpiryS(packet: ConnectPacket): number {
    if (packet.version === 5) return packet.properties.sessionExpiryIntervalS ?? 0;
    return packet.cleanStart ? 0 : NEVER_S;
  }

  #connackProperties(packet: ConnectPacket, capabilities: Capabilities, assigned: string | null): Properties {
    const { options } = this.#context;
    const asked = this.#askedExpiryS(packet);
    const { requestResponseInformation } = packet.properties;
    return {
      ...(capabilities.sessionExpiryS !== asked && { sessionExpiryIntervalS: capabilities.sessionExpiryS }),
      ...(assigned !== null && { assignedClientIdentifier: assigned }),
      ...(capabilities.keepAliveS !== packet.keepAliveS && { serverKeepAliveS: capabilities.keepAliveS }),
      ...(requestResponseInformation === true &&
        options.responseTopicPrefix !== null && {
          responseInformation: `${options.responseTopicPrefix}/${assigned ?? packet.clientId}`,
        }),
      ...(options.maxTopicAliases > 0 && { topicAliasMaximum: options.maxTopicAliases }),
      receiveMaximum: options.maxInFlight,
      maximumPacketSizeBytes: options.maxPacketBytes,
    };
  }

  /** [MQTT-3.1.2-21]: what the CONNACK names is what holds. 3.1.1 has no way to say it. */
  #keepAliveS({ version, keepAliveS }: ConnectPacket): number {
    const most = this.#context.options.maxKeepAliveS;
    const tooLong = keepAliveS === 0 || keepAliveS > most;
    return version === 5 && most > 0 && tooLong ? most : keepAliveS;
  }

  #willOf(packet: ConnectPacket, clientId: string): ClientWill | null {
    const will = packet.will;
    if (will === null) return null;
    return { will, publisher: clientId };
  }

  #refuseFull(connection: Connection, packet: ConnectPacket): void {
    const { serverReference } = this.#context.options;
    if (serverReference === null || connection.decoder.version === 4) this.#refuse(connection, 'server_full', packet);
    else this.#refuse(connection, 'use_another_server', packet, { serverReference });
  }

  /** @param packet the CONNECT; null when it was too bad to be read */
  #refuse(
    connection: Connection,
    reason: CloseReason,
    packet: ConnectPacket | null,
    properties: Properties = {},
  ): void {
    const version = connection.decoder.version;
    const told = CLOSE_REASONS[reason].mqttReason ?? Reason.UnspecifiedError;
    // A CONNACK has another word for it than a DISCONNECT: MQTT 5.0 §3.2.2.2.
    const mqttReason = told === Reason.ServerShuttingDown ? Reason.ServerUnavailable : told;
    const sayable = version === 5 || connackCodeV4(mqttReason) !== null;
    if (!sayable) {
      connection.refuse(reason, null);
      return;
    }
    // [MQTT-3.1.2-24], [MQTT-3.2.2-19]: with the properties if the client takes that much, else without.
    const most = packet?.properties.maximumPacketSizeBytes ?? Number.POSITIVE_INFINITY;
    const connack = [properties, {}]
      .map((each) => encodeConnack(version, { sessionPresent: false, reason: mqttReason, properties: each }))
      .find((bytes) => bytes.length <= most);
    connection.refuse(reason, connack ?? null);
  }
}

/** The URL in the user property `endpoint`, if it is one. */
function endpointOf(packet: ConnectPacket): string | null {
  const value = packet.properties.userProperties?.find(([name]) => name === 'endpoint')?.[1];
  return value !== undefined && value.length <= MAX_ENDPOINT_LENGTH && URL.canParse(value) ? value : null;
}
