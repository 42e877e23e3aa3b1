/** What works on files alone, without a node: it loads in a fraction of the time. */
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
export { loadIdentity } from './peer/identity.ts';
