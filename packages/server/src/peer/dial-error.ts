import { PlexusError } from '@plexus/protocol';
import type { DialCode } from './channel.ts';

/** What libp2p calls it when a node has dialled itself. */
const SELF = 'InvalidPeerIdError';

/** What came of one address. */
export interface DialFailure {
  readonly address: string;
  readonly code: DialCode;
  readonly reason: string;
  /** Who answered instead; null: not known, or nobody did. */
  readonly found: string | null;
  readonly cause: unknown;
}

/** Errors come from libp2p, its QUIC library and the system; they have names or codes, but no common class. */
export function dialFailure(address: string, error: unknown): DialFailure {
  const reason = error instanceof Error ? error.message : String(error);
  return { address, code: codeOf(error), reason, found: null, cause: error };
}

function codeOf(error: unknown): DialCode {
  const { name, code } = Object(error) as { name?: string; code?: string };
  if (code === 'ECONNREFUSED') return 'peer_refused';
  if (name === 'UnsupportedProtocolError') return 'peer_unsupported';
  if (name === SELF) return 'peer_identity';
  return 'peer_unreachable';
}

/** Whether somebody accepted the connection, and then broke it off. libp2p makes that, too, a failure to encrypt. */
export function brokeOff({ cause }: DialFailure): boolean {
  const { name, code } = Object(cause) as { name?: string; code?: string };
  return code === 'ECONNRESET' || name === 'EncryptionFailedError';
}

/**
 * One error for all addresses: `peer_refused` if the peer listens at none of them, which also holds where somebody else answers at some;
 * `peer_identity` if only others answer, or may.
 */
export function dialError(peerId: string | null, failures: readonly DialFailure[]): PlexusError {
  const first = (wanted: DialCode): DialFailure | undefined => failures.find(({ code }) => code === wanted);
  const unreachable = first('peer_unreachable');
  const gone = unreachable === undefined ? first('peer_refused') : undefined;
  const telling = gone ?? first('peer_identity') ?? unreachable ?? failures[0];
  const details = {
    peerId,
    addresses: failures.map(({ address }) => address),
    reason: telling?.reason ?? 'none of its addresses can be used',
    found: telling?.found ?? null,
  };
  return new PlexusError(telling?.code ?? 'peer_unreachable', details, { cause: telling?.cause });
}
