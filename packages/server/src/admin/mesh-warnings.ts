import type { RealmProblem } from '../auth/federation/kept-realm.ts';
import type { MeshHealth } from '../mesh/status.ts';
import type { Warning } from './schemas.ts';

/** What ends is told of when a tenth of its time is left, but never earlier than this. */
const MOST_NOTICE_MS = 24 * 60 * 60 * 1000;
const NOTICE_PART = 0.1;

/** What an operator should look at, and soon. Clients are served all the same. */
export function meshWarnings({ outOfReach, realms }: MeshHealth, nowMs: number): Warning[] {
  const warnings: Warning[] = [];
  if (outOfReach) {
    const message = 'nobody of the directory of the mesh answers: new subscribers are not found';
    warnings.push({ code: 'mesh_directory_unreachable', realm: null, message });
  }
  for (const realm of realms) warnings.push(...realmWarnings(realm, nowMs));
  return warnings;
}

function realmWarnings(
  { realm, problem, issuedAtMs, notAfterMs, revocations }: RealmProblem,
  nowMs: number,
): Warning[] {
  if (problem === 'revocations_stale') {
    const message = `the list of revocations of realm ${realm} is past its age: no token of it is accepted`;
    return [{ code: 'realm_revocations_stale', realm, message }];
  }
  if (problem !== null) {
    const message = `there is no token of realm ${realm} that holds: ${problem}`;
    return [{ code: 'realm_token_missing', realm, message }];
  }
  const warnings: Warning[] = [];
  if (issuedAtMs !== null && notAfterMs !== null && endsSoon({ issuedAtMs, notAfterMs }, nowMs)) {
    const message = `the token of realm ${realm} ends at ${new Date(notAfterMs).toISOString()}`;
    warnings.push({ code: 'realm_token_expires_soon', realm, message });
  }
  if (revocations !== null && endsSoon(revocations, nowMs)) {
    const message = `the list of revocations of realm ${realm} ends at ${new Date(revocations.notAfterMs).toISOString()}`;
    warnings.push({ code: 'realm_revocations_stale_soon', realm, message });
  }
  return warnings;
}

function endsSoon({ issuedAtMs, notAfterMs }: { issuedAtMs: number; notAfterMs: number }, nowMs: number): boolean {
  return notAfterMs - nowMs < Math.min((notAfterMs - issuedAtMs) * NOTICE_PART, MOST_NOTICE_MS);
}
