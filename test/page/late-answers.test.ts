/** Answers of the server that come when something else is shown already: held back by the browser until then. */

import type { Browser, Page } from 'playwright-core';
import t from 'tap';
import { cluster, running } from '../server/running.js';
import { buildPage, comesToEqual, drawn, eventually, launch, NO_BROWSER, openPage, suggested } from './browser.js';

const VXLAN = 'two-nodes-vxlan';
const SHOP = 'shop';

const sendButton = (page: Page) => page.getByRole('button', { name: 'Send', exact: true });
const live = (page: Page) => page.getByText('Live', { exact: true });

interface Held {
  /** One such request has been answered. */
  held(): Promise<void>;
  letGo(): Promise<void>;
}

/** Answers to such requests are kept, as they were, until they are let go. */
async function hold(page: Page, method: string, path: RegExp): Promise<Held> {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let came = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    came = resolve;
  });
  await page.route(path, async (route) => {
    if (route.request().method() !== method) return route.continue();
    const response = await route.fetch();
    came();
    await released;
    return route.fulfill({ response });
  });
  return {
    held: () => held,
    letGo: async () => {
      const late = page.waitForResponse((response) => path.test(response.url()));
      release();
      await (await late).finished();
      await drawn(page);
    },
  };
}

t.test('what comes late', { skip: NO_BROWSER }, async (t) => {
  const pageFolder = buildPage();
  const browser: Browser = await launch();
  t.teardown(() => browser.close());
  const two = { pageFolder, clusters: [cluster(VXLAN), cluster('services-iptables', SHOP)] };
  const shopIsShown = async (page: Page): Promise<void> => {
    const suggested = page.getByLabel('From', { exact: true });
    await eventually(
      () => suggested.inputValue(),
      (from) => from.startsWith('pod/shop/'),
    );
    await live(page).waitFor();
  };
  const showShop = async (page: Page): Promise<void> => {
    await page.getByRole('combobox', { name: 'Cluster' }).selectOption(SHOP);
    await shopIsShown(page);
  };

  await t.test('an answer of one cluster is not shown in another, which can be asked meanwhile', async (t) => {
    const { server, ask } = await running(t, two);
    const { page, complaints } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}` });
    await live(page).waitFor();
    const traces = await hold(page, 'POST', new RegExp(`/clusters/${VXLAN}/traces`));
    t.ok(await suggested(page), 'there is something to send');
    await sendButton(page).click();
    await traces.held();
    await showShop(page);
    await page.getByLabel('From', { exact: true }).fill('pod/shop/client');
    await page.getByLabel('To', { exact: true }).fill('svc/shop/web:80');
    await page.getByRole('radio', { name: 'TCP' }).click();
    await sendButton(page).click();
    const answer = page.locator('.answer[data-verdict="answered"]').filter({ hasText: 'svc/shop/web' });
    await answer.waitFor();
    await traces.letGo();
    t.ok(await answer.isVisible());
    t.equal(await page.locator('.answer').filter({ hasText: 'pod/default/web' }).count(), 0);
    t.strictSame(complaints, []);
  });

  await t.test('a cluster that is deleted while it is asked says that it is gone, and nothing else', async (t) => {
    const { server, ask } = await running(t, two);
    const { page } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}` });
    await live(page).waitFor();
    await page.route(new RegExp(`/clusters/${VXLAN}/traces`), async (route) => {
      await ask('DELETE', `/clusters/${VXLAN}`);
      await page.getByRole('alert').getByText(`There is no cluster ${VXLAN} on this server.`).waitFor();
      await route.continue();
    });
    const late = page.waitForResponse((one) => one.status() === 404 && one.url().endsWith('/traces'));
    t.ok(await suggested(page), 'there is something to send');
    await sendButton(page).click();
    await (await late).finished();
    await drawn(page);
    t.equal(await page.getByRole('alert').count(), 1);
    await page.getByRole('alert').getByRole('link', { name: SHOP }).click();
    await live(page).waitFor();
    t.ok(await sendButton(page).isEnabled());
  });

  await t.test('a change is made to the cluster in which it was asked for', async (t) => {
    const { server, ask } = await running(t, two);
    const { page, complaints } = await openPage(t, browser, { server, ask, hash: `#/${VXLAN}` });
    await live(page).waitFor();
    t.ok(await suggested(page), 'there is something to send');
    await sendButton(page).click();
    await page.locator('.answer[data-verdict="answered"]').waitFor();
    await page.getByRole('tab', { name: 'Change' }).click();
    const apply = page.locator('.change-tool').getByRole('button', { name: 'Apply', exact: true });
    await apply.waitFor();
    // The flow is sent once more before anything is changed.
    const traces = await hold(page, 'POST', new RegExp(`/clusters/${VXLAN}/traces`));
    await apply.click();
    await traces.held();
    await showShop(page);
    await traces.letGo();
    const policies = async (name: string): Promise<number> =>
      (await ask('GET', `/clusters/${name}/objects?kind=NetworkPolicy`)).json.total;
    await comesToEqual(t, () => policies(VXLAN), 1);
    t.equal(await policies(SHOP), 0);
    t.equal(await page.locator('.change-tool .flows').count(), 0, 'and its outcome is not told in the other');
    t.strictSame(complaints, []);
  });

  await t.test('what is typed while a cluster is read is not overwritten by what is suggested', async (t) => {
    const { server, ask } = await running(t, two);
    const holding: Held[] = [];
    const { page } = await openPage(t, browser, {
      server,
      ask,
      hash: `#/${VXLAN}`,
      prepare: async (one) => {
        holding.push(await hold(one, 'GET', new RegExp(`/clusters/${VXLAN}/pods`)));
      },
    });
    const from = page.getByLabel('From', { exact: true });
    await from.fill('node/node1');
    for (const pods of holding) {
      await pods.held();
      await pods.letGo();
    }
    await live(page).waitFor();
    t.equal(await from.inputValue(), 'node/node1');
  });

  await t.test('live is what the server has heard of, and so is tcpdump', async (t) => {
    const { server, ask } = await running(t, two);
    const asked: (() => void)[] = [];
    const { page } = await openPage(t, browser, {
      server,
      ask,
      hash: `#/${VXLAN}`,
      prepare: (one) =>
        one.routeWebSocket(/\/stream$/, (socket) => {
          const there = socket.connectToServer();
          socket.onMessage((message) => void asked.push(() => there.send(message)));
        }),
    });
    /** Asked, and not heard of. */
    const isAsked = async (count: number): Promise<void> => {
      await eventually(
        async () => asked.length,
        (length) => length >= count,
      );
      await drawn(page);
    };
    const letGo = (): void => {
      for (const send of asked.splice(0)) send();
    };
    await isAsked(3);
    t.equal(await live(page).count(), 0);
    letGo();
    await live(page).waitFor();
    await page.getByRole('tab', { name: 'Terminal' }).click();
    await page.locator('.xterm').click();
    await page.keyboard.type('tcpdump -i any\n');
    const listening = page.locator('.xterm-rows').getByText('listening on any');
    await isAsked(1);
    t.equal(await listening.count(), 0);
    letGo();
    await listening.waitFor();
  });

  await t.test('a scenario that has been loaded does not take the place of what is shown by then', async (t) => {
    const { server, ask } = await running(t, two);
    const { page } = await openPage(t, browser, { server, ask, hash: '' });
    await live(page).waitFor();
    const run = await hold(page, 'POST', /\/scenarios\/same-node\/run/);
    await page.evaluate(`location.hash = '#/scenario/same-node'`);
    await run.held();
    await page.evaluate(`location.hash = '#/${SHOP}'`);
    await shopIsShown(page);
    await run.letGo();
    t.match(page.url(), new RegExp(`#/${SHOP}$`));
    await page.getByRole('combobox', { name: 'Cluster' }).selectOption('same-node');
    await page.waitForURL(/#\/same-node$/);
    await live(page).waitFor();
    t.pass('it is there to be chosen');
  });
});
