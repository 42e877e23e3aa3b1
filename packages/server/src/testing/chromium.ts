import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { canRun } from './peers.ts';

const NAMES = ['/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome'];

/** Nothing that the machine's network or graphics could answer differently. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const findChromium = (): string | null => NAMES.find((name) => canRun(name, '--version')) ?? null;

export interface Browser extends AsyncDisposable {
  readonly context: BrowserContext;
}

/** The system's Chromium, with a profile that goes with it. */
export async function startChromium(executablePath: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'plexus-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ARGS, headless: true });
  return {
    context,
    async [Symbol.asyncDispose]() {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
