import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes a self-signed certificate for loopback (ECDSA P-256) in `directory`; needs the `openssl` command. */
export async function makeCertificate(directory: string): Promise<Certificate> {
  const certFile = join(directory, 'tls-cert.pem');
  const keyFile = join(directory, 'tls-key.pem');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, '-out', certFile]);
  return { certFile, keyFile };
}
