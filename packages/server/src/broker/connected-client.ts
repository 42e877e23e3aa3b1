import {
  type ConnectPacket,
  encodeAck,
  PacketError,
  PacketType,
  type Properties,
  Reason,
  type ReasonPacket,
  type Will,
  writeAck,
  writeAckReason,
} from '@plexus/protocol';
import { Ack } from './ack-slots.ts';
import { refusalText } from './close-reason.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import { Publisher } from './publisher.ts';
import type { Realm } from './realm.ts';
import type { Session } from './session.ts';
import { Subscriber } from './subscriber.ts';

/** Most bytes of a packet around its reason string. */
const REASON_OVERHEAD_BYTES = 16;

const PACKET_TYPE = {
  [Ack.Puback]: PacketType.Puback,
  [Ack.Pubrec]: PacketType.Pubrec,
  [Ack.Pubcomp]: PacketType.Pubcomp,
} as const;

/** What a client may do and has asked for, as its CONNECT and our CONNACK settled it. */
export interface Capabilities {
  readonly cleanStart: boolean;
  /** 0: none */
  readonly keepAliveS: number;
  readonly sessionExpiryS: number;
  /** Whether its CONNECT asked for a session that outlives the connection, be it granted or not. */
  readonly keepsSession: boolean;
  /** QoS 1 and 2 that it takes at once; 65,535 where it named none. */
  readonly receiveMaximum: number;
  /** Infinity where it named none. */
  readonly maximumPacketBytes: number;
  readonly topicAliasMaximum: number;
  readonly requestProblemInformation: boolean;
}

export interface ClientWill {
  readonly will: Will;
  /** Client id. */
  readonly publisher: string;
}

/** What a connection is once its CONNECT was accepted. */
export class ConnectedClient {
  readonly connection: Connection;
  readonly realm: Realm;
  readonly session: Session;
  readonly username: string | null;
  readonly version: 4 | 5;
  /** A URL at which the client says it can be reached. */
  readonly endpoint: string | null;
  readonly capabilities: Capabilities;
  readonly connectedSinceMs: number;
  readonly subscriber: Subscriber;
  /** null: there is none, or it was withdrawn by a DISCONNECT. */
  will: ClientWill | null;
  /** Order of connecting, for paged listings. */
  sequence = 0;
  readonly #context: BrokerContext;
  #publisher: Publisher | null = null;

  constructor(
    context: BrokerContext,
    connection: Connection,
    session: Session,
    packet: ConnectPacket,
    identity: { username: string | null; endpoint: string | null; will: ClientWill | null },
    capabilities: Capabilities,
  ) {
    this.#context = context;
    this.connection = connection;
    this.realm = session.realm;
    this.session = session;
    this.username = identity.username;
    this.endpoint = identity.endpoint;
    this.will = identity.will;
    this.version = packet.version;
    this.capabilities = capabilities;
    this.connectedSinceMs = context.clock.wallMs();
    const limits = {
      version: packet.version,
      window: Math.min(capabilities.receiveMaximum, context.options.maxInFlight),
      maxPacketBytes: capabilities.maximumPacketBytes,
      topicAliasMaximum: capabilities.topicAliasMaximum,
    };
    this.subscriber = new Subscriber(context, session, connection.outbound, limits, (reason, detail) =>
      connection.close(reason, detail),
    );
  }

  get clientId(): string {
    return this.session.clientId;
  }

  /** Made at the first PUBLISH: most clients of a large system only listen. */
  get publisher(): Publisher {
    this.#publisher ??= new Publisher(this.#context, this.session, this.version, this.connection);
    return this.#publisher;
  }

  get messagesIn(): number {
    return this.#publisher?.messages ?? 0;
  }

  get messagesOut(): number {
    return this.subscriber.messages;
  }

  /** Hands over what the publisher has gathered, before anything else happens. */
  flushRun(): void {
    this.#publisher?.flush();
  }

  /** Takes in a DISCONNECT: [MQTT-3.14.4-3], and the session expiry interval of §3.14.2.2.2. */
  disconnected(packet: ReasonPacket): void {
    const expiryS = packet.properties.sessionExpiryIntervalS;
    if (expiryS !== undefined && expiryS > 0 && !this.capabilities.keepsSession) {
      throw new PacketError(Reason.ProtocolError, 'a session expiry interval after one of 0 in CONNECT (§3.14.2.2.2)');
    }
    if (packet.reason !== Reason.DisconnectWithWill) this.will = null;
    if (expiryS !== undefined) {
      this.session.state.setExpiry(Math.min(expiryS, this.#context.options.maxSessionExpiryS));
    }
  }

  /** Sends an acknowledgement. A refusal says why, to a client that wants to know [MQTT-3.1.2-29]. */
  acknowledge(ack: Ack, packetId: number, reason: number): void {
    const type = PACKET_TYPE[ack];
    const told = this.version === 5 ? reason : 0;
    if (told >= Reason.UnspecifiedError && this.capabilities.requestProblemInformation) {
      this.connection.send(encodeAck(5, type, packetId, told, this.explain(refusalText(told))));
      return;
    }
    const { outbound } = this.connection;
    const at = outbound.reserve(told === 0 ? 4 : 5);
    if (told === 0) writeAck(outbound.chunk, at, type, packetId);
    else writeAckReason(outbound.chunk, at, type, packetId, told);
  }

  /**
   * A reason string as properties, if it fits the client's maximum packet size [MQTT-3.14.2-3].
   * @param moreBytes what the packet holds besides
   */
  explain(reasonString: string, moreBytes = 0): Properties {
    const bytes = Buffer.byteLength(reasonString) + moreBytes + REASON_OVERHEAD_BYTES;
    return bytes <= this.capabilities.maximumPacketBytes ? { reasonString } : {};
  }
}
