export {
  changeAuthorityFile,
  createAuthorityFile,
  MAX_AUTHORITY_FILE_BYTES,
} from './auth/federation/authority-file.ts';
export { isName } from './auth/federation/claim-shape.ts';
export {
  type AuthorityFacts,
  type DocumentFacts,
  describeDocument,
  type RevocationsFacts,
  type TokenFacts,
} from './auth/federation/describe-document.ts';
export { DEFAULT_EPOCH_MS, DEFAULT_OVERLAP_MS } from './auth/federation/epochs.ts';
export { RealmAuthority, RealmError, type Revocation } from './auth/federation/realm-authority.ts';
export { revocationsDocument, tokenDocument } from './auth/federation/realm-documents.ts';
export { readSmallFile, replaceWhole } from './auth/federation/realm-files.ts';
export { DEFAULT_REVOCATIONS_AGE_MS } from './auth/federation/revocation-list.ts';
export { MAX_RIGHT_FILTERS, rightProblem } from './auth/federation/rights.ts';
export { NEW_SECRET_BYTES, newSecret } from './cluster/secret.ts';
export { loadConfig } from './config/load.ts';
export { envOf, flagOf } from './config/option.ts';
export { type Config, OPTIONS, type OptionKey } from './config.ts';
export { verifyStoreFile } from './gateway/verify-store-file.ts';
export type { NodeInfo } from './lib/data-dir.ts';
export { createLogger, flushLog, type Logger } from './lib/log.ts';
export { hashPassword, verifyPassword } from './lib/password.ts';
export { type PlexusNode, startNode } from './node.ts';
export { loadIdentity } from './peer/identity.ts';
export type * from './store/append.ts';
export type { NewEvent, StoredEvent } from './store/event.ts';
export type * from './store/operations.ts';
export { decodePage } from './store/page.ts';
export type * from './store/query.ts';
export type * from './store/reads.ts';
export type * from './store/selector.ts';
export type * from './store/store.ts';
export type * from './store/subscription.ts';
