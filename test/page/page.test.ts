import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { dissect, LINKTYPE, readPcapng, toHex } from '../../src/packet/index.js';
import { type RunningServer, serve } from '../../src/server/index.js';
import { secondsText } from '../../web/src/time.js';
import { cluster, DENY_WEB, running, WORKER, YAML } from '../server/running.js';
import {
  becomes,
  buildPage,
  comesToEqual,
  comesToMatch,
  drawn,
  eventually,
  launch,
  NO_BROWSER,
  openCluster,
  openPage,
  suggested,
} from './browser.js';

const VXLAN = 'two-nodes-vxlan';
const POLICIES = `/clusters/${VXLAN}/objects/networking.k8s.io/NetworkPolicy`;
const FROM = 'pod/default/client';
const TO = 'pod/default/web:80';

const sendButton = (page: Page) => page.getByRole('button', { name: 'Send', exact: true });
const verdict = (page: Page, name: string) => page.locator(`.answer[data-verdict="${name}"]`);
const rows = (page: Page) => page.locator('.packet-row');
const field = (page: Page, label: string) => page.getByLabel(label, { exact: true });

async function send(page: Page, from = FROM, to = TO): Promise<void> {
  await field(page, 'From').fill(from);
  await field(page, 'To').fill(to);
  await page.getByRole('radio', { name: 'TCP' }).click();
  await sendButton(page).click();
}

/** Waits until the list has that many packets. */
async function listed(page: Page, count: number): Promise<void> {
  const rowCount = async (): Promise<number> => Number(await page.getByRole('grid').getAttribute('aria-rowcount')) - 1;
  await eventually(rowCount, (now) => now >= count);
}

/** Octets that the open packet shows. */
const shownBytes = async (page: Page): Promise<string> =>
  (await page.locator('.tool .hex .octets').allInnerTexts()).join('').replaceAll(/\s/g, '');

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** WCAG 2.1 A and AA, as axe sees them. Evaluated past the page's policy, which lets no script in. */
async function accessible(t: Test, page: Page, what: string): Promise<void> {
  await page.evaluate(axe.source);
  const run = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })`;
  const { violations } = (await page.evaluate(run)) as AxeResult;
  const found = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes
        .map(({ html }) => html)
        .join(' ')
        .slice(0, 400)}`,
  );
  t.strictSame(found, [], `${what}: nothing that keeps people out`);
}

t.test('the page in Chromium', { skip: NO_BROWSER }, async (t) => {
  const pageFolder = buildPage();
  const browser: Browser = await launch();
  t.teardown(() => browser.close());
  const demo = { pageFolder, name: VXLAN, clusters: [cluster(VXLAN)] };

  await t.test('without a cluster it offers those that come with podwire, and loads one', async (t) => {
    const { server, ask } = await running(t, { pageFolder });
    const { page, complaints, shoot } = await openPage(t, browser, { server, ask });
    await page.getByText('Two nodes, VXLAN').waitFor();
    await accessible(t, page, 'the empty page');
    await shoot('empty');
    await page.getByText('Two nodes, VXLAN').click();
    await page.getByText('Live', { exact: true }).waitFor();
    t.match(page.url(), new RegExp(`#/${VXLAN}$`), 'a link to the cluster');
    await comesToMatch(t, async () => (await page.getByRole('img').getAttribute('aria-label')) ?? '', /2 pods/);
    t.equal((await ask('GET', '/clusters')).json.total, 1);
    t.strictSame(complaints, []);
  });

  await t.test('files of the user are loaded, and mistakes in them are told with their line', async (t) => {
    const { server, ask } = await running(t, { pageFolder });
    const { page } = await openPage(t, browser, { server, ask });
    const upload = page.locator('input[type=file]');
    await upload.setInputFiles({
      name: 'broken.yaml',
      mimeType: 'text/yaml',
      buffer: Buffer.from('kind: Pod\nmetadata: ['),
    });
    await page
      .getByRole('alert')
      .getByText(/broken\.yaml:2/)
      .waitFor();
    const [first] = cluster(VXLAN).sources;
    const files = cluster(VXLAN).sources.map(({ file, text }) => ({
      name: file.split('/').at(-1) ?? '',
      mimeType: 'text/yaml',
      buffer: Buffer.from(text),
    }));
    t.ok(first);
    await upload.setInputFiles(files);
    await page.getByText('Live', { exact: true }).waitFor();
    t.equal((await ask('GET', '/clusters')).json.items[0].pods, 2);
  });

  await t.test(
    'a packet is sent, answered in plain words, and listed; its bytes are those of the capture',
    async (t) => {
      const { page, ask, complaints, shoot } = await openCluster(t, browser, demo);
      await send(page);
      await verdict(page, 'answered').waitFor();
      await page.locator('.answer').getByText('pod/default/web answers on tcp port 80.').waitFor();
      await rows(page).filter({ hasText: 'VXLAN/TCP' }).first().waitFor();
      await shoot('sent');

      const [{ id }] = (await ask('GET', `/clusters/${VXLAN}/traces`)).json.items;
      const pcapng = readPcapng((await ask('GET', `/clusters/${VXLAN}/traces/${id}?format=pcapng`)).bytes);
      if ('error' in pcapng) throw new Error('no capture');
      const { interfaces, packets } = pcapng.capture;
      const captured = new Set(
        packets.map(
          ({ interfaceId, timestamp, bytes }) =>
            `${interfaces[interfaceId]?.name} ${(Number(timestamp) / 1e9).toFixed(6)} ${toHex(bytes)}`,
        ),
      );
      await listed(page, packets.length);
      await page.getByRole('grid').focus();
      let compared = 0;
      for (let i = 0; i < packets.length; i++) {
        await page.keyboard.press(i === 0 ? 'Home' : 'ArrowDown');
        await page.locator(`.packet-row.chosen[aria-rowindex="${i + 2}"]`).waitFor();
        await drawn(page);
        const cells = await page.locator('.packet-row.chosen').getByRole('gridcell').allInnerTexts();
        const [time, place, device, , , , info = ''] = cells.map((cell) => cell.trim());
        // The handshake is the trace; how the connection ended is not.
        if (info.includes('Flags [S')) {
          const key = `${place} ${device?.replace(/^\S+\s+/, '')} ${time} ${await shownBytes(page)}`;
          t.ok(captured.has(key), key);
          compared += 1;
        }
      }
      t.ok(compared >= 10, `${compared} frames`);
      await accessible(t, page, 'a packet, opened');
      t.strictSame(complaints, []);
    },
  );

  await t.test('a field that is chosen marks its bytes, and a byte its field', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await send(page);
    const row = rows(page).filter({ hasText: 'VXLAN/TCP' }).first();
    await row.click();
    await page.locator('.tool .fields').getByText('Time to live').first().click();
    await comesToEqual(t, () => page.locator('.tool .octets b.on').count(), 1, 'one octet');
    const octet = await page.locator('.tool .octets b.on').innerText();
    const marked = () => page.locator('.tool .fields .marked').innerText();
    await comesToMatch(t, marked, new RegExp(String(Number.parseInt(octet, 16))));
    const bytes = await shownBytes(page);
    const raw = dissect(Buffer.from(bytes, 'hex'), LINKTYPE.ethernet);
    const vxlan = raw.children.find(({ name }) => name === 'vxlan');
    await page.locator(`.tool .octets b[data-at="${(vxlan?.offset ?? 0) + 5}"]`).click();
    await comesToMatch(t, marked, /VXLAN network identifier/);
    await page.locator('.way').getByText('outer ipv4').first().waitFor();
    t.match(page.url(), /\/packet\/\d+$/, 'a link to the packet');
    await page.reload();
    await page.locator('.tool .fields').getByText('VXLAN network identifier').waitFor();
    await comesToEqual(t, () => shownBytes(page), bytes);
  });

  await t.test(
    'the trace shows the netfilter picture, rules with counters and objects, request and reply',
    async (t) => {
      const { page, complaints, shoot } = await openCluster(t, browser, demo);
      await send(page);
      await page.getByRole('button', { name: 'Open the trace' }).click();
      await page.locator('.netfilter .stage.lit').first().waitFor();
      t.match(page.url(), /\/trace\/[\w-]+$/, 'a link to the trace');
      await comesToEqual(t, () => page.locator('.pass').count(), 2, 'the packet, and the one around it');
      const lit = async () =>
        (await page.locator('.pass').first().locator('.stage.lit .hook').allTextContents())
          .map((one) => one.trim())
          .toSorted();
      await comesToEqual(t, lit, ['FORWARD', 'POSTROUTING', 'PREROUTING']);
      const accepting = page.locator('.steps li.good').first();
      await accepting.waitFor();
      t.match(await accepting.innerText(), /FORWARD #\d+ .*-j ACCEPT/s);
      await accepting
        .locator('.behind small')
        .filter({ hasText: /packets [1-9]/ })
        .waitFor();
      const brief = await page.locator('.steps li').count();
      await page.getByLabel('Only what decides').uncheck();
      await page
        .locator('.steps li')
        .nth(brief + 10)
        .waitFor();
      t.pass('every rule on the way');
      await page.locator('.outline').getByText('Reply').click();
      await page.locator('.hops').getByText('pod/default/web').waitFor();
      await accessible(t, page, 'a trace');
      await shoot('trace');
      await page.reload();
      await page.locator('.netfilter .stage.lit').first().waitFor();
      await page.keyboard.press('Escape');
      await page.locator('section.trace').waitFor({ state: 'detached' });
      t.strictSame(complaints, []);
    },
  );

  await t.test('a link to a packet chooses its row, brings it into view, and does not follow', async (t) => {
    const first = await openCluster(t, browser, demo);
    const { server, ask } = first;
    // No more than the server keeps.
    for (let i = 0; i < 4; i++) await ask('POST', `/clusters/${VXLAN}/traces`, { from: FROM, to: TO, protocol: 'tcp' });
    await listed(first.page, 100);
    await first.page.getByRole('grid').focus();
    await first.page.keyboard.press('Home');
    for (let i = 0; i < 40; i++) await first.page.keyboard.press('ArrowDown');
    const seq = await first.page.locator('.packet-row.chosen[aria-rowindex="42"]').getAttribute('data-seq');
    const { page, complaints } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}/packet/${seq}` });
    const row = page.locator('.packet-row.chosen');
    await row.waitFor();
    t.equal(await row.getAttribute('data-seq'), seq);
    await comesToEqual(t, () => page.getByLabel('Follow').isChecked(), false);
    const inView = `(([row, list]) => row.top >= list.top && row.bottom <= list.bottom)(['.packet-row.chosen', '.rows'].map((one) => document.querySelector(one).getBoundingClientRect()))`;
    t.ok(await becomes(page, inView), 'in view');
    const count = Number(await page.getByRole('grid').getAttribute('aria-rowcount'));
    t.ok(count > 100, 'of a long list');
    await ask('POST', `/clusters/${VXLAN}/traces`, { from: FROM, to: TO, protocol: 'tcp' });
    await listed(page, count + 10);
    await drawn(page);
    t.ok(await page.evaluate(inView), 'and stays there when more comes');
    t.strictSame(complaints, []);
  });

  await t.test('a trace opens at the passage in which the packet was dropped', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    const yaml = { 'content-type': 'application/yaml' };
    t.equal((await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, yaml)).status, 201);
    await send(page);
    await verdict(page, 'dropped').waitFor();
    await page.setViewportSize({ width: 1280, height: 700 });
    await page.getByRole('button', { name: 'Open the trace' }).click();
    const passes = page.locator('.pass');
    await passes.nth(1).locator('.stage.dropped').waitFor();
    await comesToMatch(t, () => page.locator('.hops [aria-current=true]').innerText(), /node\/node2/);
    const passClass = async () => (await passes.nth(1).getAttribute('class')) ?? '';
    await comesToMatch(t, passClass, /chosen/, 'behind the tunnel, not before');
    await comesToMatch(t, () => passes.nth(1).locator('.steps li.chosen').innerText(), /drop/i);
    const inView = `(([one, all]) => one.top >= all.top && one.bottom <= all.bottom + 1)(['.steps li.chosen', '.hop'].map((one) => document.querySelector(one).getBoundingClientRect()))`;
    t.ok(await becomes(page, inView), 'in view');
  });

  await t.test('branches are shown with their probability', async (t) => {
    const name = 'services-iptables';
    const { page } = await openCluster(t, browser, { pageFolder, name, clusters: [cluster(name)] });
    await page.getByLabel('All branches').check();
    await send(page, 'pod/shop/client', 'svc/shop/web:80');
    await page.locator('.answer .branches button').nth(1).waitFor();
    const texts = await page.locator('.answer .branches b').allInnerTexts();
    const sum = texts.reduce((total, text) => total + Number.parseFloat(text), 0);
    t.ok(Math.abs(sum - 100) < 0.5, texts.join(' '));
  });

  await t.test('a filter lets through what it says, and a mistake in it is explained', async (t) => {
    const { page, complaints, shoot } = await openCluster(t, browser, demo);
    const filter = page.getByRole('searchbox', { name: 'Display filter' });
    await send(page);
    await rows(page).filter({ hasText: 'VXLAN/TCP' }).first().waitFor();
    const shown = async () => Number(/\d+/.exec(await page.locator('.counts').innerText())?.[0]);
    const before = await shown();
    await filter.fill('tcp.prot == 80');
    await filter.press('Enter');
    await page
      .locator('.filter-problem')
      .getByText(/tcp\.prot/)
      .waitFor();
    await comesToEqual(t, () => filter.getAttribute('aria-invalid'), 'true');
    t.ok((await shown()) >= before, 'what was listed is still there');
    await send(page);
    const counted = `Number(/\\d+/.exec(document.querySelector('.counts').innerText)[0])`;
    t.ok(await becomes(page, `${counted} > ${before}`), 'and more comes');
    await shoot('filter-mistake');
    await filter.fill('tcp && host == node2');
    await filter.press('Enter');
    await page.locator('input.right').waitFor();
    await send(page);
    await rows(page).filter({ hasText: 'node/node2' }).first().waitFor();
    for (const hasText of ['node/node1', 'ARP']) await comesToEqual(t, () => rows(page).filter({ hasText }).count(), 0);
    t.strictSame(complaints, []);
  });

  await t.test('nothing sticks out at any width, and every octet and address is readable', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await send(page);
    await verdict(page, 'answered').waitFor();
    await page.getByRole('button', { name: 'Open the trace' }).click();
    await page.waitForURL(/\/trace\//);
    const trace = page.url();
    const fits = `document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll('.tabs, .hex, .sender, .bar, .rows')]
      .every((one) => one.scrollWidth <= one.clientWidth || getComputedStyle(one).visibility === 'hidden')`;
    for (const hash of [`#/${VXLAN}`, new URL(trace).hash])
      for (const width of [360, 390, 768, 1024, 1280, 1440, 1920, 2560]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto(`${page.url().split('#')[0]}${hash}`);
        await page
          .locator(hash.includes('trace') ? '.hex' : '.packet-row')
          .first()
          .waitFor({ state: 'attached' });
        t.ok(await becomes(page, fits), `${hash} at ${width}`);
      }
    await page.goto(`${page.url().split('#')[0]}#/${VXLAN}`);
    for (const width of [1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      const row = rows(page).filter({ hasText: 'node/node1' }).filter({ hasText: 'VXLAN/TCP' }).last();
      await row.waitFor();
      await comesToMatch(t, () => row.locator('.end').first().innerText(), /client\s+192\.168\.166\.129:\d+/);
      await comesToMatch(t, () => row.locator('.info').innerText(), /^Flags \[/, 'without the ends beside it');
      const cut = `[...document.querySelectorAll('.packet-row .end > *')].filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display === 'block').length`;
      await comesToEqual(t, () => page.evaluate(cut), 0, `no address is cut at ${width}`);
    }
  });

  await t.test('times stay whole when a cluster has run for days', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    t.equal((await ask('POST', `/clusters/${VXLAN}/clock/jump`, { toNs: 1_234_567_000_000_000 })).status, 200);
    await send(page);
    const times = rows(page).filter({ hasText: 'VXLAN/TCP' }).locator('.time');
    await times.first().waitFor();
    for (const width of [1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      await times.first().waitFor();
      const last = async () => (await times.last().innerText()).replace(/\s/g, '');
      await comesToMatch(t, last, /^1234567\.\d{6}$/, `${width}`);
      const cut = `[...document.querySelectorAll('.packet-row .time')].filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.parentElement.clientHeight).length === 0`;
      t.ok(await becomes(page, cut), `no time is cut at ${width}`);
    }
  });

  await t.test('a policy is written, and the flow that it cuts is shown', async (t) => {
    const { page, ask, complaints, shoot } = await openCluster(t, browser, demo);
    await send(page);
    await verdict(page, 'answered').waitFor();
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.locator('.cm-content').getByText('name: let-nobody-in').waitFor();
    const written = () => page.locator('.cm-content').innerText();
    await comesToMatch(t, written, /namespace: default/, 'the policy that is preselected');
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('kind: NetworkPoli');
    await page.locator('.cm-tooltip-autocomplete').getByText('NetworkPolicy').first().waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: default}\nspec: {podSelector: {}, policyTypes: [Inwards]}\n',
    );
    await page.getByRole('button', { name: 'Apply', exact: true }).first().click();
    await page.locator('.cm-lintRange, .cm-lint-marker-error').first().waitFor();
    const alert = page.getByRole('alert');
    await comesToMatch(t, () => alert.innerText(), /^(?!.*request-).*line 4, column \d+:.*Inwards/s);
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: default}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n',
    );
    await page.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
    const changed = page.locator('.flows .changed');
    await comesToMatch(t, () => changed.innerText(), /Answered[\s\S]*Dropped/);
    const { nowNs } = (await ask('GET', `/clusters/${VXLAN}/clock`)).json;
    const time = () => page.locator('.clock output').innerText();
    await comesToEqual(t, time, `${secondsText(nowNs)} s`, 'what was compared took time');
    await comesToEqual(t, () => alert.count(), 0, 'what went wrong before is no longer told');
    await accessible(t, page, 'the editor');
    await shoot('changed');
    await page.getByRole('tab', { name: 'Answer' }).click();
    const rewritten = page.locator('.events li').filter({ hasText: 'rules rewritten' }).first();
    await comesToEqual(
      t,
      () => rewritten.locator('.tag').allInnerTexts(),
      ['NetworkPolicy default/a'],
      'who caused it',
    );
    await send(page);
    await verdict(page, 'dropped').waitFor();
    await page.getByRole('button', { name: 'Open the trace' }).click();
    await page.locator('.stage.dropped').first().waitFor();
    await comesToMatch(t, () => page.locator('.steps li.bad').first().innerText(), /drop/i);
    await shoot('dropped');
    t.strictSame(
      complaints.filter((one) => !/400 \(Bad Request\)/.test(one)),
      [],
    );
  });

  await t.test('the policy that is preselected is applied as it stands, and what was written is kept', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.locator('.cm-content').getByText('name: let-nobody-in').waitFor();
    await page.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
    await page.getByRole('heading', { name: 'Applied.' }).waitFor();
    t.equal((await ask('GET', `/clusters/${VXLAN}/objects?kind=NetworkPolicy`)).json.total, 1);
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText('kind: Service');
    await page.getByRole('tab', { name: 'Answer' }).click();
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.locator('.cm-content').getByText('kind: Service').waitFor();
    await comesToEqual(t, () => page.locator('.cm-content').innerText(), 'kind: Service');
  });

  await t.test('a pod that a controller made can be edited, and is let go by its labels', async (t) => {
    const { page, ask, complaints } = await openCluster(t, browser, demo);
    const containers = [{ name: 'c', image: 'c' }];
    const template = { metadata: { labels: { app: 'api' } }, spec: { containers } };
    const spec = { replicas: 2, selector: { matchLabels: { app: 'api' } }, template };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'api' }, spec };
    t.equal((await ask('POST', `/clusters/${VXLAN}/objects`, deployment)).status, 201);
    const pods = async (app: string): Promise<readonly string[]> =>
      (await ask('GET', `/clusters/${VXLAN}/pods?labels=app%3D${app}`)).json.items.map(
        ({ name }: { name: string }) => name,
      );
    const [first = ''] = await pods('api');
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.getByLabel('Edit an object').selectOption({ label: `Pod default/${first}` });
    const text = page.locator('.cm-content');
    await text.getByText(`name: ${first}`).waitFor();
    const written = await text.innerText();
    await text.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(written.replace('app: api', 'app: other'));
    await page.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
    await page.getByText('Applied.').waitFor();
    t.strictSame(await pods('other'), [first]);
    t.equal((await pods('api')).length, 2, 'another came in its place');
    t.strictSame(complaints, []);
  });

  await t.test('what somebody else changes meanwhile is told before it is undone', async (t) => {
    const { page, ask, server } = await openCluster(t, browser, demo);
    t.equal((await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML)).status, 201);
    const { page: other } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}` });
    const told = (tab: Page) => tab.locator('.elsewhere');
    const apply = async (tab: Page, label: string): Promise<void> => {
      const text = await tab.locator('.cm-content').innerText();
      await tab.locator('.cm-content').click();
      await tab.keyboard.press('ControlOrMeta+a');
      await tab.keyboard.insertText(text.replace('name: deny-web', `name: deny-web\n  labels: {by: ${label}}`));
      await tab.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
      await tab.getByText('Applied.').waitFor();
    };
    for (const tab of [page, other]) {
      await tab.getByText('Live', { exact: true }).waitFor();
      await tab.getByRole('tab', { name: 'Change' }).click();
      await tab.getByLabel('Edit an object').selectOption({ label: 'NetworkPolicy default/deny-web' });
      await tab.locator('.cm-content').getByText('name: deny-web').waitFor();
    }
    await apply(page, 'one');
    await told(other).getByText('has been changed by somebody else').waitFor();
    t.equal(await told(page).count(), 0, 'not where it was changed');
    await told(other).getByRole('button', { name: 'Read it again' }).click();
    await other.locator('.cm-content').getByText('by: one').waitFor();
    await comesToEqual(t, () => told(other).count(), 0);
    t.equal((await ask('DELETE', `${POLICIES}/default/deny-web`)).status, 200);
    for (const tab of [page, other]) await told(tab).getByText('has been removed by somebody else').waitFor();
  });

  await t.test('what a change would do is asked without changing anything', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    if (!Object.hasOwn((await ask('GET', '/openapi.json')).json.paths, '/api/v1/clusters/{cluster}/what-if')) {
      t.pass('skipped', { skip: 'this server has no what-if' });
      return;
    }
    await send(page);
    await verdict(page, 'answered').waitFor();
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.locator('.change-tool select').selectOption('');
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(DENY_WEB);
    await page.getByRole('button', { name: 'What if?' }).click();
    const changed = page.locator('.flows .changed');
    await comesToMatch(t, () => changed.innerText(), /Answered[\s\S]*Dropped/);
    await page.getByText('Only asked: the cluster is as it was.').waitFor();
    t.equal((await ask('GET', `/clusters/${VXLAN}/objects?kind=NetworkPolicy`)).json.total, 0);
  });

  await t.test('DNS and HTTP have a verdict and a trace beside what dig and curl print', async (t) => {
    const { page, complaints } = await openCluster(t, browser, { pageFolder, name: 'dns', clusters: [cluster('dns')] });
    const answer = page.locator('.answer');
    const output = page.locator('.output');
    await field(page, 'From').fill('pod/shop/cart');
    await page.getByRole('radio', { name: 'DNS' }).click();
    await field(page, 'Name to look up').fill('web');
    await sendButton(page).click();
    await output.getByText(/web\.shop\.svc\.cluster\.local\.\s+30\s+IN\s+A\s+10\.96\.0\.20/).waitFor();
    await comesToMatch(t, () => answer.innerText(), /Answered[\s\S]*10\.96\.0\.10:53[\s\S]*coredns/);
    await field(page, 'Name to look up').fill('webb');
    await sendButton(page).click();
    await verdict(page, 'unresolved').waitFor();
    await comesToMatch(t, () => output.innerText(), /NXDOMAIN/);
    await answer.getByRole('button', { name: 'Open the trace' }).click();
    const outline = page.locator('.outline');
    await outline.getByText('webb.shop.svc.cluster.local').first().waitFor();
    await outline.getByRole('heading', { name: 'Questions for the name' }).waitFor();
    await outline.getByText('None: there was no address to send to.').waitFor();
    await page.keyboard.press('Escape');
    await field(page, 'Name to look up').fill('svc/shop/web:80');
    await sendButton(page).click();
    await output.getByText(/web\.shop\.svc\.cluster\.local\.\s+30\s+IN\s+A/).waitFor();
    await page.getByRole('radio', { name: 'HTTP' }).click();
    await field(page, 'To').fill('svc/shop');
    await sendButton(page).click();
    await page.locator('.sender').getByRole('alert').getByText('There is no host in').waitFor();
    await page.locator('.tool').getByText('What was asked last was not sent').waitFor();
    await comesToEqual(t, () => answer.count(), 0, 'nor is the former answer shown');
    await field(page, 'To').fill('web.shop:80/path?x=1');
    await sendButton(page).click();
    await output.getByText('GET /path?x=1 HTTP/1.1').waitFor();
    await field(page, 'To').fill('svc/shop/web');
    await sendButton(page).click();
    await output.getByText('HTTP/1.1 200 OK').waitFor();
    await comesToMatch(t, () => answer.innerText(), /Answered[\s\S]*svc\/shop\/web:80 tcp/);
    await page.locator('.tool').getByRole('heading', { name: 'Printed by curl -sv http://' }).waitFor();
    await answer.getByText('Traced with a connection of its own, beside that of curl').waitFor();
    await answer.getByRole('button', { name: 'Open the trace' }).click();
    await page.locator('.netfilter .stage.lit').first().waitFor();
    t.strictSame(complaints, []);
  });

  await t.test('a field that is mistyped is told at its line, and in the list of findings', async (t) => {
    const { page, complaints } = await openCluster(t, browser, demo);
    await send(page);
    await verdict(page, 'answered').waitFor();
    await page.getByRole('tab', { name: 'Change' }).click();
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: typo}\nspec:\n  podSelector: {}\n  ingres:\n    - {}\n',
    );
    await page.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
    const told = page.locator('.change-tool .finding-lines');
    await told.getByText('no field of this kind is called "ingres" (near: ingress)').waitFor();
    await comesToMatch(t, () => told.innerText(), /line 6/);
    const warned = () => page.locator('.cm-lintRange-warning').innerText();
    await comesToMatch(t, warned, /ingres/);
    await page.getByRole('button', { name: 'Findings: 1' }).click();
    await page.getByRole('dialog').getByText('NetworkPolicy default/typo').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.locator('.change-tool select').selectOption('networking.k8s.io/NetworkPolicy/default/typo');
    await comesToMatch(t, warned, /ingres/, 'an object that is opened, too');
    await page.getByRole('button', { name: 'What if it were gone?' }).click();
    await comesToMatch(t, () => page.locator('.flows .changed').innerText(), /Dropped[\s\S]*Answered/);
    await page.locator('.change-tool').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('alertdialog', { name: 'Delete NetworkPolicy default/typo?' }).waitFor();
    await page.getByRole('button', { name: 'Yes, delete it' }).click();
    await page.getByRole('button', { name: /Findings/ }).waitFor({ state: 'detached' });
    t.strictSame(complaints, []);
  });

  await t.test('what the files expect is offered, and held against what happens', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    const first = page.locator('.tool section', { hasText: 'Try these' }).locator('button.line').first();
    await first.click();
    await first.locator('.verdict').waitFor();
    t.equal(await first.locator('em.bad').count(), 0);
  });

  await t.test('what went wrong is told until it is closed, or the same goes well', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    const told = page.getByRole('alert');
    const write = async (text: string): Promise<void> => {
      await page.locator('.cm-content').click();
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
      await page.locator('.change-tool').getByRole('button', { name: 'Apply' }).click();
    };
    await page.getByRole('tab', { name: 'Change' }).click();
    await write('kind: [');
    await told.waitFor();
    const stepped = page.waitForResponse(/\/clock\/step/);
    await page.getByRole('button', { name: 'Step one event' }).click();
    await (await stepped).finished();
    await drawn(page);
    t.ok(await told.isVisible(), 'another thing that goes well does not end it');
    await write(DENY_WEB);
    await told.waitFor({ state: 'detached' });
    await write('kind: [');
    await told.getByRole('button', { name: 'Close' }).click();
    await told.waitFor({ state: 'detached' });
  });

  await t.test('a name that there is none of is told of once, where it was typed, and is not sent again', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await send(page, 'pod/default/clien', 'pod/default/web:80');
    const told = page.locator('.sender').getByRole('alert');
    await told.waitFor();
    t.equal((await told.innerText()).match(/default\/client/g)?.length, 1);
    t.equal(await field(page, 'From').getAttribute('aria-invalid'), 'true');
    t.equal(await field(page, 'To').getAttribute('aria-invalid'), 'false');
    // It is taken out again a moment later, maybe before one could see that it was in.
    await page.getByLabel('Repeat', { exact: true }).click();
    t.ok(await becomes(page, `document.querySelectorAll('.sender .check input:checked').length === 0`));
    await send(page, 'pod/default/client', 'pod/default/web:80');
    await verdict(page, 'answered').waitFor();
    await comesToEqual(t, () => page.getByRole('alert').count(), 0);
  });

  await t.test('the reference of the API has the name of podwire, and its policy refuses nothing', async (t) => {
    const { server, ask } = await running(t, { pageFolder });
    const { page, complaints, shoot } = await openPage(t, browser, { server, ask, hash: 'api/v1/reference' });
    await page.getByRole('heading', { level: 1, name: 'podwire' }).waitFor();
    await page.locator('.opblock-summary').first().click();
    await page.locator('.opblock-body').first().waitFor();
    await comesToEqual(t, () => page.title(), 'podwire API');
    t.equal(await page.getByAltText(/swagger/i).count(), 0);
    t.strictSame(complaints, []);
    await shoot('reference');
  });

  await t.test('a Service is sent to by its own protocol', async (t) => {
    const name = 'services-iptables';
    const { page } = await openCluster(t, browser, { pageFolder, name, clusters: [cluster(name)] });
    const isChosen = (name: string, what?: string) =>
      comesToEqual(t, () => page.getByRole('radio', { checked: true }).allInnerTexts(), [name], what);
    t.ok(await becomes(page, `document.querySelector('#to').value === 'pod/shop/web-2:8081'`));
    await isChosen('TCP', 'what is suggested takes TCP, and is ready');
    await field(page, 'To').fill('svc/shop/dns:53');
    await isChosen('UDP');
    await field(page, 'To').fill('svc/shop/web:80');
    await isChosen('TCP');
  });

  await t.test('a cable is broken, seen, and mended', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await page.getByRole('tab', { name: 'Break' }).click();
    await page.getByRole('radio', { name: 'Machine' }).waitFor();
    await page.getByLabel('Cable', { exact: true }).selectOption('node1 eth0');
    await page.getByRole('button', { name: 'Break it' }).click();
    await page.getByRole('button', { name: 'Mend' }).waitFor();
    await send(page);
    await verdict(page, 'unreachable').waitFor();
    await page.locator('.events').getByText('link node1 eth0').first().waitFor();
    await comesToMatch(t, () => page.locator('.events').innerText(), /s broken link node1 eth0/, 'in words');
    await page.getByRole('tab', { name: /Break/ }).click();
    await page.getByRole('button', { name: 'Mend' }).click();
    await page.getByText('Nothing is broken.').waitFor();
    await send(page);
    await verdict(page, 'answered').waitFor();
  });

  await t.test('a cluster without nodes says so, and has nothing of the one before', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    t.ok(await becomes(page, `document.querySelector('#from').value !== ''`));
    const text = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n';
    t.equal((await ask('POST', '/clusters', { name: 'empty', sources: [{ file: 'a.yaml', text }] })).status, 201);
    await page.evaluate(`location.hash = '#/empty'`);
    await page.getByText('This cluster has no nodes').waitFor();
    for (const end of ['From', 'To']) await comesToEqual(t, () => field(page, end).inputValue(), '');
  });

  await t.test(
    'arrow keys choose among protocols, tools and kinds of faults, each one stop of the tab key',
    async (t) => {
      const { page } = await openCluster(t, browser, demo);
      const isFocused = (text: string, what?: string) =>
        comesToEqual(t, () => page.evaluate(`document.activeElement.innerText`), text, what);
      await page.getByRole('radio', { name: 'TCP' }).click();
      await page.keyboard.press('ArrowRight');
      await page.getByRole('radio', { name: 'UDP', checked: true }).waitFor();
      await isFocused('UDP');
      await page.keyboard.press('Tab');
      const type = () => page.evaluate(`document.activeElement.type`);
      await comesToEqual(t, type, 'number', 'what comes behind the group');
      await page.getByRole('tab', { name: 'Answer' }).click();
      await page.keyboard.press('End');
      await isFocused('Break');
      await page.getByRole('radio', { name: 'Cable' }).click();
      await page.keyboard.press('ArrowLeft');
      await isFocused('BGP session');
      await page.getByText('No BGP session here.').waitFor();
      await page.getByRole('tab', { name: 'Packets' }).click();
      await page.keyboard.press('ArrowRight');
      await page.locator('.xterm').waitFor();
      await isFocused('Terminal', 'a terminal leaves it where it is');
    },
  );

  await t.test('a pod that is broken is told where it is looked at', async (t) => {
    const { page, shoot } = await openCluster(t, browser, demo);
    await page.getByRole('tab', { name: 'Break' }).click();
    await page.getByRole('radio', { name: 'Pod' }).click();
    await page.getByRole('button', { name: 'Break it' }).click();
    await page.getByRole('button', { name: 'Mend' }).waitFor();
    const pod = await page.locator('.tool li .grow').innerText();
    await page.getByRole('tab', { name: 'Place' }).click();
    await page.getByLabel('Places').selectOption(`pod/${pod}`);
    await page.locator('.tool h3').getByText('Broken').waitFor();
    await shoot('broken-pod');
  });

  await t.test('a terminal runs commands, completes names, remembers, and tcpdump follows', async (t) => {
    const { page, complaints, shoot } = await openCluster(t, browser, demo);
    await page.getByRole('tab', { name: 'Terminal' }).click();
    await page.getByRole('combobox', { name: 'Terminal in' }).selectOption('node/node1');
    const screen = page.locator('.xterm-rows');
    await page.locator('.xterm').click();
    await page.keyboard.type('ip rou');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await screen.getByText('dev vxlan.calico').first().waitFor();
    await page.keyboard.press('ArrowUp');
    await screen
      .getByText(/# ip route\s*$/)
      .nth(1)
      .waitFor();
    await page.keyboard.press('Control+u');
    await page.keyboard.type('tcpdump -i eth0 -c 2 -e udp port vxlan');
    await page.keyboard.press('Enter');
    await screen.getByText('listening on eth0').waitFor();
    await send(page);
    await screen
      .getByText(/VXLAN, flags/)
      .first()
      .waitFor();
    await screen.getByText('2 packets captured').waitFor();
    await page.locator('.xterm').click();
    await page.keyboard.type('tcpdump tcp port htp');
    await page.keyboard.press('Enter');
    await screen.getByText('not "htp"').waitFor();
    await page.keyboard.type('tcpdump -i any portr');
    await page.keyboard.press('Tab');
    await page.keyboard.type('70-90');
    await page.keyboard.press('Enter');
    await screen.getByText('listening on any').waitFor();
    await page.keyboard.press('Control+c');
    await screen.getByText('0 packets captured').waitFor();
    await page.keyboard.type('tcpdump -i nope');
    await page.keyboard.press('Enter');
    await screen.getByText('tcpdump: nope: No such device exists').waitFor();
    t.equal(await screen.getByText('listening on nope').count(), 0);
    await page.keyboard.type('nonsense');
    await page.keyboard.press('Enter');
    await screen
      .getByText(/command not found/)
      .first()
      .waitFor();
    await shoot('terminal');
    t.strictSame(complaints, []);
  });

  await t.test('what is typed while a command runs, and lines that are pasted, are run one by one', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await page.getByRole('tab', { name: 'Terminal' }).click();
    await page.getByRole('combobox', { name: 'Terminal in' }).selectOption('node/node1');
    const shows = (wanted: RegExp) =>
      comesToMatch(t, async () => (await page.locator('.xterm-rows').innerText()).replaceAll('\u00a0', ' '), wanted);
    await page.locator('.xterm').click();
    await page.keyboard.type('hostname\nip rule\nhostn');
    await page.locator('.xterm-rows').getByText('lookup default').waitFor();
    await page
      .locator('.xterm-rows')
      .getByText(/# hostn\s*$/)
      .waitFor();
    await shows(/# hostname\s+node1\s+node\/node1 # ip rule\s+0:/);
    await page.keyboard.press('Control+u');
    await page.evaluate(`(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', 'clear\\nhostname\\nip -br link\\n');
      document.querySelector('.xterm-helper-textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    })()`);
    await page.locator('.xterm-rows').getByText('vxlan.calico').waitFor();
    await shows(/# hostname\s+node1\s+node\/node1 # ip -br link\s+lo /);
  });

  await t.test('a terminal goes on behind the packets, and begins anew in another cluster', async (t) => {
    const clusters = [cluster(VXLAN), cluster('same-node')];
    const { page } = await openCluster(t, browser, { ...demo, clusters });
    const screen = page.locator('.xterm-rows');
    const target = page.getByRole('combobox', { name: 'Terminal in' });
    await page.getByRole('tab', { name: 'Terminal' }).click();
    const from = await field(page, 'From').inputValue();
    await comesToEqual(t, () => target.inputValue(), from, 'first where one is about to send from');
    await target.selectOption('node/node1');
    await page.locator('.xterm').click();
    await page.keyboard.type('tcpdump -i eth0 -c 1\n');
    await screen.getByText('listening on eth0').waitFor();
    await page.getByRole('tab', { name: 'Packets' }).click();
    await send(page);
    await rows(page).first().waitFor();
    await page.getByRole('tab', { name: 'Terminal' }).click();
    await screen.getByText('1 packets captured').waitFor();
    await page.keyboard.press('ArrowUp');
    await screen
      .getByText(/# tcpdump -i eth0 -c 1\s*$/)
      .nth(1)
      .waitFor();
    await page.getByRole('combobox', { name: 'Cluster' }).selectOption('same-node');
    await screen.getByText('captured').waitFor({ state: 'detached' });
    // The places of the other cluster come a moment later.
    const isThere = async () => (await target.locator('option').allInnerTexts()).includes(await target.inputValue());
    await comesToEqual(t, isThere, true, 'in a place of this cluster');
    await page.locator('.xterm').click();
    await page.keyboard.type('hostname\n');
    await screen.getByText((await target.inputValue()).split('/').at(-1) ?? '', { exact: true }).waitFor();
  });

  await t.test('along the way of a packet is every place, those that the filter hides as well', async (t) => {
    const { page } = await openCluster(t, browser, demo);
    await send(page);
    await verdict(page, 'answered').waitFor();
    await page.getByLabel('Display filter').fill('interface == vxlan.calico');
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await page.getByRole('button', { name: 'Clear', exact: true }).waitFor();
    await rows(page).first().click();
    await page.locator('.way').getByText('pod/default/web').waitFor();
    await comesToEqual(t, () => page.locator('.way li').count(), 8);
    await comesToEqual(t, () => page.locator('.way li.chosen').count(), 1);
    await comesToEqual(t, () => page.locator('.tool .legend-changed').count(), 1, 'compared with the place before');
  });

  await t.test('time runs, pauses, and goes on by one event', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    const now = async (): Promise<number> => (await ask('GET', `/clusters/${VXLAN}/clock`)).json.nowNs;
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('button', { name: 'Pause' }).first().waitFor();
    await eventually(now, (ns) => ns > 0);
    await page.locator('.clock').getByRole('button', { name: 'Pause' }).click();
    await page.locator('.clock').getByRole('button', { name: 'Run' }).waitFor();
    const paused = await now();
    t.ok(paused > 0);
    await page.waitForTimeout(300);
    t.equal(await now(), paused);
    await send(page);
    await verdict(page, 'answered').waitFor();
    const before = await now();
    const step = async (): Promise<void> => {
      const stepped = page.waitForResponse(/\/clock\/step/);
      await page.getByRole('button', { name: 'Step one event' }).click();
      await (await stepped).finished();
      await drawn(page);
    };
    await step();
    t.ok((await now()) >= before);
    await comesToEqual(t, () => page.locator('.clock output').innerText(), `${secondsText(await now())} s`);
    const idle = page.locator('.clock').getByText('Nothing is waiting to happen');
    for (let i = 0; i < 200 && !(await idle.isVisible()); i++) await step();
    t.ok(await idle.isVisible());
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('button', { name: 'Go on', exact: true }).waitFor();
    const count = await page.locator('.counts').innerText();
    const sent = page.waitForResponse(/\/traces$/);
    await send(page);
    await (await sent).finished();
    await page.waitForTimeout(500);
    t.equal(await page.locator('.counts').innerText(), count, 'a list that is paused takes nothing');
  });

  await t.test('the clock says how late it is, whoever let time pass', async (t) => {
    const { page, ask } = await openCluster(t, browser, demo);
    const shown = async (): Promise<string> => page.locator('.clock output').innerText();
    const told = async (): Promise<string> =>
      `${secondsText((await ask('GET', `/clusters/${VXLAN}/clock`)).json.nowNs)} s`;
    for (const [path, body] of [
      ['traces', { from: FROM, to: TO }],
      ['exec', { target: FROM, command: ['ping', '-c', '2', '192.168.104.1'] }],
    ] as const) {
      const before = await shown();
      t.ok((await ask('POST', `/clusters/${VXLAN}/${path}`, body)).status < 300);
      t.not(await told(), before);
      await comesToEqual(t, shown, await told());
    }
  });

  await t.test('after a restart of the server it goes on', async (t) => {
    const options = { logLevel: 'silent', workerUrl: WORKER, pageFolder, clusters: [cluster(VXLAN)] };
    let server: RunningServer = await serve({ port: 0, ...options });
    t.teardown(() => server.close());
    const port = Number(new URL(server.url).port);
    const { page, shoot } = await openPage(t, browser, {
      server,
      ask: async () => Promise.reject(new Error('not asked')),
      hash: `#/${VXLAN}`,
    });
    await send(page);
    await verdict(page, 'answered').waitFor();
    await server.close();
    await page.getByText('Connection lost, trying again…').or(page.getByText('Connecting…')).first().waitFor();
    await sendButton(page).click();
    await sendButton(page).click();
    await page.getByRole('alert').getByText('The server is away').waitFor();
    await comesToEqual(t, () => page.getByRole('alert').count(), 1);
    await shoot('lost');
    server = await serve({ port, ...options });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('.counts').getByText('Packets: 0').waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await send(page);
    await rows(page).first().waitFor();
  });

  await t.test('a server that ends while it is asked is told of, and asked again when it is back', async (t) => {
    const options = { logLevel: 'silent', workerUrl: WORKER, pageFolder, clusters: [cluster(VXLAN)] };
    let server: RunningServer = await serve({ port: 0, ...options });
    t.teardown(() => server.close());
    const port = Number(new URL(server.url).port);
    const { page } = await openPage(t, browser, {
      server,
      ask: async () => Promise.reject(new Error('not asked')),
      hash: `#/${VXLAN}`,
    });
    await page.getByText('Live', { exact: true }).waitFor();
    // Its answer is lost with the connection.
    await page.route('**/traces', async (route) => {
      await server.close();
      await route.abort('connectionreset');
    });
    await send(page);
    await page.getByRole('alert').getByText('The server is away').waitFor();
    await comesToEqual(t, () => sendButton(page).getAttribute('aria-busy'), 'false');
    await page.unroute('**/traces');
    server = await serve({ port, ...options });
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await send(page);
    await verdict(page, 'answered').waitFor();
  });

  await t.test('a link to what is not there says so once, and shows what there is', async (t) => {
    const { server, ask } = await running(t, { pageFolder, clusters: [cluster(VXLAN)] });
    const { page, complaints, shoot } = await openPage(t, browser, { server, ask, hash: '#/doesnotexist' });
    await page.getByRole('alert').getByText('There is no cluster doesnotexist on this server.').waitFor();
    await shoot('missing');
    await page.goto(`${server.url}/#/scenario/nope`);
    await page.getByRole('alert').getByText('No scenario is called nope.').waitFor();
    await comesToEqual(t, () => page.getByRole('alert').count(), 1);
    await page.getByRole('alert').getByRole('link', { name: 'same-node' }).waitFor();
    await accessible(t, page, 'a link that leads nowhere');
    await page.getByRole('alert').getByRole('link', { name: VXLAN }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    t.strictSame(complaints, []);
    t.equal((await ask('DELETE', `/clusters/${VXLAN}`)).status, 204);
    await page.getByRole('alert').getByText(`There is no cluster ${VXLAN} on this server.`).waitFor();
    // What it was asking as the cluster went is answered first.
    const moreComplaints = async (): Promise<readonly string[]> => {
      const before = complaints.length;
      await page.waitForTimeout(1500);
      return complaints.slice(before);
    };
    await comesToEqual(t, moreComplaints, [], 'nor is it asked for again and again');
  });

  await t.test('an answer that comes late does not undo what a later link shows', async (t) => {
    const { server, ask } = await running(t, { pageFolder, clusters: [cluster(VXLAN)] });
    const CLUSTERS = /\/api\/v1\/clusters(?:\?|$)/;
    // The page asks twice at its start: as it opens, and for what the link names.
    const released: (() => void)[] = [];
    let asked = 0;
    const { page } = await openPage(t, browser, {
      server,
      ask,
      hash: '#/doesnotexist',
      prepare: (one) =>
        one.route(CLUSTERS, async (route) => {
          asked++;
          if (asked === 2)
            await new Promise<void>((resolve) => {
              released.push(resolve);
            });
          await route.continue();
        }),
    });
    await page.getByRole('alert').getByText('There is no cluster doesnotexist on this server.').waitFor();
    await page.goto(`${server.url}/#/scenario/nope`);
    const said = page.getByRole('alert').getByText('No scenario is called nope.');
    await said.waitFor();
    await comesToEqual(t, async () => released.length, 1);
    const late = page.waitForResponse(CLUSTERS);
    for (const release of released) release();
    await (await late).finished();
    await drawn(page);
    t.ok(await said.isVisible());
  });

  await t.test('a scenario is loaded by its link, with how its expectations are met', async (t) => {
    const { server, ask } = await running(t, { pageFolder });
    const { page, complaints } = await openPage(t, browser, { server, ask, hash: '#/scenario/same-node' });
    await page.getByText('Live', { exact: true }).waitFor();
    const { total } = (await ask('GET', '/clusters/same-node/traces')).json;
    const tried = page.locator('.tool section', { hasText: 'Try these' });
    await tried.getByText(`${total} of ${total} as expected`).waitFor();
    await comesToEqual(t, () => tried.locator('.verdict').count(), total);
    t.strictSame(complaints, []);
  });

  await t.test('Chinese, dark, on a phone', async (t) => {
    const context = { viewport: { width: 390, height: 844 }, colorScheme: 'dark' as const, locale: 'zh-CN' };
    const { server, ask } = await running(t, { pageFolder, clusters: [cluster(VXLAN)] });
    const { page, complaints, shoot } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}`, context });
    await page.getByRole('button', { name: '发送', exact: true }).waitFor();
    for (const name of ['所有分支', '重复']) await page.getByLabel(name).waitFor();
    await page.getByTitle('虚拟时间').waitFor();
    await page.getByLabel('速度：每真实秒对应的虚拟秒数').selectOption('10');
    t.ok(await suggested(page), 'there is something to send');
    await page.getByRole('button', { name: '发送', exact: true }).click();
    await page.locator('.panes').getByText('数据包').click();
    // What neighbours ask of each other meanwhile does not push it out.
    const filter = page.getByRole('searchbox', { name: '显示过滤器' });
    await filter.fill('vxlan');
    await filter.press('Enter');
    const row = rows(page).filter({ hasText: 'VXLAN/TCP' }).last();
    const twoLines = `(() => {
      const row = [...document.querySelectorAll('.packet-row')].findLast((one) => one.innerText.includes('VXLAN/TCP'));
      if (row === undefined) return false;
      const [info, end] = ['.info', '.end'].map((part) => row.querySelector(part).getBoundingClientRect().top);
      return info > end + 10;
    })()`;
    t.ok(await becomes(page, twoLines), 'a row of two lines');
    const ends = async () => (await row.locator('.end').allInnerTexts()).join(' to ');
    await comesToMatch(t, ends, /(client|web)[\s\S]* to [\s\S]*(client|web)/);
    await page.locator('.panes').getByText('结果').click();
    await page.locator('.answer').getByText('已应答').waitFor();
    t.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
    t.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    t.ok(await becomes(page, 'document.documentElement.scrollWidth <= window.innerWidth'), 'nothing sticks out');
    await accessible(t, page, 'in the dark');
    await shoot('phone-zh-dark');
    t.strictSame(complaints, []);
  });

  await t.test('on a phone a link opens the view that shows what it names', async (t) => {
    const context = { viewport: { width: 390, height: 844 } };
    const { page, ask, complaints } = await openCluster(t, browser, { ...demo, context });
    const pane = (name: string) => page.locator('.panes').getByRole('button', { name });
    const width = async () => (await page.getByRole('combobox', { name: 'Cluster' }).boundingBox())?.width ?? 0;
    t.ok((await eventually(width, (now) => now > 220)) > 220, 'names of clusters have all room that there is');
    await send(page);
    await pane('Answer').click();
    await page.getByRole('button', { name: 'Open the trace' }).click();
    await page.locator('.netfilter .stage.lit').first().waitFor();
    await page.locator('section.trace').waitFor();
    await pane('Answer').click();
    await verdict(page, 'answered').waitFor();
    await pane('Packets').click();
    const row = rows(page).filter({ hasText: 'VXLAN/TCP' }).first();
    await row.waitFor();
    const seq = await row.getAttribute('data-seq');
    const [{ id }] = (await ask('GET', `/clusters/${VXLAN}/traces`)).json.items;
    await page.evaluate(`location.hash = '#/${VXLAN}/trace/${id}'`);
    await page.locator('section.trace .outline').waitFor();
    await pane('Packets').click();
    await page.evaluate(`location.hash = '#/${VXLAN}/packet/${seq}'`);
    await page.locator('.tool .fields').getByText('VXLAN network identifier').waitFor();
    await page.reload();
    await page.locator('.tool .fields').getByText('VXLAN network identifier').waitFor();
    t.strictSame(complaints, []);
  });

  await t.test('on a phone a packet that is tapped is opened, and a list that was moved does not follow', async (t) => {
    const context = { viewport: { width: 390, height: 844 }, hasTouch: true };
    const { page } = await openCluster(t, browser, { ...demo, context });
    await send(page);
    await page.locator('.panes').getByRole('button', { name: 'Packets' }).click();
    t.ok(await becomes(page, `document.querySelectorAll('.packet-row').length > 15`));
    await page.evaluate(`document.querySelector('.rows').scrollTop -= 600`);
    t.ok(await becomes(page, `document.querySelector('.filter .check input').checked === false`));
    const covered = `(() => {
      const { left, top } = document.querySelector('.rows').getBoundingClientRect();
      return document.elementFromPoint(left + 20, top + 10).closest('.packet-row') !== null;
    })()`;
    t.ok(await becomes(page, covered), 'no blank at the top');
    await rows(page).nth(14).tap();
    await page.locator('.tool .fields').first().waitFor();
  });

  await t.test('in narrow windows nothing is cut, and the picture stands above its legend', async (t) => {
    const { page, ask, shoot } = await openCluster(t, browser, demo);
    await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'pod', namespace: 'default', name: 'web' });
    await page.locator('.tabs .count').waitFor();
    const ends = `[...document.querySelectorAll('.bar > *, .tools .tabs > *')].every((one) => one.getBoundingClientRect().right <= innerWidth)`;
    const beside = `(() => {
      const [legend, buttons] = ['.legend', '.zoom'].map((one) => document.querySelector(one).getBoundingClientRect());
      return legend.right <= buttons.left && buttons.height < 40;
    })()`;
    const help = `(() => {
      const { width, height } = document.querySelector('.terminal .hint').getBoundingClientRect();
      return width > height * 4;
    })()`;
    await page.getByRole('tab', { name: 'Terminal' }).click();
    const named = `[...document.querySelectorAll('.bar .field select')].every((one) => one.clientWidth > 80)`;
    for (const width of [1280, 1024, 768]) {
      await page.setViewportSize({ width, height: 800 });
      t.ok(await becomes(page, ends), `${width}: all in the window`);
      t.ok(await becomes(page, named), `${width}: names are read`);
      t.ok(await becomes(page, beside), `${width}: buttons stand below the picture, beside the legend`);
      t.ok(await becomes(page, help), `${width}: what is said of the terminal is read in lines`);
      await shoot(`narrow-${width}`);
    }
  });

  await t.test('long names of pods are read whole where there is little room', async (t) => {
    const name = 'kubectl-dump';
    const { page, shoot } = await openCluster(t, browser, { pageFolder, name, clusters: [cluster(name)] });
    const whole = (selector: string): string =>
      `(() => {
        const found = [...document.querySelectorAll(${JSON.stringify(selector)})];
        return found.length > 1 && found.every((one) => {
          const { right } = one.getBoundingClientRect();
          const { clientWidth } = one.closest('.outline, .sender');
          return one.scrollWidth <= one.clientWidth && right <= one.closest('.outline, .sender').getBoundingClientRect().left + clientWidth;
        });
      })()`;
    await send(page, 'pod/shop/storefront-24wf8jdtd-5lbx7', 'pod/shop/storefront-24wf8jdtd-fctfh:8080');
    await page.getByRole('button', { name: 'Open the trace' }).click();
    await page.locator('.hops button').first().waitFor();
    for (const width of [1440, 1280, 1024, 768, 390]) {
      await page.setViewportSize({ width, height: 800 });
      t.ok(await becomes(page, whole('.outline .hops button')), `${width}: places of the trace`);
    }
    t.ok(await becomes(page, whole('.sender .name input')), 'ends, on a phone');
    const titles = `[...document.querySelectorAll('.netfilter .stage')].every((one) => {
      const [box, title] = [one.querySelector('rect'), one.querySelector('text.title')].map((part) => part.getBoundingClientRect());
      return title.left > box.left + 1 && title.right < box.right - 1;
    })`;
    await page.setViewportSize({ width: 1280, height: 800 });
    t.ok(await becomes(page, titles), 'names of devices lie in their boxes');
    await shoot('long-names');
  });

  await t.test('a server with a token asks for it, and the page works with it', async (t) => {
    const { server, ask } = await running(t, { pageFolder, clusters: [cluster(VXLAN)], token: 'open-sesame' });
    const { page } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}` });
    const told = page.getByText('The server did not accept this token.');
    await page.getByLabel('Token').waitFor();
    t.equal(await told.count(), 0, 'before one was given there is none to refuse');
    await page.getByLabel('Token').fill('open-barley');
    await page.getByRole('button', { name: 'Go on' }).click();
    await told.waitFor();
    await accessible(t, page, 'a token that is refused');
    await page.getByLabel('Token').fill('open-sesame');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    t.ok(await suggested(page), 'there is something to send');
    await sendButton(page).click();
    await rows(page).first().waitFor();
  });
});

t.test('the page is served with a policy, from memory where it may, and nothing beside it', async (t) => {
  const { ask } = await running(t, { pageFolder: buildPage(), token: 'open-sesame' });
  const page = await ask('GET', '//');
  t.equal(page.status, 200);
  t.match(page.headers.get('content-type'), 'text/html');
  t.match(page.headers.get('content-security-policy'), "default-src 'none'");
  t.equal(page.headers.get('cache-control'), 'no-cache');
  const [, asset = ''] = /src="\.(\/assets\/[^"]+\.js)"/.exec(page.text) ?? [];
  const script = await ask('GET', `/${asset}`, undefined, { 'accept-encoding': 'br' });
  t.equal(script.status, 200);
  t.match(script.headers.get('cache-control'), 'immutable');
  t.equal(script.headers.get('content-encoding'), 'br');
  t.match(script.headers.get('content-type'), 'javascript');
  for (const path of [
    '//assets/../web.fingerprint',
    '//assets/..%2f..%2fpackage.json',
    '//web.fingerprint',
    '//.git/config',
  ])
    t.ok([401, 403, 404].includes((await ask('GET', path)).status), path);
});

t.test('a page that was not built is told', async (t) => {
  const { ask } = await running(t, { pageFolder: new URL('file:///nowhere/') });
  const { status, text } = await ask('GET', '//');
  t.equal(status, 404);
  t.match(text, /npm run build/);
});
