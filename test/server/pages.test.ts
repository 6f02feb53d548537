/** Lists in pages, and query parameters that are none. */

import fc from 'fast-check';
import t from 'tap';
import { type Page, page } from '../../src/server/session/page.js';
import { type Asked, cluster, type Parsed, running } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const AT = `/clusters/${VXLAN}`;

t.test('everything that answers with items comes in pages', async (t) => {
  const { ask } = await running(t);
  const { paths } = (await ask('GET', '/openapi.json')).json;
  const lists = Object.entries<Parsed>(paths).filter(
    ([, { get }]) => get?.responses['200']?.content?.['application/json']?.schema.properties?.items !== undefined,
  );
  t.equal(lists.length, 10);
  for (const [path, { get }] of lists) {
    const names = new Set(get.parameters.map(({ name }: Parsed) => name));
    t.ok(names.has('limit') && names.has('continue'), path);
  }
});

/** All pages of two rows. */
async function pagesOf(ask: Asked['ask'], path: string): Promise<{ items: Parsed[]; pages: Parsed[] }> {
  const pages: Parsed[] = [];
  for (let token = ''; ; ) {
    const { json } = await ask('GET', `${path}?limit=2${token === '' ? '' : `&continue=${token}`}`);
    pages.push(json);
    if (json.continue === undefined) return { items: pages.flatMap(({ items }) => items), pages };
    token = json.continue;
  }
}

t.test('pages of rows that come in any order have all of them, in that of their keys', async (t) => {
  const rows = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 7 }), (keys, limit) => {
      const found: string[] = [];
      let next: Page<string> | undefined;
      do {
        const token: string | undefined = next?.continue;
        next = page(keys, (key) => key, { limit, ...(token === undefined ? {} : { continue: token }) });
        found.push(...next.items);
      } while (next.continue !== undefined);
      t.equal(next.total, keys.length);
      t.strictSame(
        found,
        keys.toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }),
  );
});

const FAULTS = [
  { kind: 'node', name: 'node2' },
  { kind: 'switch', name: 'outside' },
  { kind: 'link', host: 'node1', interface: 'eth0' },
  { kind: 'pod', namespace: 'default', name: 'web' },
  { kind: 'pod', namespace: 'default', name: 'client' },
];

t.test('pages have every row once, in order', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const made = new Map<string, string[]>();
  const make = async (path: string, body: object): Promise<void> => {
    const { status, text, json } = await ask('POST', path, body);
    t.equal(status, 201, text);
    made.set(path, [...(made.get(path) ?? []), json.id]);
  };
  for (let i = 0; i < 5; i += 1) {
    await make(`${AT}/captures`, { interfaces: [{ target: 'node/node1' }] });
    await make(`${AT}/traces`, { from: 'node/node1', to: 'node/node2', protocol: 'icmp' });
  }
  for (const fault of FAULTS) await make(`${AT}/faults`, fault);
  for (const [path, ids] of made) {
    const { items, pages } = await pagesOf(ask, path);
    t.strictSame(
      items.map(({ id }) => id),
      ids,
      path,
    );
    t.equal(pages.length, 3, path);
    t.ok(
      pages.every(({ total }) => total === ids.length),
      path,
    );
  }
  for (const path of ['/scenarios', `${AT}/kinds`]) {
    const { items } = await pagesOf(ask, path);
    const whole = (await ask('GET', `${path}?limit=1000`)).json;
    t.ok(items.length > 3, path);
    t.strictSame(items, whole.items, path);
    t.equal(whole.total, items.length, path);
  }
});

t.test('rows that come and go between two pages neither repeat nor hide others', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { traces: 5 } });
  const trace = async () =>
    (await ask('POST', `${AT}/traces`, { from: 'node/node1', to: '127.0.0.1', protocol: 'icmp' })).json.id;
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.push(await trace());
  const first = (await ask('GET', `${AT}/traces?limit=2`)).json;
  t.strictSame(
    first.items.map(({ id }: Parsed) => id),
    ids.slice(0, 2),
  );
  // The oldest goes, and the last of the page with it.
  ids.push(await trace());
  await ask('DELETE', `${AT}/traces/${ids[1]}`);
  const second = (await ask('GET', `${AT}/traces?limit=10&continue=${first.continue}`)).json;
  t.strictSame(
    second.items.map(({ id }: Parsed) => id),
    ids.slice(2),
  );

  const faults: string[] = [];
  for (const fault of FAULTS.slice(0, 4)) faults.push((await ask('POST', `${AT}/faults`, fault)).json.id);
  const page = (await ask('GET', `${AT}/faults?limit=2`)).json;
  await ask('DELETE', `${AT}/faults/${faults[0]}`);
  await ask('DELETE', `${AT}/faults/${faults[1]}`);
  const rest = (await ask('GET', `${AT}/faults?continue=${page.continue}`)).json;
  t.strictSame(
    rest.items.map(({ id }: Parsed) => id),
    faults.slice(2),
  );
});

t.test('a query that is wrong says in what', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const cases: readonly (readonly [string, object])[] = [
    [
      '/clusters?limt=1',
      { detail: /no query parameter "limt"; did you mean limit\?/, errors: [{ field: '/limt', near: ['limit'] }] },
    ],
    [`${AT}?full=true`, { detail: /no query parameter "full": there are none here/ }],
    [
      `${AT}/objects?knd=Pod&limit=3&nmae=x`,
      {
        errors: [
          { field: '/knd', near: ['kind'] },
          { field: '/nmae', near: ['name'] },
        ],
      },
    ],
    [`${AT}/objects?__proto__=x`, { errors: [{ field: '/__proto__' }] }],
    ['/clusters?limit=1&limit=2', { errors: [{ field: '/limit' }] }],
    ['/clusters?limit=0', { errors: [{ field: '/limit' }] }],
    ['/clusters?limit=many', { errors: [{ field: '/limit' }] }],
    ['/clusters?continue=%21', { errors: [{ field: '/continue' }] }],
    [`${AT}/findings?severity=grave`, { errors: [{ field: '/severity' }] }],
    ['/openapi.json?x=1', { errors: [{ field: '/x' }] }],
  ];
  for (const [path, problem] of cases) {
    const answer = await ask('GET', path);
    t.equal(answer.status, 400, path);
    t.match(answer.json, problem, path);
  }
  const generation = async () => (await ask('GET', AT)).json.generation;
  const before = await generation();
  t.equal(
    (await ask('POST', `${AT}/objects?aply=true`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } }))
      .status,
    400,
  );
  t.equal(await generation(), before, 'and nothing is done');
});

t.test('a token leads on in the list that gave it, and in no other', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const first = (await ask('GET', `${AT}/objects?kind=Pod&limit=1`)).json;
  const next = async (path: string) => ask('GET', `${path}&limit=5&continue=${first.continue}`);
  const on = await next(`${AT}/objects?kind=Pod`);
  t.equal(on.status, 200, on.text);
  t.notSame(on.json.items[0], first.items[0]);
  for (const path of [
    `${AT}/objects?kind=Node`,
    `${AT}/objects?kind=Pod&namespace=default`,
    `${AT}/pods?namespace=default`,
  ]) {
    const other = await next(path);
    t.match(other, { status: 400, json: { errors: [{ field: '/continue' }] } }, path);
  }
});
