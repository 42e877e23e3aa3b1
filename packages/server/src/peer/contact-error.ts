import { PlexusError } from '@plexus/protocol';
import type { PeerTarget } from './channel.ts';
import type { ContactFailure } from './contact.ts';

/** What a caller who asked for a link gets instead. */
export function contactError({ code, reason }: ContactFailure, { peerId, addresses }: PeerTarget): PlexusError {
  if (code === 'shutting_down') return new PlexusError(code);
  if (code === 'quota_exceeded') return new PlexusError(code, { limit: 'maxDials' });
  // It is there, and will not have us, or we it: to the caller that is the same as not being there.
  if (code === 'peer_not_admitted') return new PlexusError('peer_unreachable', { peerId, addresses, reason });
  return new PlexusError(code, { peerId, addresses });
}
