import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { cluster, running } from '../server/running.js';
import { becomes, buildPage, comesToEqual, eventually, launch, NO_BROWSER, openCluster, openPage } from './browser.js';

const VXLAN = 'two-nodes-vxlan';
const MOST_STOPS = 200;

/** What a tool shows when it has been loaded. */
const FILLED = { packet: '#tool .fields', place: '#tool select', change: '#tool .cm-content', faults: '#tool .danger' };

/** What a pointer could use, is seen, and is a stop of the tab key by itself. Of a group of buttons one is. */
const MARK_STOPS = `
  [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]')]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }))
    .map((one, i) => {
      one.dataset.stop = String(i);
      return [one.tagName, one.getAttribute('role'), one.getAttribute('aria-label') ?? one.innerText?.slice(0, 40)].join(' ');
    })`;
/** The stop that has the focus, and whether that is seen there or around it. */
const FOCUSED = `(() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return undefined;
  const rings = (element) => getComputedStyle(element).outlineStyle !== 'none';
  const isSeen = [one, one.parentElement, one.closest('label, .cm-editor, .screen')].some((near) => near && rings(near));
  return { stop: one.dataset.stop, isSeen };
})()`;

interface Focus {
  readonly stop?: string;
  readonly isSeen: boolean;
}

/** An editor marks itself a moment later. */
const MARKED_MS = 5000;

const focusOf = (page: Page): Promise<Focus | undefined> =>
  eventually<Focus | undefined>(
    () => page.evaluate(FOCUSED),
    (at) => at === undefined || at.isSeen,
    MARKED_MS,
  );

/** The tab key leads from the first stop through all others, each of them marked, and out again. */
async function walk(t: Test, page: Page, what: string): Promise<void> {
  await page.locator('.brand').focus();
  const stops = (await page.evaluate(MARK_STOPS)) as readonly string[];
  const reached = new Set<string>();
  const unseen: string[] = [];
  let isOut = false;
  for (let i = 0; i < MOST_STOPS && !isOut; i++) {
    const at = await focusOf(page);
    isOut = at === undefined || (at.stop === '0' && reached.size > 1);
    if (at?.stop !== undefined) {
      if (!at.isSeen && i > 0) unseen.push(stops[Number(at.stop)] ?? at.stop);
      reached.add(at.stop);
    }
    await page.keyboard.press('Tab');
  }
  t.ok(isOut, `${what}: nothing keeps the focus`);
  t.strictSame(unseen, [], `${what}: the focus is seen everywhere`);
  t.strictSame(
    stops.filter((_, i) => !reached.has(String(i))),
    [],
    `${what}: everything is reached`,
  );
}

const isFocused = (selector: string): string => `document.activeElement?.matches(${JSON.stringify(selector)}) === true`;

/** Whether the focus comes to be there. */
async function focused(t: Test, page: Page, selector: string, what: string): Promise<void> {
  if (await becomes(page, isFocused(selector))) t.pass(what);
  else t.equal(await page.evaluate('document.activeElement?.outerHTML.slice(0, 200)'), selector, what);
}

/** Presses the tab key until the focus is there, once it can be. */
async function tabTo(t: Test, page: Page, selector: string): Promise<void> {
  await page.locator(selector).first().waitFor({ state: 'attached' });
  for (let i = 0; i < MOST_STOPS; i++) {
    if ((await page.evaluate(isFocused(selector))) === true) return;
    await page.keyboard.press('Tab');
  }
  t.fail(`the tab key does not lead to ${selector}`);
}

t.test('the page by keyboard alone', { skip: NO_BROWSER }, async (t) => {
  const pageFolder = buildPage();
  const browser = await launch();
  t.teardown(() => browser.close());

  await t.test('a topology is loaded, packets are sent, and their trace is read and left', async (t) => {
    const { server, ask } = await running(t, { pageFolder });
    const { page, complaints } = await openPage(t, browser, { server, ask });
    await page.getByText('Two nodes, VXLAN').waitFor();
    await walk(t, page, 'without a cluster');
    await page.getByRole('button', { name: 'Two nodes, VXLAN' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Live', { exact: true }).waitFor();
    await walk(t, page, 'with a cluster');
    await page.getByLabel('From', { exact: true }).focus();
    await page.keyboard.type('pod/default/client');
    await tabTo(t, page, '#to');
    await page.keyboard.type('pod/default/web:80');
    await tabTo(t, page, '[role=radio]');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('radio', { name: 'TCP', checked: true }).waitFor();
    await tabTo(t, page, '.sender .primary');
    await page.keyboard.press('Enter');
    await page.locator('.answer[data-verdict="answered"]').waitFor();
    await focused(t, page, '.sender .primary', 'who sends stays where it was sent');
    await walk(t, page, 'an answer');
    await tabTo(t, page, '.answer .primary');
    await page.keyboard.press('Enter');
    await focused(t, page, 'section.trace', 'what is opened has the focus');
    await walk(t, page, 'a trace');
    await tabTo(t, page, '.outline button');
    await page.keyboard.press('Escape');
    await focused(t, page, '.answer .primary', 'and whence it was opened when it is left');
    t.strictSame(complaints, []);
  });

  await t.test('every tool is opened and left; the picture chooses, the list moves', async (t) => {
    const { page } = await openCluster(t, browser, { pageFolder, name: VXLAN, clusters: [cluster(VXLAN)] });
    await page.getByRole('radio', { name: 'TCP', checked: true }).waitFor();
    await page.getByLabel('From', { exact: true }).fill('pod/default/client');
    await page.getByLabel('To', { exact: true }).fill('pod/default/web:80');
    await page.keyboard.press('Enter');
    await page.locator('.answer[data-verdict="answered"]').waitFor();
    await page.locator('.packet-row').nth(1).waitFor();
    await page.locator('[role=grid]').focus();
    await page.keyboard.press('Home');
    await page.locator('.packet-row.chosen[aria-rowindex="2"]').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.locator('.packet-row.chosen[aria-rowindex="3"]').waitFor();
    await comesToEqual(t, () => page.locator('.packet-row.chosen').count(), 1, 'one after the other');
    await focused(t, page, '[role=grid]', 'the list keeps the focus while its packets are shown');
    for (const tool of ['packet', 'place', 'change', 'faults'] as const) {
      await tabTo(t, page, '.tools [role=tab][aria-selected=true]');
      while ((await page.evaluate(isFocused(`#tab-${tool}`))) !== true) await page.keyboard.press('ArrowRight');
      await page.locator(`#tab-${tool}[aria-selected=true]`).waitFor();
      await page.locator(FILLED[tool]).first().waitFor();
      await walk(t, page, tool);
    }
    await page.locator('.picture canvas[role=img]').focus();
    const chosen = page.locator('#tool select').first();
    const walked: string[] = [];
    for (const key of ['PageDown', 'PageDown', 'PageUp', 'PageUp']) {
      await page.keyboard.press(key);
      await page.locator('#tab-place[aria-selected=true]').waitFor();
      walked.push(
        await eventually(
          () => chosen.inputValue(),
          (place) => place !== '' && place !== walked.at(-1),
        ),
      );
    }
    t.equal(new Set(walked).size, 3, `one place after the other, and back: ${walked.join(' ')}`);
    t.equal(walked[0], walked[2]);
    await page.keyboard.press('Enter');
    await focused(t, page, 'canvas[role=img]', 'the picture keeps the focus');
  });

  await t.test('what is mended leaves the focus near', async (t) => {
    const { page } = await openCluster(t, browser, { pageFolder, name: VXLAN, clusters: [cluster(VXLAN)] });
    await page.locator('#tab-answer').focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    await tabTo(t, page, '#tool select');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Mend' }).waitFor();
    await focused(t, page, '#tool .danger', 'who breaks something can go on');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Mend' }).waitFor({ state: 'detached' });
    await focused(t, page, '#tool h3', 'where nothing is broken any more its heading has it');
  });

  await t.test('a dialog gives the focus back, and a terminal lets out', async (t) => {
    const { page, ask } = await openCluster(t, browser, { pageFolder, name: VXLAN, clusters: [cluster(VXLAN)] });
    await ask('POST', `/clusters/${VXLAN}/objects`, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'odd' },
      spec: { podSelector: {}, podSelectr: {} },
    });
    await page.locator('.findings-count').waitFor();
    await page.locator('.findings-count').focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    t.ok(await becomes(page, `document.querySelector('dialog[open]').contains(document.activeElement)`));
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await focused(t, page, '.findings-count', 'the button that opened it');

    await tabTo(t, page, '.below [role=tab]');
    await page.keyboard.press('ArrowRight');
    await tabTo(t, page, '.terminal textarea');
    await page.keyboard.type('hostname\n');
    await page.locator('.terminal').getByText('hostname').first().waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    t.ok(await becomes(page, `document.activeElement.closest('.screen') === null`), 'Shift+Tab leaves it');
  });
});
