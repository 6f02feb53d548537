/** Addresses out of pools: what MetalLB's controller gives, shares and refuses. */

import t from 'tap';
import { formatIpv4, parseIpv4 } from '../../../src/packet/index.js';
import { Allocator, metalLbConfiguration, parseAddressRange } from '../../../src/services/index.js';
import { load } from '../../kubernetes/cluster-text.js';

const RANGES: readonly { readonly text: string; readonly is: string | undefined }[] = [
  { text: '192.0.2.7', is: '192.0.2.7 192.0.2.7' },
  { text: '192.0.2.9/29', is: '192.0.2.8 192.0.2.15' },
  { text: '192.0.2.1-192.0.2.9', is: '192.0.2.1 192.0.2.9' },
  { text: ' 192.0.2.1 - 192.0.2.9 ', is: '192.0.2.1 192.0.2.9' },
  { text: '127.255.255.255-128.0.0.0', is: '127.255.255.255 128.0.0.0' },
  { text: '192.0.2.9-192.0.2.1', is: undefined },
  { text: '192.0.2.0/33', is: undefined },
  { text: '192.0.2.0/24-192.0.3.0/24', is: undefined },
  { text: '192.0.2.1-2-3', is: undefined },
  { text: '2001:db8::/64', is: undefined },
];
for (const { text, is } of RANGES) {
  t.test(`the range "${text}"`, (t) => {
    const range = parseAddressRange(text);
    t.equal(range && `${formatIpv4(range.first)} ${formatIpv4(range.last)}`, is);
    t.end();
  });
}

const pool = (name: string, spec: object) => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name, namespace: 'metallb-system' },
  spec,
});

interface Wish {
  readonly name: string;
  readonly namespace?: string;
  readonly annotations?: object;
  readonly labels?: object;
  readonly spec?: object;
}

const service = ({ name, namespace = 'shop', annotations = {}, labels = {}, spec = {} }: Wish) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, annotations, labels },
  spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }], ...spec },
});

/** `web 192.0.2.1`, `web: no available IPs`, in the order of the wishes. */
function given(pools: readonly object[], wishes: readonly Wish[], more: readonly object[] = []): string[] {
  const { store, errors } = load(...pools, ...wishes.map(service), ...more);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const allocator = new Allocator(store, metalLbConfiguration(store).pools);
  return wishes.map(({ name, namespace = 'shop' }) => {
    const object = store.get('Service', namespace, name);
    if (object === undefined) throw new Error(name);
    const answer = allocator.allocate(object);
    return 'refused' in answer ? `${name}: ${answer.refused}` : `${name} ${formatIpv4(answer.address)}`;
  });
}

const SHARED = { 'metallb.io/allow-shared-ip': 'key' };
const TWO = [pool('p', { addresses: ['192.0.2.1-192.0.2.2'] })];

interface Case {
  readonly what: string;
  readonly pools: readonly object[];
  readonly wishes: readonly Wish[];
  readonly more?: readonly object[];
  readonly are: readonly string[];
}

const CASES: readonly Case[] = [
  {
    what: 'the first that is free, until there is none',
    pools: TWO,
    wishes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    are: ['a 192.0.2.1', 'b 192.0.2.2', 'c: no available IPs'],
  },
  {
    what: 'addresses that end in 0 or 255 are left out where they confuse',
    pools: [pool('p', { addresses: ['192.0.2.255-192.0.3.1'], avoidBuggyIPs: true })],
    wishes: [{ name: 'a' }, { name: 'b', spec: { loadBalancerIP: '192.0.3.0' } }],
    are: ['a 192.0.3.1', 'b: ["192.0.3.0"] is not allowed in config'],
  },
  {
    what: 'loadBalancerIP, and the annotation before it',
    pools: TWO,
    wishes: [
      { name: 'a', spec: { loadBalancerIP: '192.0.2.2' } },
      { name: 'b', spec: { loadBalancerIP: '192.0.2.2' }, annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.1' } },
      { name: 'c', spec: { loadBalancerIP: '192.0.2.2' } },
      { name: 'd', annotations: { 'metallb.universe.tf/loadBalancerIPs': 'here' } },
    ],
    are: [
      'a 192.0.2.2',
      'b 192.0.2.1',
      'c: can\'t change sharing key for "shop/c", address also in use by shop/a',
      'd: invalid loadBalancerIPs "here"',
    ],
  },
  {
    what: 'a pool that gives to nobody who does not name it',
    pools: [pool('closed', { addresses: ['192.0.2.1/32'], autoAssign: false })],
    wishes: [
      { name: 'a' },
      { name: 'b', annotations: { 'metallb.io/address-pool': 'closed' } },
      { name: 'c', annotations: { 'metallb.io/address-pool': 'closed' } },
      { name: 'd', annotations: { 'metallb.io/address-pool': 'none' } },
    ],
    are: ['a: no available IPs', 'b 192.0.2.1', 'c: no available IPs in pool "closed"', 'd: unknown pool "none"'],
  },
  {
    what: 'pools for some Services go first, by priority, and are for nobody else',
    pools: [
      pool('a-common', { addresses: ['192.0.2.1/32'] }),
      pool('b-late', { addresses: ['192.0.2.2/32'], serviceAllocation: { priority: 20, namespaces: ['shop'] } }),
      pool('c-early', {
        addresses: ['192.0.2.3/32'],
        serviceAllocation: { priority: 10, namespaceSelectors: [{ matchLabels: { team: 'shop' } }] },
      }),
      pool('d-unranked', {
        addresses: ['192.0.2.4/32'],
        serviceAllocation: { serviceSelectors: [{ matchLabels: { tier: 'front' } }] },
      }),
    ],
    wishes: [
      { name: 'a' },
      { name: 'b' },
      { name: 'c', labels: { tier: 'front' } },
      { name: 'd' },
      { name: 'e', namespace: 'other' },
    ],
    more: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'shop' } } }],
    are: ['a 192.0.2.3', 'b 192.0.2.2', 'c 192.0.2.4', 'd 192.0.2.1', 'e: no available IPs'],
  },
  {
    what: 'those who agree share an address where their ports differ',
    pools: TWO,
    wishes: [
      { name: 'a', annotations: SHARED },
      { name: 'b', annotations: SHARED, spec: { ports: [{ port: 81 }] } },
      { name: 'c', annotations: SHARED, spec: { ports: [{ port: 80, protocol: 'UDP' }] } },
      { name: 'd', annotations: SHARED, spec: { ports: [{ port: 81 }], loadBalancerIP: '192.0.2.1' } },
      { name: 'e', annotations: { 'metallb.io/allow-shared-ip': 'other' }, spec: { ports: [{ port: 90 }] } },
    ],
    are: [
      'a 192.0.2.1',
      'b 192.0.2.1',
      'c 192.0.2.1',
      'd: port TCP/81 is already in use on "192.0.2.1" by shop/a',
      'e 192.0.2.2',
    ],
  },
  {
    what: 'the policy Local shares with its own pods alone',
    pools: TWO,
    wishes: [
      { name: 'a', annotations: SHARED, spec: { externalTrafficPolicy: 'Local' } },
      { name: 'b', annotations: SHARED, spec: { externalTrafficPolicy: 'Local', ports: [{ port: 81 }] } },
      {
        name: 'c',
        annotations: SHARED,
        spec: { externalTrafficPolicy: 'Local', ports: [{ port: 82 }], selector: { app: 'a' } },
      },
    ],
    are: ['a 192.0.2.1', 'b 192.0.2.2', 'c 192.0.2.1'],
  },
];
for (const { what, pools, wishes, more = [], are } of CASES) {
  t.test(what, (t) => {
    t.same(given(pools, wishes, more), are);
    t.end();
  });
}

t.test("an address on record is nobody else's", (t) => {
  const { store } = load(...TWO, service({ name: 'old' }), service({ name: 'new' }));
  const allocator = new Allocator(store, metalLbConfiguration(store).pools);
  const [fresh, old] = store.list('Service');
  const address = parseIpv4('192.0.2.1');
  if (fresh === undefined || old === undefined || address === undefined) throw new Error('no Services');
  allocator.keep(old, address);
  t.match(allocator.allocate(fresh), { address: parseIpv4('192.0.2.2'), pool: { name: 'p' } });
  t.equal(allocator.poolOf(address)?.name, 'p');
  t.end();
});

t.test('what MetalLB does not understand of a pool, and pools that nobody advertises, are told', (t) => {
  const advertisement = (kind: string, spec: object) => ({
    apiVersion: 'metallb.io/v1beta1',
    kind,
    metadata: { name: kind.toLowerCase(), namespace: 'metallb-system' },
    spec,
  });
  const { store } = load(
    pool('bad', { addresses: ['192.0.2.9-192.0.2.1', '192.0.2.1/32', 'fd00::/120'] }),
    pool('bgp', { addresses: ['192.0.2.20/32'] }),
    pool('mute', { addresses: ['192.0.2.30/32'] }),
    advertisement('L2Advertisement', { ipAddressPools: ['bad'] }),
    advertisement('BGPAdvertisement', { ipAddressPools: ['bgp'] }),
  );
  const { findings, advertisements, pools } = metalLbConfiguration(store);
  t.match(
    findings.map(({ object, path, severity, message }) => `${object} ${path} ${severity}: ${message}`),
    [
      /^IPAddressPool metallb-system\/mute {2}warning: no L2Advertisement and no BGPAdvertisement/,
      /^BGPAdvertisement metallb-system\/bgpadvertisement {2}warning: there is no BGPPeer: no router learns/,
      /^IPAddressPool metallb-system\/bad spec\.addresses\[0\] warning: "192\.0\.2\.9-192\.0\.2\.1" is no range/,
      /^IPAddressPool metallb-system\/bad spec\.addresses\[2\] notice: IPv6 is not modelled/,
    ],
  );
  t.same(
    [...advertisements].map(([name, { layer2, bgp }]) => [name, layer2.length, bgp.length]),
    [
      ['bad', 1, 0],
      ['bgp', 0, 1],
      ['mute', 0, 0],
    ],
  );
  t.equal(pools.find(({ name }) => name === 'bad')?.ranges.length, 1);
  t.end();
});
