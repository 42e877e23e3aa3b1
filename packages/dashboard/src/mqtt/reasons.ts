/** MQTT 5 reason codes (MQTT 5.0 §2.4), and the return codes 1 to 5 of a 3.1.1 CONNACK, for a person. */
const REASONS: Readonly<Record<number, string>> = {
  1: 'the server does not speak this protocol version',
  2: 'the server does not accept this client id',
  3: 'the server is not available',
  4: 'the user name or password is wrong',
  5: 'this user may not connect',
  128: 'the server does not say why',
  129: 'the server could not read what was sent',
  130: 'the server saw something that the protocol does not allow',
  131: 'the server does not support this',
  132: 'the server does not speak this protocol version',
  133: 'the server does not accept this client id',
  134: 'the user name or password is wrong',
  135: 'this user may not do that',
  136: 'the server is not available',
  137: 'the server is busy; try again later',
  138: 'this client is banned',
  139: 'the server is shutting down',
  141: 'nothing was heard from this page for too long',
  142: 'another client connected with the same client id',
  143: 'the topic filter is not valid',
  144: 'the topic is not valid',
  147: 'too many messages were under way at once',
  149: 'the message is larger than the server takes',
  150: 'messages came faster than the server takes them',
  151: 'a quota of the server is used up',
  152: 'an operator of the server ended the connection',
  153: 'the payload is not of the format it claims',
  154: 'the server does not keep retained messages',
  155: 'the server does not support this QoS',
  156: 'another server should be used',
  157: 'the server has moved',
  158: 'the server does not support shared subscriptions',
  159: 'connections came faster than the server takes them',
  161: 'the server does not support subscription identifiers',
  162: 'the server does not support wildcards',
};

/** Why something failed, as the end of a sentence. @param reasonString what the server adds, if anything */
export function reasonText(code: number, reasonString?: string): string {
  const text = REASONS[code] ?? `reason ${hex(code)}`;
  const said = reasonString === undefined || reasonString === '' ? '' : ` (“${reasonString}”)`;
  return `${text}${said}`;
}

/** After these the same would happen again, or two clients would take a session from each other for ever. */
export function isFinal(code: number): boolean {
  return code === 142 || code === 152 || code === 138 || code === 135;
}

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0').toUpperCase()}`;
