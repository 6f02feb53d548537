/** What-if and scenarios over real sockets. */

import { existsSync, readdirSync } from 'node:fs';
import t from 'tap';
import { cluster, DENY_WEB, type Parsed, running } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const PATH = `/clusters/${VXLAN}/what-if`;
const FLOW = { from: 'pod/default/client', to: 'pod/default/web', port: 80 };

t.test('what-if answers for each flow, and leaves the cluster as it is', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const before = (await ask('GET', `/clusters/${VXLAN}`)).json;
  const answer = await ask('POST', PATH, {
    changes: [{ apply: DENY_WEB }],
    flows: [FLOW, { from: 'node/node2', to: 'pod/default/web:80' }],
  });
  t.equal(answer.status, 200, answer.text);
  t.match(answer.json, {
    changed: 1,
    flows: [
      {
        from: 'pod/default/client',
        to: 'pod/default/web:80',
        changed: 'verdict',
        before: { verdict: 'answered' },
        after: { verdict: 'dropped', explanation: [/NetworkPolicy default\/deny-web/] },
      },
      { changed: 'no' },
    ],
  });
  const last = answer.json.flows[0].after.decidedBy.at(-1);
  t.equal(last.place, 'node/node2');
  t.ok(last.because.includes('NetworkPolicy default/deny-web'), JSON.stringify(last));
  const after = (await ask('GET', `/clusters/${VXLAN}`)).json;
  t.strictSame(after, before, 'generation, objects and time are as before');
  t.equal(
    (await ask('POST', `/clusters/${VXLAN}/traces`, { from: FLOW.from, to: 'pod/default/web:80' })).json.verdict,
    'answered',
  );
});

t.test('what-if with objects that are patched and deleted, with faults, and with all pairs', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const verdicts = async (changes: object[], flows: object[]) => {
    const { json } = await ask('POST', PATH, { changes, flows });
    return json.flows.map(({ before, after }: Parsed) => `${before.verdict} ${after.verdict}`);
  };
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'deny-web', namespace: 'default' },
    spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
  };
  const named = { kind: 'NetworkPolicy', namespace: 'default', name: 'deny-web' };
  t.strictSame(await verdicts([{ apply: policy }], [FLOW]), ['answered dropped'], 'an object instead of a text');
  t.strictSame(await verdicts([{ apply: policy }, { delete: named }], [FLOW]), ['answered answered']);
  const patch = { spec: { podSelector: { matchLabels: { app: 'other' } } } };
  t.strictSame(await verdicts([{ apply: policy }, { patch: { ...named, patch } }], [FLOW]), ['answered answered']);
  t.strictSame(await verdicts([{ delete: { kind: 'Pod', name: 'web' } }], [FLOW]), ['answered none']);
  t.strictSame(await verdicts([{ fault: { kind: 'link', host: 'node2', interface: 'eth0' } }], [FLOW]), [
    'answered unreachable',
  ]);
  const among = ['pod/default/client', 'pod/default/web', 'node/node1'];
  t.equal((await verdicts([{ apply: policy }], [{ among, protocol: 'icmp' }])).length, 6);
  t.equal((await ask('GET', `/clusters/${VXLAN}/faults`)).json.items.length, 0);
});

t.test('what is wrong with a what-if is told with its place', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { flows: 4 } });
  const flows = [FLOW];
  const cases: readonly (readonly [string, object, number, object])[] = [
    [
      'a name that is none',
      { changes: [], flows: [{ from: 'x', to: 'y/z' }] },
      400,
      { errors: [{ field: '/flows/0/from' }, { field: '/flows/0/to' }] },
    ],
    ['half a flow', { changes: [], flows: [{ from: 'node/node1' }] }, 400, { errors: [{ field: '/flows/0' }] }],
    [
      'a wrong object',
      { changes: [{ apply: DENY_WEB.replace('[Ingress]', '[Sideways]') }], flows },
      400,
      { errors: [{ file: 'change-1', line: 10, field: 'spec.policyTypes[0]' }] },
    ],
    [
      'a Service that the API server refuses',
      {
        changes: [{ apply: 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 70000}]}\n' }],
        flows,
      },
      400,
      { errors: [{ file: 'change-1', line: 4, field: 'spec.ports[0].port' }] },
    ],
    ['nobody’s object', { changes: [{ delete: { kind: 'Pod', name: 'nobody' } }], flows }, 404, {}],
    ['nobody’s fault', { changes: [{ fault: { kind: 'node', name: 'nod1' } }], flows }, 404, {}],
    ['too many', { changes: [], flows: [{ among: ['node/node1', 'node/node2', 'pod/default/web'] }] }, 429, {}],
    ['nothing to change', { changes: [{}], flows }, 400, {}],
    [
      'a patch that does not apply',
      { changes: [{ patch: { kind: 'Pod', name: 'web', patch: [{ op: 'remove', path: '/a~2' }] } }], flows },
      422,
      { errors: [{ field: '/changes/0/patch/patch/0/path' }] },
    ],
  ];
  for (const [name, body, status, problem] of cases) {
    const answer = await ask('POST', PATH, body);
    t.equal(answer.status, status, `${name}: ${answer.text}`);
    t.match(answer.json, problem, name);
  }
});

t.test('scenarios are listed, read, and run with what they expect', async (t) => {
  const { ask } = await running(t);
  const { json } = await ask('GET', '/scenarios');
  const names = readdirSync('topologies').sort();
  t.strictSame(
    json.items.map(({ name }: Parsed) => name),
    names,
  );
  t.ok(
    json.items.every(
      ({ title, description, expectations }: Parsed) => title !== '' && description !== '' && expectations.length > 0,
    ),
  );
  const one = await ask('GET', `/scenarios/${VXLAN}`);
  t.match(one.json, { name: VXLAN, title: 'Two nodes, VXLAN', description: /Two nodes on one switch/ });
  t.ok(one.json.sources.every(({ file }: Parsed) => existsSync(file)));
  const missing = await ask('GET', '/scenarios/two-node-vxlan');
  t.equal(missing.status, 404);
  t.match(missing.json, { errors: [{ near: [VXLAN] }] });

  const run = await ask('POST', `/scenarios/${VXLAN}/run`, {});
  t.equal(run.status, 201, run.text);
  t.match(run.json, { cluster: VXLAN, failed: 0, passed: one.json.expectations.length });
  const [first] = run.json.results;
  t.match(first, { verdict: 'answered', passed: true, unmet: [] });
  t.equal((await ask('GET', `/clusters/${VXLAN}/traces/${first.trace}?format=summary`)).json.verdict, 'answered');
  t.equal((await ask('POST', `/scenarios/${VXLAN}/run`, {})).status, 409, 'it is there already');
  t.equal((await ask('POST', `/scenarios/${VXLAN}/run`, { replace: true })).json.failed, 0);
  t.equal((await ask('POST', '/scenarios/same-node/run', { cluster: 'other' })).json.cluster, 'other');
  t.equal((await ask('GET', '/clusters')).json.total, 2);
});
