/**
 * The page in Chromium: what is loaded, how long until the picture is there, how smoothly it moves with 100 nodes and 3,000
 * pods while packets go through it, and how long from asking for a packet to its row. Browser, server and the
 * cluster's thread share the machine; there is no graphics card, so all is drawn by the processor.
 */

import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { serve } from '../src/server/index.js';

const CHROMIUM = process.env['PODWIRE_CHROMIUM'] ?? '/usr/bin/chromium';
const NODES = 100;
const PODS_OF_NODE = 30;
const RACKS = 5;
const SECONDS = 5;
const LATENCIES = 300;
const PAIRS = 12;

const report = (what: string, value: string): void => console.log(`${what.padEnd(64)} ${value}`);

/** Octets as they go over the wire: what `index.html` names, compressed. */
function weigh(): void {
  const html = readFileSync('dist/web/index.html', 'utf8');
  const assets = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path = '']) => path);
  const octets = assets.map((path) => readFileSync(`dist/web/${path}.br`).length);
  const total = octets.reduce((sum, one) => sum + one, html.length);
  report('page weight, compressed, without editor and terminal', `${(total / 1000).toFixed(0)} kB`);
}

/** Racks of nodes with pods, as manifests. */
function largeCluster(): string {
  const documents: string[] = [
    'apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pool}\nspec: {cidr: 10.64.0.0/12, blockSize: 26, vxlanMode: CrossSubnet, ipipMode: Never, natOutgoing: true}',
  ];
  const subnets = Array.from(
    { length: RACKS },
    (_, rack) => `    - {name: rack-${rack}, cidr: 172.18.${rack}.0/24, gateway: 172.18.${rack}.1}`,
  );
  const interfaces = Array.from(
    { length: RACKS },
    (_, rack) => `        - {subnet: rack-${rack}, address: 172.18.${rack}.1}`,
  );
  documents.push(
    `apiVersion: podwire.dev/v1alpha1\nkind: PhysicalNetwork\nmetadata: {name: racks}\nspec:\n  subnets:\n${subnets.join('\n')}\n  routers:\n    - name: spine\n      interfaces:\n${interfaces.join('\n')}`,
  );
  for (let i = 0; i < NODES; i++) {
    const address = `172.18.${i % RACKS}.${10 + Math.floor(i / RACKS)}`;
    documents.push(
      `apiVersion: v1\nkind: Node\nmetadata: {name: node${i}, annotations: {projectcalico.org/IPv4Address: ${address}/24}}\nstatus: {addresses: [{type: InternalIP, address: ${address}}]}`,
    );
    for (let j = 0; j < PODS_OF_NODE; j++)
      documents.push(
        `apiVersion: v1\nkind: Pod\nmetadata: {name: pod-${i}-${j}, namespace: shop, labels: {app: a${j}}}\nspec: {nodeName: node${i}, containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}`,
      );
  }
  return documents.join('\n---\n');
}

const demo = ['cluster', 'network'].map((name) => {
  const file = `topologies/two-nodes-vxlan/${name}.yaml`;
  return { file, text: readFileSync(file, 'utf8') };
});
const server = await serve({
  port: 0,
  logLevel: 'silent',
  workerUrl: pathToFileURL('dist/server/worker.js'),
  pageFolder: pathToFileURL(`${process.cwd()}/dist/web/`),
  clusters: [
    { name: 'demo', sources: demo },
    { name: 'large', sources: [{ file: 'large.yaml', text: largeCluster() }] },
  ],
});

async function trace(cluster: string, from: string, to: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ from, to });
  const response = await fetch(`${server.url}/api/v1/clusters/${cluster}/traces`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(await response.text());
  await response.arrayBuffer();
}

const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;

async function firstPicture(page: Page, cluster: string): Promise<number> {
  await page.goto(`${server.url}/#/${cluster}`);
  const script = `new Promise((done) => { const look = () => { const [mark] = performance.getEntriesByName('first picture'); if (mark) done(mark.startTime); else requestAnimationFrame(look); }; look(); })`;
  return (await page.evaluate(script)) as number;
}

/** Intervals between the browser's frames, in ms. */
const FRAMES = `new Promise((done) => { const all = []; let last = performance.now(); const end = last + ${SECONDS * 1000}; const frame = (now) => { all.push(now - last); last = now; if (now < end) requestAnimationFrame(frame); else done(all.slice(1)); }; requestAnimationFrame(frame); })`;

async function frameRate(page: Page, what: string): Promise<void> {
  const intervals = (await page.evaluate(FRAMES)) as number[];
  const mean = intervals.reduce((sum, one) => sum + one, 0) / intervals.length;
  report(
    `frames a second, ${what}`,
    `${(1000 / mean).toFixed(0)} (p99 of an interval ${quantile(intervals, 0.99).toFixed(0)} ms)`,
  );
}

/** Ends of a connection between two nodes. */
const pair = (i: number): [from: string, to: string] => [
  `pod/shop/pod-${i * 7}-0`,
  `pod/shop/pod-${(i * 13 + 1) % NODES}-1:80`,
];

/** Traces one after the other, with a pause, until told to end. */
function traffic(cluster: string, pauseMs: number): () => Promise<void> {
  const ending = new AbortController();
  let i = 0;
  const done = (async () => {
    while (!ending.signal.aborted) {
      i += 1;
      await trace(cluster, ...pair(i % PAIRS));
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs);
      });
    }
  })();
  return async () => {
    ending.abort();
    await done;
  };
}

/** When a row that was not there before is in the document. */
const NEXT_ROW = `(() => { const seen = new Set([...document.querySelectorAll('.packet-row')].map((row) => row.dataset.seq)); window.nextRow = new Promise((done) => { const watcher = new MutationObserver(() => { const found = [...document.querySelectorAll('.packet-row')].some((row) => !seen.has(row.dataset.seq)); if (!found) return; watcher.disconnect(); done(performance.timeOrigin + performance.now()); }); watcher.observe(document.querySelector('.rows'), { childList: true, subtree: true, attributes: true, attributeFilter: ['data-seq'] }); }); })()`;

async function latencies(page: Page): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < LATENCIES; i++) {
    await page.evaluate(NEXT_ROW);
    const asked = performance.timeOrigin + performance.now();
    await trace('demo', 'pod/default/client', 'pod/default/web:80');
    const shown: number = await page.evaluate('window.nextRow');
    found.push(shown - asked);
  }
  return found;
}

if (existsSync(CHROMIUM)) {
  weigh();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--disable-gpu', '--no-sandbox'] });
  const open = (): Promise<Page> => browser.newPage({ viewport: { width: 1920, height: 1080 } });
  const first: Record<string, number[]> = { demo: [], large: [] };
  for (let i = 0; i < 5; i++) {
    for (const [cluster, times] of Object.entries(first)) {
      const page = await open();
      times.push(await firstPicture(page, cluster));
      await page.close();
    }
  }
  for (const [cluster, times] of Object.entries(first))
    report(`first picture, ${cluster}, median of 5`, `${quantile(times, 0.5).toFixed(0)} ms`);

  const page = await open();
  await firstPicture(page, 'large');
  await frameRate(page, '100 nodes and 3,000 pods at rest');
  // Machines are built when a packet first comes to them: that is not what is measured here.
  for (let i = 0; i < PAIRS; i++) await trace('large', ...pair(i));
  const end = traffic('large', 20);
  await frameRate(page, 'the same with packets on their way');
  const zooming = (async () => {
    await page.mouse.move(700, 400);
    for (let i = 0; i < 60; i++) await page.mouse.wheel(0, i % 20 < 10 ? -120 : 120);
  })();
  await frameRate(page, 'the same while it is zoomed');
  await zooming;
  await end();
  report('packets listed meanwhile', await page.locator('.counts').innerText());
  await page.close();

  const rows = await open();
  await firstPicture(rows, 'demo');
  const times = await latencies(rows);
  report(
    'from the request for a packet to its row, median / p99',
    `${quantile(times, 0.5).toFixed(0)} / ${quantile(times, 0.99).toFixed(0)} ms`,
  );
  await browser.close();
} else console.log(`${CHROMIUM} is not installed: the page is not measured`);
await server.close();
