import { asTable, fromBase64Url, isCount, parseTable, toBase64Url } from './claim-shape.ts';
import { SECRET_BYTES } from './epochs.ts';
import type { EpochSecret } from './federated-realm.ts';

/** The files of a realm, each a table in JSON that says what it is. */
export const AUTHORITY_KIND = 'plexus realm authority';
export const TOKEN_KIND = 'plexus realm token';
export const REVOCATIONS_KIND = 'plexus realm revocations';

/** Twice what a token of the largest size and its secrets take. */
export const MAX_TOKEN_FILE_BYTES = 16 * 1024;
/** More than the longest list takes in base64. */
export const MAX_REVOCATIONS_FILE_BYTES = 96 * 1024;
/** An overlap on either side of an epoch. */
const MAX_TOKEN_SECRETS = 3;

/** Both halves of a token, as a node has them. */
export interface TokenDocument {
  /** The half that travels. */
  readonly bytes: Uint8Array;
  readonly secrets: readonly EpochSecret[];
}

export function tokenDocument({ bytes, secrets }: TokenDocument): string {
  const written = secrets.map(({ epoch, secret }) => ({ epoch, secret: toBase64Url(secret) }));
  return writeDocument(TOKEN_KIND, { token: toBase64Url(bytes), secrets: written });
}

/** @returns null: malformed */
export function readTokenDocument(text: string): TokenDocument | null {
  const table = parseTable(text);
  const bytes = table?.kind === TOKEN_KIND ? fromBase64Url(table.token) : null;
  if (bytes === null || !Array.isArray(table!.secrets) || table!.secrets.length > MAX_TOKEN_SECRETS) return null;
  const secrets: EpochSecret[] = [];
  for (const entry of table!.secrets) {
    const { epoch, secret: written } = asTable(entry) ?? {};
    const secret = fromBase64Url(written);
    if (!isCount(epoch) || secret?.length !== SECRET_BYTES) return null;
    secrets.push({ epoch, secret });
  }
  return { bytes, secrets };
}

export function revocationsDocument(bytes: Uint8Array): string {
  return writeDocument(REVOCATIONS_KIND, { list: toBase64Url(bytes) });
}

/** @returns the list as it travels; null: malformed */
export function readRevocationsDocument(text: string): Uint8Array | null {
  const table = parseTable(text);
  return table?.kind === REVOCATIONS_KIND ? fromBase64Url(table.list) : null;
}

export function writeDocument(kind: string, content: object): string {
  return `${JSON.stringify({ kind, ...content }, null, 2)}\n`;
}
