import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canRun } from './peers.ts';

export const hasOpenssl = canRun('openssl', 'version');

export interface Issued {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of its own in a directory that goes with it, made as docs/listeners.md says. Needs `openssl`. */
export class TestAuthority implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'plexus-tls-'));
  readonly cert: string;
  readonly #key: string;
  #issued = 0;

  constructor(name = 'Test CA') {
    this.cert = join(this.directory, 'ca.pem');
    this.#key = join(this.directory, 'ca.key');
    openssl('req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.cert, '-days', '2', '-subj', `/CN=${name}`);
  }

  /** The certificate of the authority, as text. */
  get pem(): string {
    return readFileSync(this.cert, 'utf8');
  }

  /** @param names DNS names and IP addresses, as openssl writes them */
  issue(commonName: string, names = 'DNS:localhost,IP:127.0.0.1'): Issued {
    const base = join(this.directory, `${++this.#issued}`);
    const [cert, key, request] = [`${base}.pem`, `${base}.key`, `${base}.csr`];
    openssl(
      'req',
      ...NEW_KEY,
      '-keyout',
      key,
      '-out',
      request,
      '-subj',
      `/CN=${commonName}`,
      '-addext',
      `subjectAltName=${names}`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.cert,
      '-CAkey',
      this.#key,
      '-days',
      '2',
      '-copy_extensions',
      'copy',
      '-out',
      cert,
    );
    return { cert, key };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
