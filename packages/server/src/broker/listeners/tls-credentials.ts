import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import tls from 'node:tls';
import { PlexusError } from '@plexus/protocol';
import type { Clock, Timer } from '../../lib/clock.ts';

/** How often the files are looked at: a renewed certificate is in use within this time. */
export const TLS_POLL_MS = 3000;

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificate, and after it those between it and the root. */
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Authorities for client certificates; null: clients show none. */
  readonly tlsCa: string | null;
}

export interface TlsLog {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

type Loaded = tls.SecureContextOptions & { readonly sessionIdContext: string };

/** Certificate, key and authorities of a node, from files that may change while it runs. */
export class TlsCredentials {
  readonly #files: TlsFiles;
  readonly #listeners = new Set<(options: tls.SecureContextOptions) => void>();
  #options: Loaded;
  /** What the files looked like when they were last read, whether that went well or not. */
  #seen: string;

  /** @throws {PlexusError} config_invalid, naming the option whose file is missing or wrong */
  constructor(files: TlsFiles) {
    this.#files = files;
    // Before reading: what changes meanwhile is seen at the next poll.
    this.#seen = looksOf(files);
    this.#options = load(files);
  }

  /** For a secure context. */
  get options(): tls.SecureContextOptions {
    return this.#options;
  }

  /** For a server: with authorities, a client without a certificate of theirs is refused in the handshake. */
  get clientCheck(): { requestCert: boolean; rejectUnauthorized: boolean } {
    const check = this.#files.tlsCa !== null;
    return { requestCert: check, rejectUnauthorized: check };
  }

  /** @returns a function that ends it */
  onChange(listener: (options: tls.SecureContextOptions) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Looks at the files from now on, and takes them over when they changed and are sound; else the old ones stay. Polling
   * sees every way in which a file is replaced: written over, renamed onto, or behind a link.
   */
  watch(clock: Pick<Clock, 'setInterval'>, log: TlsLog): Timer {
    return clock.setInterval(() => this.poll(log), TLS_POLL_MS);
  }

  poll(log: TlsLog): void {
    const looks = looksOf(this.#files);
    if (looks === this.#seen) return;
    this.#seen = looks;
    try {
      this.#options = load(this.#files);
    } catch (error) {
      log.error({ event: 'tls_reload_failed', err: error }, 'changed TLS files are not used; the old ones stay');
      return;
    }
    for (const listener of this.#listeners) listener(this.#options);
    const { subject, validTo } = new X509Certificate(this.#options.cert as Buffer);
    log.info({ event: 'tls_reloaded', subject, validTo }, 'TLS certificate reloaded');
  }
}

/** Tells files apart by what a change of any kind changes. */
function looksOf({ tlsCert, tlsKey, tlsCa }: TlsFiles): string {
  return [tlsCert, tlsKey, tlsCa]
    .map((path) => {
      const stat = path === null ? undefined : statSync(path, { bigint: true, throwIfNoEntry: false });
      return stat === undefined ? 'none' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    })
    .join('|');
}

function load({ tlsCert, tlsKey, tlsCa }: TlsFiles): Loaded {
  const cert = read('tlsCert', tlsCert);
  const key = read('tlsKey', tlsKey);
  const ca = tlsCa === null ? null : read('tlsCa', tlsCa);
  const certificate = parse('tlsCert', tlsCert, 'a certificate in PEM', () => new X509Certificate(cert));
  const privateKey = parse<KeyObject>('tlsKey', tlsKey, 'a private key in PEM, not encrypted', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid('tlsKey', tlsKey, `the key of the certificate in tlsCert (${tlsCert})`);
  }
  if (ca !== null) parse('tlsCa', tlsCa!, 'certificates in PEM', () => new X509Certificate(ca));
  const options: Loaded = {
    cert,
    key,
    ...(ca !== null && { ca }),
    minVersion: 'TLSv1.2',
    // A session that was begun under other authorities must not be resumed under these.
    sessionIdContext: createHash('sha256')
      .update(ca ?? '')
      .digest('hex')
      .slice(0, 32),
  };
  // Whatever is wrong beyond that, such as a broken certificate further down the chain or a key that OpenSSL deems too short.
  parse('tlsCert', tlsCert, 'a certificate chain that OpenSSL takes', () => tls.createSecureContext(options));
  return options;
}

function read(option: string, path: string): Buffer {
  return parse(option, path, 'a file that can be read', () => readFileSync(path));
}

function parse<T>(option: string, path: string, allowed: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw invalid(option, path, `${allowed} (${(error as Error).message})`, error);
  }
}

function invalid(key: string, path: string, allowed: string, cause?: unknown): PlexusError {
  return new PlexusError('config_invalid', { source: 'TLS', key, given: JSON.stringify(path), allowed }, { cause });
}
