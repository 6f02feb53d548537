import fc from 'fast-check';
import t from 'tap';
import {
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  isNetwork,
  isIpv4,
  type LabelSelector,
  matchesSelector,
  parseCidr,
  parseIp,
  Random,
  safeEncode,
  seededUuid,
  Store,
} from '../../src/kubernetes/index.js';
import { load, pod } from './cluster-text.js';

const found = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the test’s own text is wrong');
  return value;
};

const podNamed = (name: string, namespace = 'default') =>
  load(pod(name, {}, { namespace })).store.get('Pod', namespace, name)!;

t.test('a store tells its listeners what was added, modified and deleted', (t) => {
  const store = new Store();
  const seen: string[] = [];
  const stop = store.watch('Pod', (event) => {
    const old = event.type === 'modified' ? ` was ${event.old.spec.nodeName}` : '';
    seen.push(`${event.type} ${event.object.name}${old}`);
  });
  const first = podNamed('a');
  store.put('Pod', { ...first, spec: { ...first.spec, nodeName: 'n1' } });
  store.put('Pod', { ...first, spec: { ...first.spec, nodeName: 'n2' } });
  t.equal(store.delete('Pod', 'default', 'a'), true);
  t.equal(store.delete('Pod', 'default', 'a'), false);
  stop();
  store.put('Pod', first);
  t.same(seen, ['added a', 'modified a was n1', 'deleted a']);
  t.end();
});

t.test('lists are ordered, whatever the order of arrival, and follow changes', (t) => {
  const store = new Store();
  for (const [namespace, name] of [
    ['b', 'x'],
    ['a', 'z'],
    ['a', 'y'],
  ] as const)
    store.put('Pod', podNamed(name, namespace));
  const names = (namespace?: string) =>
    store.list('Pod', namespace).map((object) => `${object.namespace}/${object.name}`);
  t.same(names(), ['a/y', 'a/z', 'b/x']);
  t.same(names('a'), ['a/y', 'a/z']);
  t.same(names('c'), []);
  t.equal(store.list('Pod'), store.list('Pod'), 'an unchanged list is not made again');
  store.delete('Pod', 'a', 'y');
  t.same(names(), ['a/z', 'b/x']);
  t.same(names('a'), ['a/z']);
  t.end();
});

const selector = (
  matchLabels: LabelSelector['matchLabels'],
  ...matchExpressions: LabelSelector['matchExpressions']
): LabelSelector => ({ matchLabels, matchExpressions });
const LABELS = { app: 'web', tier: 'front', empty: '' };
const SELECTORS: readonly [string, LabelSelector, boolean][] = [
  ['nothing asked for', selector({}), true],
  ['one label', selector({ app: 'web' }), true],
  ['two labels', selector({ app: 'web', tier: 'back' }), false],
  ['an inherited name', selector({ constructor: 'x' }), false],
  ['In', selector({}, { key: 'app', operator: 'In', values: ['x', 'web'] }), true],
  ['In, absent', selector({}, { key: 'nope', operator: 'In', values: [''] }), false],
  ['NotIn', selector({}, { key: 'app', operator: 'NotIn', values: ['web'] }), false],
  ['NotIn, absent', selector({}, { key: 'nope', operator: 'NotIn', values: ['web'] }), true],
  ['Exists, empty', selector({}, { key: 'empty', operator: 'Exists', values: [] }), true],
  ['Exists, inherited', selector({}, { key: 'toString', operator: 'Exists', values: [] }), false],
  ['DoesNotExist', selector({}, { key: 'nope', operator: 'DoesNotExist', values: [] }), true],
  [
    'all of them',
    selector(
      { app: 'web' },
      { key: 'tier', operator: 'Exists', values: [] },
      { key: 'empty', operator: 'DoesNotExist', values: [] },
    ),
    false,
  ],
];

for (const [name, wanted, matches] of SELECTORS) {
  t.test(`selector: ${name}`, (t) => {
    t.equal(matchesSelector(wanted, LABELS), matches);
    t.end();
  });
}

t.test('addresses and CIDRs of either family', (t) => {
  for (const text of [
    '10.0.0.0/8',
    '0.0.0.0/0',
    '192.168.1.64/26',
    'fd00::/8',
    '2001:db8:0:1::/64',
    '::/0',
    'fd00:1::1/128',
  ]) {
    const cidr = parseCidr(text);
    t.equal(cidr && formatCidr(cidr), text);
    t.equal(cidr && isNetwork(cidr), true, text);
  }
  const net = (text: string) => found(parseCidr(text));
  const ip = (text: string) => found(parseIp(text));
  t.equal(isNetwork(net('10.0.0.1/8')), false);
  t.equal(isNetwork(net('fd00::1/64')), false);
  t.equal(cidrContains(net('fd00:0:0:1::/64'), ip('fd00:0:0:1:ffff::')), true);
  t.equal(cidrContains(net('fd00:0:0:1::/64'), ip('fd00:0:0:2::')), false);
  t.equal(cidrContains(net('0.0.0.0/0'), ip('::1')), false, 'no IPv4 prefix holds an IPv6 address');
  t.equal(cidrsOverlap(net('10.1.0.0/16'), net('10.0.0.0/8')), true);
  t.equal(cidrsOverlap(net('10.1.0.0/16'), net('10.2.0.0/16')), false);
  t.equal(cidrsOverlap(net('::/0'), net('fd00::/8')), true);
  for (const text of ['10.0.0.256', '10.0.0.01', '10.0.0', 'fd00:::1', '', ' 10.0.0.1'])
    t.equal(parseIp(text), undefined, text);
  t.end();
});

t.test('IPv6 addresses come back as they went in', (t) => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseIp(text);
      if (address === undefined) return; // a dotted tail in an unusual place
      t.equal(isIpv4(address), false);
      t.same(parseIp(formatIp(address)), address);
    }),
    { seed: 3, numRuns: 200 },
  );
  t.end();
});

t.test('chance follows the seed', (t) => {
  const draw = (random: Random) => Array.from({ length: 20 }, () => random.int(6));
  t.same(draw(new Random(1)), draw(new Random(1)));
  t.notSame(draw(new Random(1)), draw(new Random(2)));
  t.notSame(draw(Random.for(1, 'a')), draw(Random.for(1, 'b')));
  const counts = [0, 0, 0, 0, 0, 0];
  const random = new Random(5);
  for (let i = 0; i < 6000; i++) counts[random.int(6)]! += 1;
  t.ok(
    counts.every((count) => count > 850 && count < 1150),
    String(counts),
  );
  t.equal(seededUuid(1, 'x'), seededUuid(1, 'x'));
  t.match(seededUuid(1, 'x'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.end();
});

t.test('safe encoding takes each character by its place', (t) => {
  // '0' is 48, 48 % 27 = 21: the alphabet's 22nd letter.
  t.equal(safeEncode('0'), '4');
  t.equal(safeEncode('3456789'), '789bcdf');
  t.equal(safeEncode('0123456789'), '456789bcdf');
  t.end();
});
