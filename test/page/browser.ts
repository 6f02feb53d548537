/** The page in a real browser: Debian's Chromium, driven by playwright-core, against a server of its own. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';
import type { RunningServer, ServeOptions } from '../../src/server/index.js';
import { type Asked, running } from '../server/running.js';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CHROMIUM = process.env['PODWIRE_CHROMIUM'] ?? CANDIDATES.find((path) => existsSync(path));
/** Pictures of the last run, to be looked at; not in git. */
const SCREENSHOTS = 'build/page';
/** The machine may be busy: what comes at all comes by then. */
const WAIT_MS = 60_000;
const POLL_MS = 50;

/** Why there is no browser to test with, or false. */
export const NO_BROWSER = CHROMIUM === undefined ? 'chromium is not installed' : false;

/** Builds the page where it is not as its sources are. */
export function buildPage(): URL {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-page.mjs'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the page cannot be built: ${stderr}`);
  return pathToFileURL(`${process.cwd()}/dist/web/`);
}

/** Root may not use Chromium's sandbox. */
const asRoot = (): boolean => process.getuid?.() === 0;

export const launch = (): Promise<Browser> =>
  chromium.launch({
    ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
    args: ['--disable-gpu', ...(asRoot() ? ['--no-sandbox'] : [])],
    timeout: WAIT_MS,
  });

/** What is read, once it is as it should be: by the websocket, a frame or a render that is a moment later. Else what was read last. */
export async function eventually<T>(
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
  waitMs = WAIT_MS,
): Promise<T> {
  const end = performance.now() + waitMs;
  for (;;) {
    try {
      const value = await read();
      if (isRight(value) || performance.now() > end) return value;
    } catch (error) {
      // What it is about may not be there yet.
      if (performance.now() > end) throw error;
    }
    await delay(POLL_MS);
  }
}

export async function comesToEqual<T>(
  t: Test,
  read: () => Promise<T>,
  wanted: T,
  what = 'comes to be so',
): Promise<void> {
  t.strictSame(await eventually(read, (value) => isDeepStrictEqual(value, wanted)), wanted, what);
}

export async function comesToMatch(
  t: Test,
  read: () => Promise<string>,
  wanted: RegExp,
  what = 'comes to be so',
): Promise<void> {
  t.match(await eventually(read, (text) => wanted.test(text)), wanted, what);
}

/** Whether an expression comes to be true in the page; evaluated past its policy, which lets no script in. */
export const becomes = (page: Page, expression: string): Promise<boolean> =>
  eventually(
    async () => (await page.evaluate(expression)) === true,
    (is) => is,
  );

/** The form suggests a connection: a ping comes first, until the port is known. */
export const suggested = (page: Page): Promise<boolean> =>
  becomes(page, `[...document.querySelectorAll('.sender input')].some(({ value }) => /^pod\\/.*:\\d+$/.test(value))`);

/** The page has drawn what it knows. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

export interface Opened extends Asked {
  readonly page: Page;
  /** What the browser complained of: errors of the console, exceptions, and requests that left the machine. */
  readonly complaints: string[];
  /** A picture of the page as it is, by that name. */
  shoot(name: string): Promise<void>;
}

/** A page that is open at the server's root, with `hash`. Ends with the test. */
export async function openPage(
  t: Test,
  browser: Browser,
  given: {
    readonly server: RunningServer;
    readonly ask: Asked['ask'];
    readonly hash?: string;
    readonly context?: BrowserContextOptions;
    /** Done before anything is loaded. */
    readonly prepare?: (page: Page) => Promise<unknown>;
  },
): Promise<Opened> {
  const { server, ask, hash = '', context: options = {}, prepare } = given;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  t.teardown(async () => {
    // What a test holds back ends with it.
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  });
  page.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !/^(?:data|blob):/.test(request.url())) complaints.push(request.url());
  });
  mkdirSync(SCREENSHOTS, { recursive: true });
  await prepare?.(page);
  await page.goto(`${server.url}/${hash}`);
  return {
    server,
    ask,
    page,
    complaints,
    shoot: async (name) => {
      await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
    },
  };
}

/** A server with the page, and the page of one of its clusters. */
export async function openCluster(
  t: Test,
  browser: Browser,
  {
    pageFolder,
    name,
    clusters,
    context,
  }: ServeOptions & { readonly name: string; readonly context?: BrowserContextOptions },
): Promise<Opened> {
  const { server, ask } = await running(t, {
    ...(pageFolder === undefined ? {} : { pageFolder }),
    ...(clusters === undefined ? {} : { clusters }),
  });
  const opened = await openPage(t, browser, {
    server,
    ask,
    hash: `#/${name}`,
    ...(context === undefined ? {} : { context }),
  });
  await opened.page.getByText('Live', { exact: true }).waitFor();
  return opened;
}
