import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pageRoutes } from './pages.ts';

let directory: string;
let app: FastifyInstance;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plexus-pages-'));
  app = Fastify();
  await app.register(pageRoutes(directory));
});

afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

function build(script = 'export {};'): void {
  mkdirSync(join(directory, 'assets'), { recursive: true });
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
  writeFileSync(join(directory, 'assets/index-1a2b.js'), script);
  writeFileSync(join(directory, 'assets/notes.txt'), 'not for serving');
}

describe('the pages', () => {
  it('say in plain text what to run while they are not built, and are there once they are', async () => {
    const before = await app.inject('/');
    expect(before.statusCode).toBe(503);
    expect(before.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(before.body).toContain('npm start');
    build();
    const after = await app.inject('/');
    expect([after.statusCode, after.body]).toEqual([200, '<!doctype html>']);
  });

  it('allow scripts of this node only, no framing, and no guessing of types', async () => {
    build();
    for (const url of ['/', '/assets/index-1a2b.js']) {
      const { headers } = await app.inject(url);
      const policy = headers['content-security-policy'];
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it('are asked for each time, and what they load is kept for ever', async () => {
    build();
    expect((await app.inject('/')).headers['cache-control']).toBe('no-cache');
    const script = await app.inject('/assets/index-1a2b.js');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
  });

  it('are compressed for who takes gzip, and for nobody else', async () => {
    const text = 'export {};\n'.repeat(500);
    build(text);
    const get = (encoding: string) =>
      app.inject({ url: '/assets/index-1a2b.js', headers: { 'accept-encoding': encoding } });
    const zipped = await get('br, gzip;q=0.5');
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.rawPayload.length).toBeLessThan(text.length / 10);
    expect(gunzipSync(zipped.rawPayload).toString()).toBe(text);
    for (const encoding of ['br', 'gzip;q=0', '']) expect((await get(encoding)).body).toBe(text);
  });

  it('serve nothing but what was built', async () => {
    build();
    writeFileSync(join(directory, 'secret.js'), '');
    for (const name of ['none.js', 'notes.txt', '..%2fsecret.js', '%2e%2e%2fsecret.js', '__proto__']) {
      expect((await app.inject(`/assets/${name}`)).statusCode).not.toBe(200);
    }
  });
});
