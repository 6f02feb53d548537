/** resourceVersions: who writes what somebody else has changed meanwhile is told. */

import t from 'tap';
import { cluster, DENY_WEB, type Parsed, running, UNBOUNDED, YAML } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const OBJECTS = `/clusters/${VXLAN}/objects`;
const DENY = `${OBJECTS}/networking.k8s.io/NetworkPolicy/default/deny-web`;
const NODE = `${OBJECTS}/core/Node/-/node1`;

const versionOf = (answer: { readonly json: Parsed }): string => {
  const object = answer.json.object ?? answer.json.objects[0];
  return object.metadata.resourceVersion;
};

t.test('a version goes up with each change of the object, and with no other', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const atStart = (await ask('GET', `${OBJECTS}?full=true`)).json;
  for (const { object, resourceVersion } of atStart.items)
    t.equal(object.metadata.resourceVersion, resourceVersion, object.metadata.name);
  const node = versionOf(await ask('GET', NODE));

  const made = versionOf(await ask('POST', OBJECTS, DENY_WEB, YAML));
  t.ok(Number(made) > Number(atStart.resourceVersion), `${made} after ${atStart.resourceVersion}`);
  t.equal((await ask('GET', OBJECTS)).json.resourceVersion, made, 'the last of all');
  t.equal(versionOf(await ask('GET', NODE)), node, 'nobody changed the node');

  t.equal(versionOf(await ask('PUT', DENY, DENY_WEB, YAML)), made, 'the same once more is no change');
  const patch = { metadata: { labels: { a: 'b' } } };
  const patched = versionOf(await ask('PATCH', DENY, patch, { 'content-type': 'application/merge-patch+json' }));
  t.ok(Number(patched) > Number(made));
  t.equal(versionOf(await ask('GET', DENY)), patched);
  const dry = await ask('PATCH', `${DENY}?dryRun=All`, { metadata: { labels: { a: 'c' } } }, MERGE);
  t.equal(dry.status, 200, dry.text);
  t.equal((await ask('GET', OBJECTS)).json.resourceVersion, patched, 'a dry run is none');

  t.equal((await ask('DELETE', DENY)).status, 200);
  const again = versionOf(await ask('POST', OBJECTS, DENY_WEB, YAML));
  t.ok(Number(again) > Number(patched) + 1, 'one that comes again is another, after its deletion');
});

const MERGE = { 'content-type': 'application/merge-patch+json' };
const MODIFIED =
  'Operation cannot be fulfilled on networkpolicies.networking.k8s.io "deny-web": the object has been modified; please apply your changes to the latest version and try again';

t.test('of two who write what they have read the second is told', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  await ask('POST', OBJECTS, DENY_WEB, YAML);
  const { object } = (await ask('GET', DENY)).json;
  const own = (labels: Parsed) => ({ ...object, metadata: { ...object.metadata, labels } });
  t.equal((await ask('PUT', DENY, own({ first: 'yes' }))).status, 200);
  const before = (await ask('GET', DENY)).text;
  for (const [name, answer] of [
    ['PUT', await ask('PUT', DENY, own({ second: 'yes' }))],
    ['apply', await ask('POST', `${OBJECTS}?apply=true`, own({ second: 'yes' }))],
    ['patch', await ask('PATCH', DENY, { metadata: { resourceVersion: object.metadata.resourceVersion } }, MERGE)],
    [
      'server-side apply',
      await ask(
        'PATCH',
        `${DENY}?fieldManager=me&force=true`,
        JSON.stringify({
          ...own({ a: 'b' }),
          metadata: { name: 'deny-web', namespace: 'default', resourceVersion: '1' },
        }),
        {
          'content-type': 'application/apply-patch+yaml',
        },
      ),
    ],
    ['an immutable field and', await ask('PUT', DENY, own({ second: 'no' }))],
  ] as const) {
    t.equal(answer.status, 409, `${name}: ${answer.text}`);
    t.equal(answer.json.detail, MODIFIED, name);
    t.equal(answer.json.errors[0].field, 'metadata.resourceVersion', name);
  }
  t.equal((await ask('GET', DENY)).text, before, 'nothing has changed');
  const unconditional = own({ third: 'yes' });
  delete unconditional.metadata.resourceVersion;
  t.equal((await ask('PUT', DENY, unconditional)).status, 200, 'who names none means whichever is there');
});

t.test('what is deleted has to be what was meant', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const made = versionOf(await ask('POST', OBJECTS, DENY_WEB.replace('  name:', '  uid: 1-2-3\n  name:'), YAML));
  const refused = await ask('DELETE', `${DENY}?resourceVersion=1`);
  t.equal(refused.status, 409, refused.text);
  t.equal(
    refused.json.detail,
    `Operation cannot be fulfilled on networkpolicies.networking.k8s.io "deny-web": Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ${made}`,
  );
  t.match(
    (await ask('DELETE', `${DENY}?uid=3-2-1`)).json.detail,
    /UID in precondition: 3-2-1, UID in object meta: 1-2-3$/,
  );
  t.equal((await ask('GET', DENY)).status, 200, 'it is there');
  t.equal((await ask('DELETE', `${DENY}?uid=1-2-3&resourceVersion=${made}`)).status, 200);
});

t.test('versions of a real cluster stay, and what comes is later', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const text = DENY_WEB.replace('  name:', '  resourceVersion: "4711"\n  name:');
  const sources = [...cluster(VXLAN).sources, { file: 'deny.yaml', text }];
  t.equal((await ask('POST', '/clusters', { name: 'dump', sources })).status, 201);
  const deny = DENY.replace(VXLAN, 'dump');
  const { object } = (await ask('GET', deny)).json;
  t.equal(object.metadata.resourceVersion, '4711');
  t.equal((await ask('GET', NODE.replace(VXLAN, 'dump'))).json.resourceVersion, '4712');
  const labels = { a: 'b' };
  const put = await ask('PUT', deny, { ...object, metadata: { ...object.metadata, labels } });
  t.equal(versionOf(put), '4713', put.text);
});

t.test('versions are in snapshots, and go on when a thread has to start anew', async (t) => {
  const limits = { ...UNBOUNDED, requestMs: 4_000 };
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits });
  await ask('POST', OBJECTS, DENY_WEB, YAML);
  const put = await ask('PATCH', DENY, { metadata: { labels: { a: 'b' } } }, MERGE);
  const kept = versionOf(put);
  t.equal(versionOf(await ask('PUT', DENY, put.json.objects[0])), kept);

  const { bytes } = await ask('GET', `/clusters/${VXLAN}/snapshot`);
  const restored = await ask('POST', '/clusters?name=again', bytes, { 'content-type': 'application/cbor' });
  t.equal(restored.status, 201, restored.text);
  t.equal(versionOf(await ask('GET', DENY.replace(VXLAN, 'again'))), kept);
  t.equal((await ask('GET', OBJECTS.replace(VXLAN, 'again'))).json.resourceVersion, kept);

  const command = ['ping', '-c', '100000000', '127.0.0.1'];
  t.equal((await ask('POST', `/clusters/${VXLAN}/exec`, { target: 'pod/default/client', command })).status, 504);
  const { object } = (await ask('GET', DENY)).json;
  t.ok(Number(object.metadata.resourceVersion) >= Number(kept), 'no number comes twice');
  const next = await ask('PUT', DENY, { ...object, metadata: { ...object.metadata, labels: { a: 'c' } } });
  t.equal(next.status, 200, next.text);
});
