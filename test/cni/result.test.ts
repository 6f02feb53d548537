import * as fc from 'fast-check';
import t from 'tap';
import { type CniResult, parseResult, printJson, resultJson, sortedResult } from '../../src/cni/index.js';

const RESULT: CniResult = {
  interfaces: [
    { name: 'cni0', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mtu: 1400, sandbox: '/run/netns/a' },
  ],
  ips: [
    { interface: 1, address: '10.1.0.5/16', gateway: '10.1.0.1' },
    { interface: 1, address: 'fd00::5/64', gateway: 'fd00::1' },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1', priority: 7 }, { dst: '::/0' }],
  dns: { nameservers: ['10.96.0.10'], search: ['cluster.local'] },
};

t.test('0.2.0 has one address of each family, and no interfaces', (t) => {
  t.same(resultJson(RESULT, '0.2.0'), {
    cniVersion: '0.2.0',
    ip4: { ip: '10.1.0.5/16', gateway: '10.1.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }] },
    ip6: { ip: 'fd00::5/64', gateway: 'fd00::1', routes: [{ dst: '::/0' }] },
    dns: { nameservers: ['10.96.0.10'], search: ['cluster.local'] },
  });
  t.end();
});

t.test('0.2.0 cannot say that there is no address', (t) => {
  t.throws(() => resultJson({ ...RESULT, ips: [] }, '0.2.0'), {
    code: 999,
    message: 'cannot convert: no valid IP addresses',
  });
  t.end();
});

t.test('0.3.0 to 0.4.0 say the family of each address, 1.0.0 leaves it out', (t) => {
  for (const version of ['0.3.0', '0.3.1', '0.4.0'])
    t.match(resultJson(RESULT, version), { cniVersion: version, ips: [{ version: '4' }, { version: '6' }] });
  t.same(resultJson(RESULT, '1.0.0')['ips'], RESULT.ips);
  t.end();
});

t.test('MTUs and priorities came with 1.1.0', (t) => {
  const [newer, older] = [resultJson(RESULT, '1.1.0'), resultJson(RESULT, '1.0.0')];
  t.match(newer, { interfaces: [{}, { mtu: 1400 }], routes: [{ priority: 7 }, {}] });
  t.notMatch(printJson(older), /mtu|priority/);
  t.end();
});

t.test('what a version can say is read back from it', (t) => {
  t.same(parseResult(resultJson(RESULT, '1.1.0')), RESULT);
  t.same(parseResult(resultJson(RESULT, '0.2.0')).ips, [
    { address: '10.1.0.5/16', gateway: '10.1.0.1' },
    { address: 'fd00::5/64', gateway: 'fd00::1' },
  ]);
  t.end();
});

t.test('empty fields are left out, dns is not', (t) => {
  const empty = { interfaces: [], ips: [], routes: [], dns: {} };
  t.same(resultJson(empty, '1.0.0'), { cniVersion: '1.0.0', dns: {} });
  t.same(sortedResult(resultJson(empty, '1.0.0')), { cniVersion: '1.0.0' });
  t.end();
});

t.test('newer libraries sort keys at every depth', (t) => {
  const keys = Object.keys(sortedResult({ b: [{ z: 1, a: 2 }], a: 1 }));
  t.same(keys, ['a', 'b']);
  t.equal(
    printJson(sortedResult({ b: [{ z: 1, a: 2 }] })),
    '{\n    "b": [\n        {\n            "a": 2,\n            "z": 1\n        }\n    ]\n}',
  );
  t.end();
});

t.test('characters of HTML are escaped as encoding/json does', (t) => {
  t.equal(printJson({ a: '<&>\u2028' }), '{\n    "a": "\\u003c\\u0026\\u003e\\u2028"\n}');
  t.end();
});

t.test('any result survives each version from 0.3.0 on, but for what came later', (t) => {
  const ip = fc.record({
    interface: fc.nat(3),
    address: fc.constantFrom('10.0.0.1/24', 'fd00::1/64', '192.0.2.7/32'),
  });
  const result = fc.record({
    interfaces: fc.array(fc.record({ name: fc.stringMatching(/^[a-z]{1,8}$/) }), { maxLength: 3 }),
    ips: fc.array(ip, { maxLength: 3 }),
    routes: fc.array(fc.record({ dst: fc.constantFrom('0.0.0.0/0', '10.0.0.0/8') }), { maxLength: 2 }),
    dns: fc.constantFrom({}, { domain: 'x' }, { nameservers: ['10.0.0.2'] }),
  });
  fc.assert(
    fc.property(result, fc.constantFrom('0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'), (one, version) => {
      t.same(parseResult(resultJson(one, version)), one);
    }),
  );
  t.end();
});
