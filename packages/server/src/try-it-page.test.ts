import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Browser, findChromium, startChromium } from './testing/chromium.ts';
import { lowContrast } from './testing/contrast.ts';
import { itNeeds } from './testing/peers.ts';
import { type RealNode, realNode } from './testing/real-node.ts';

const executable = findChromium();
const screenshots = mkdtempSync(join(tmpdir(), 'plexus-try-it-'));
const itInChromium = (name: string, test: (page: Page) => Promise<void>): void =>
  itNeeds('chromium', executable !== null, name, async () => {
    const page = await browser.context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    // A breach of the content security policy is told there too.
    page.on('console', (message) => {
      if (message.type() === 'error' && !/WebSocket connection to/.test(message.text())) faults.push(message.text());
    });
    try {
      await page.goto(pageUrl);
      await test(page);
      expect(faults).toEqual([]);
    } finally {
      await page.close();
    }
  });

/** What moved although nobody had just typed or clicked: https://web.dev/articles/cls. */
const LAYOUT_SHIFT = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    resolve(list.getEntries().reduce((sum, { value, hadRecentInput }) => sum + (hadRecentInput ? 0 : value), 0));
  }).observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => resolve(0), 200);
})`;

let node: RealNode;
let browser: Browser;
let pageUrl: string;

beforeAll(async () => {
  if (executable === null) return;
  node = await realNode();
  pageUrl = `http://127.0.0.1:${node.node.info.httpPort}/`;
  browser = await startChromium(executable);
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await node?.[Symbol.asyncDispose]();
});

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });
const messages = (page: Page) => page.getByRole('list', { name: /newest/ }).getByRole('listitem');

async function connect(page: Page): Promise<void> {
  await button(page, 'Connect').click();
  await page.getByText('Connected as').waitFor();
}

async function subscribe(page: Page, filter: string, qos: '0' | '1' | '2' = '0'): Promise<void> {
  await field(page, 'Topic filter').fill(filter);
  await page.getByLabel('QoS').first().selectOption(qos);
  await button(page, 'Subscribe').click();
  await page.getByRole('listitem').filter({ hasText: filter }).getByText(`QoS ${qos}`, { exact: true }).waitFor();
}

describe('the try-it page', () => {
  itInChromium('shows what it publishes to itself, over /mqtt', async (page) => {
    await connect(page);
    await subscribe(page, 'room/+', '1');
    await field(page, 'Topic').fill('room/1');
    await field(page, 'Payload').fill('{"id": 12345678901234567890, "open": true}');
    await page.getByLabel('QoS').last().selectOption('1');
    await button(page, 'Publish').click();
    await page.getByText('Acknowledged by the server.').waitFor();
    const message = messages(page).first();
    expect(await message.locator('.topic').textContent()).toBe('room/1');
    expect(await message.locator('pre').textContent()).toBe('{\n  "id": 12345678901234567890,\n  "open": true\n}');
    await field(page, 'Payload as').selectOption('hex');
    expect(await message.locator('pre').textContent()).toContain('00000000  7b 22 69 64');
  });

  itInChromium('shows what MQTT.js publishes over TCP, and tells MQTT.js what it publishes', async (page) => {
    const client = await mqtt.connectAsync(node.url, { protocolVersion: 5 });
    try {
      await connect(page);
      await subscribe(page, 'tcp/#', '2');
      await client.publishAsync('tcp/hello', 'from outside', { qos: 2 });
      await messages(page).filter({ hasText: 'from outside' }).waitFor();

      await client.subscribeAsync('page/#');
      const heard = new Promise<string>((resolve) => {
        client.once('message', (topic, payload) => resolve(`${topic} ${payload}`));
      });
      await field(page, 'Topic').fill('page/hello');
      await field(page, 'Payload').fill('from the page ✓');
      await button(page, 'Publish').click();
      expect(await heard).toBe('page/hello from the page ✓');
    } finally {
      await client.endAsync(true);
    }
  });

  itInChromium('keeps a session, and speaks 3.1.1', async (page) => {
    await page.getByText('Client id, credentials').click();
    await field(page, 'Client id').fill('kept-page');
    await field(page, 'MQTT version').selectOption('3.1.1');
    await field(page, 'Keep the session for an hour').check();
    await connect(page);
    await subscribe(page, 'kept', '1');
    await button(page, 'Disconnect').click();
    await button(page, 'Connect').waitFor();
    const client = await mqtt.connectAsync(node.url, { protocolVersion: 5 });
    await client.publishAsync('kept', 'while away', { qos: 1 });
    await client.endAsync();
    await connect(page);
    await page.getByText('Its session was still there.').waitFor();
    await messages(page).filter({ hasText: 'while away' }).waitFor();
  });

  itInChromium('works by keyboard alone', async (page) => {
    await field(page, 'Address').focus();
    await page.keyboard.press('Enter');
    await page.getByText('Connected as').waitFor();
    await field(page, 'Topic filter').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('listitem').filter({ hasText: 'demo/#' }).getByText('QoS 0', { exact: true }).waitFor();
    const visited: string[] = [];
    for (let press = 0; press < 12; press++) {
      await page.keyboard.press('Tab');
      visited.push(await page.evaluate('document.activeElement.textContent || document.activeElement.tagName'));
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline, visited.at(-1)).not.toBe('none');
    }
    expect(visited).toEqual(expect.arrayContaining(['Subscribe', 'Unsubscribe', 'Publish', 'Pause', 'Clear']));
    await button(page, 'Unsubscribe from demo/#').focus();
    await page.keyboard.press('Enter');
    await button(page, 'Unsubscribe from demo/#').waitFor({ state: 'detached' });
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe('Topic filters');
  });

  itInChromium('says in plain words what is wrong', async (page) => {
    const alert = page.getByRole('alert');
    await field(page, 'Address').fill('http://127.0.0.1/');
    await button(page, 'Connect').click();
    await alert.filter({ hasText: 'must begin with ws://' }).waitFor();
    await field(page, 'Address').fill('ws://127.0.0.1:1/mqtt');
    await button(page, 'Connect').click();
    await alert.filter({ hasText: 'Could not reach ws://127.0.0.1:1/mqtt' }).waitFor();
    await button(page, 'Publish').click();
    await page.getByText('Not connected: connect first.').waitFor();
    await field(page, 'Topic filter').fill('a/#/b');
    await button(page, 'Subscribe').click();
    await page.getByText('The topic filter has # other than as its whole last level.').waitFor();
  });

  itInChromium('connects and subscribes again after the node was away', async (page) => {
    const first = await realNode();
    const httpPort = String(first.node.info.httpPort);
    await field(page, 'Address').fill(`ws://127.0.0.1:${httpPort}/mqtt`);
    try {
      await connect(page);
      await subscribe(page, 'again', '1');
    } finally {
      await first[Symbol.asyncDispose]();
    }
    await page.getByRole('alert').filter({ hasText: 'The connection was lost' }).waitFor();
    await using second = await realNode({ httpPort });
    await page.getByText('Connected as').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'again' }).getByText('QoS 1', { exact: true }).waitFor();
    const client = await mqtt.connectAsync(second.url, { protocolVersion: 5 });
    await client.publishAsync('again', 'here again', { qos: 1 });
    await client.endAsync();
    await messages(page).filter({ hasText: 'here again' }).waitFor();
  });

  itInChromium('leaves its client id to another client that takes it', async (page) => {
    await page.getByText('Client id, credentials').click();
    await field(page, 'Client id').fill('wanted-by-two');
    await connect(page);
    const other = await mqtt.connectAsync(node.url, { protocolVersion: 5, clientId: 'wanted-by-two' });
    await page.getByRole('alert').filter({ hasText: 'another client connected with the same client id' }).waitFor();
    await button(page, 'Connect').waitFor();
    await other.endAsync();
  });

  itInChromium('stays usable under a flood, and shows at most 200 messages', async (page) => {
    await connect(page);
    await subscribe(page, 'flood/#');
    const client = await mqtt.connectAsync(node.url, { protocolVersion: 5 });
    await page.evaluate(`
      globalThis.longestGap = 0;
      let last = performance.now();
      const beat = (now) => { longestGap = Math.max(longestGap, now - last); last = now; requestAnimationFrame(beat); };
      requestAnimationFrame(beat);
    `);
    const total = 20_000;
    for (let sent = 0; sent < total; sent++) {
      client.publish(`flood/${sent % 7}`, `{"n": ${sent}}`);
      if (sent % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await page.getByText(`"n": ${total - 1}`).waitFor();
    expect(await messages(page).count()).toBe(200);
    const longestGapMs = Number(await page.evaluate('longestGap'));
    process.stdout.write(`longest time without a frame: ${Math.round(longestGapMs)} ms\n`);
    // A page that draws every message stands still for seconds.
    expect(longestGapMs).toBeLessThan(1000);

    const fromEnd = () =>
      page.evaluate(
        "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)(document.querySelector('.message-list'))",
      );
    await field(page, 'Order').selectOption('newest-last');
    await expect.poll(fromEnd).toBeLessThan(2);
    await client.publishAsync('flood/last', 'the last', { qos: 1 });
    await messages(page).last().getByText('the last').waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);

    await button(page, 'Pause').click();
    await client.publishAsync('flood/paused', 'unseen', { qos: 1 });
    await page.getByText('1 while paused').waitFor();
    expect(await page.getByText('unseen').count()).toBe(0);
    await button(page, 'Go on').click();
    await page.getByText('unseen').waitFor();
    await button(page, 'Clear').click();
    await page.getByText('0 received').waitFor();
    await client.endAsync();
  });

  for (const [name, width, height, colorScheme] of [
    ['wide-light', 1280, 860, 'light'],
    ['wide-dark', 1280, 860, 'dark'],
    ['phone-light', 390, 844, 'light'],
    ['phone-dark', 360, 740, 'dark'],
  ] as const) {
    itInChromium(`fits its window and can be read: ${name}`, async (page) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await connect(page);
      await subscribe(page, 'look/#');
      await field(page, 'Topic').fill('look/at/this');
      await button(page, 'Publish').click();
      await messages(page).first().waitFor();
      await page.getByText('Client id, credentials').click();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(await lowContrast(page)).toEqual([]);
      expect(await page.evaluate(LAYOUT_SHIFT)).toBeLessThan(0.02);
      const path = join(screenshots, `${name}.png`);
      await page.evaluate('scrollTo(0, 0)');
      await page.screenshot({ path, fullPage: true });
      process.stdout.write(`screenshot: ${path}\n`);
    });
  }
});
