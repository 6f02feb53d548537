import fc from 'fast-check';
import t from 'tap';
import { compareText } from '../../src/calico/digest.js';
import { applyFelix } from '../../src/calico/felix/dataplane/index.js';
import { Emulation, Host } from '../../src/kernel/index.js';
import { policyChainName, vethName } from '../../src/calico/names.js';
import { formatCause } from '../../src/trace/index.js';
import type { ChainText } from '../../src/calico/felix/rules/iptables-text.js';
import type { FelixState } from '../../src/calico/felix/state.js';
import { calicoPolicy, PolicyCluster, podWith, policy } from './policy-cluster.js';

const TABLES = ['raw', 'mangle', 'nat', 'filter'] as const;
const toWeb = `cali-tw-${vethName('shop', 'web')}`;
const fromClient = `cali-fw-${vethName('shop', 'client')}`;

const programmed = (state: FelixState): ChainText[] => TABLES.flatMap((table) => [...state.tables[table].chains]);

/** Every object that some rule or set of the state names. */
function named(state: FelixState): Set<string> {
  const rules = [...programmed(state), ...TABLES.flatMap((table) => [...state.tables[table].unreferenced])].flatMap(
    (chain) => chain.rules,
  );
  const causes = [...rules, ...state.ipsets].flatMap(({ because }) => because);
  return new Set(causes.map((cause) => formatCause(cause).replace(/, [a-z]+\[\d+\]$/, '')));
}

const HOST_ENDPOINT = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'HostEndpoint',
  metadata: { name: 'hep', labels: { host: 'yes' } },
  spec: { node: 'node1', interfaceName: 'eth0', profiles: ['open'] },
};

const OBJECTS = [
  policy('k8s', { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] }),
  calicoPolicy('own', { tier: 'security', selector: "app == 'web'", ingress: [{ action: 'Pass' }] }),
  policy('global', { selector: 'has(app)', types: ['Egress'], egress: [{ action: 'Allow' }] }, 'GlobalNetworkPolicy'),
  policy('host', { selector: 'has(host)', ingress: [{ action: 'Allow', protocol: 'TCP' }] }, 'GlobalNetworkPolicy'),
  policy('security', { order: 1 }, 'Tier'),
  HOST_ENDPOINT,
  { ...policy('open', { ingress: [{ action: 'Allow' }] }, 'GlobalProfile'), kind: 'Profile' },
  {
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    kind: 'ClusterNetworkPolicy',
    metadata: { name: 'admin' },
    spec: {
      tier: 'Admin',
      priority: 1,
      subject: { namespaces: {} },
      ingress: [
        { action: 'Deny', from: [{ pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: 'x' } } } }] },
      ],
    },
  },
];

t.test('every rule and set says which objects it is there for', (t) => {
  const state = new PolicyCluster(OBJECTS).state();
  for (const { name, rules } of programmed(state)) {
    const silent = rules.filter(({ because }) => because.length === 0).map(({ text }) => text);
    t.same(silent, [], name);
  }
  t.same(
    state.ipsets.filter(({ because }) => because.length === 0).map(({ name }) => name),
    [],
  );
  t.end();
});

for (const [kind, namespace, name] of [
  ['NetworkPolicy', 'shop', 'k8s'],
  ['CalicoNetworkPolicy', 'shop', 'own'],
  ['GlobalNetworkPolicy', '', 'global'],
  ['GlobalNetworkPolicy', '', 'host'],
  ['ClusterNetworkPolicy', '', 'admin'],
  ['Tier', '', 'security'],
  ['HostEndpoint', '', 'hep'],
] as const) {
  t.test(`what ${kind} ${name} has caused goes with it`, (t) => {
    const cluster = new PolicyCluster(OBJECTS);
    const cause = formatCause({ kind, ...(namespace !== '' && { namespace }), name });
    t.ok(named(cluster.state()).has(cause), 'it has caused something');
    cluster.store.delete(kind, namespace, name);
    t.notOk(named(cluster.state()).has(cause));
    const without = new PolicyCluster(
      OBJECTS.filter((object) => object.metadata.name !== name || (name === 'security' && object.kind !== 'Tier')),
    );
    t.same(cluster.state(), without.state(), 'as if it had never been');
    t.end();
  });
}

t.test('a policy that changes is rendered anew, and nothing else is', (t) => {
  const cluster = new PolicyCluster(OBJECTS);
  const before = new Map(TABLES.map((table) => [table, new Set(cluster.state().tables[table].chains)]));
  const object = cluster.store.get('NetworkPolicy', 'shop', 'k8s');
  if (object === undefined) throw new TypeError('no policy');
  cluster.store.put('NetworkPolicy', { ...object, spec: { ...object.spec, ingress: [] } });
  const fresh = cluster.state().tables.filter.chains.filter((chain) => before.get('filter')?.has(chain) !== true);
  const ofPods = fresh.map(({ name }) => name).filter((name) => /^cali-(pi|po|tw|fw|gi|go|pri|pro)-/.test(name));
  t.same(ofPods, ['cali-pi-knp/shop/k8s']);
  t.end();
});

t.test('tiers are asked in order; one that nobody made comes last and drops', (t) => {
  const rule = { selector: "app == 'web'", types: ['Ingress'], ingress: [{ action: 'Pass' }] };
  const cluster = new PolicyCluster([
    policy('late', { order: 5000, defaultAction: 'Pass' }, 'Tier'),
    policy('early', { order: 1 }, 'Tier'),
    policy('a', { ...rule, tier: 'nowhere' }, 'GlobalNetworkPolicy'),
    policy('b', { ...rule, tier: 'late' }, 'GlobalNetworkPolicy'),
    policy('c', { ...rule, tier: 'early' }, 'GlobalNetworkPolicy'),
    policy('d', { ...rule, tier: 'default' }, 'GlobalNetworkPolicy'),
  ]);
  const comments = (cluster.rules(toWeb) ?? []).flatMap(
    (text) => /--comment "((?:Start|End) of tier \w+)/.exec(text)?.[1] ?? [],
  );
  t.same(comments, [
    'Start of tier early',
    'End of tier early',
    'Start of tier late',
    'Start of tier default',
    'End of tier default',
    'Start of tier nowhere',
    'End of tier nowhere',
  ]);
  t.end();
});

t.test('staged policies change no rule that a packet meets', (t) => {
  const spec = { selector: 'all()', types: ['Ingress', 'Egress'] };
  const cluster = new PolicyCluster([policy('look', spec, 'StagedNetworkPolicy')]);
  t.same(
    cluster.rules(toWeb)?.filter((text) => /End of tier|cali-pi/.test(text)),
    [],
  );
  t.notOk(cluster.state().tables.filter.unreferenced.some(({ name }) => name.includes('look')));
  const deletion = new PolicyCluster([policy('gone', { stagedAction: 'Delete' }, 'StagedNetworkPolicy')]);
  t.same(deletion.rules(toWeb), new PolicyCluster([]).rules(toWeb), 'nor does a staged deletion');
  t.end();
});

t.test('types that nobody wrote are filled in by the API, and count as both where they are not', (t) => {
  const spec = { selector: "app == 'web'", ingress: [{ action: 'Allow' }] };
  const written = calicoPolicy('p', spec);
  const chains = (object: object) => {
    const state = new PolicyCluster([object]).state();
    return state.tables.filter.chains.map(({ name }) => name).filter((name) => name.includes('/shop/p'));
  };
  t.same(chains(written), ['cali-pi-np/shop/p']);
  t.same(chains({ ...written, apiVersion: 'crd.projectcalico.org/v1' }), ['cali-pi-np/shop/p', 'cali-po-np/shop/p']);
  t.end();
});

t.test('objects of the CRD have the name and the labels that the API keeps in an annotation', (t) => {
  const metadata = (kept: object) => ({ annotations: { 'projectcalico.org/metadata': JSON.stringify(kept) } });
  const crd = 'crd.projectcalico.org/v1';
  const cluster = new PolicyCluster([
    { ...HOST_ENDPOINT, apiVersion: crd, metadata: { name: 'hep', ...metadata({ labels: { host: 'yes' } }) } },
    {
      apiVersion: crd,
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'default.old' },
      spec: { selector: "host == 'yes'", types: ['Ingress'] },
    },
    {
      apiVersion: crd,
      kind: 'GlobalNetworkPolicy',
      metadata: { name: 'default.stored', ...metadata({ name: 'default.stored' }) },
      spec: { selector: "host == 'yes'", types: ['Ingress'] },
    },
  ]);
  const names = cluster
    .state()
    .tables.filter.chains.map(({ name }) => name)
    .filter((name) => name.includes('gnp/'));
  t.same(names, ['cali-pi-gnp/default.stored', 'cali-pi-gnp/old']);
  t.end();
});

t.test('sets hold pods, networks in halves, named ports and endpoints of Services', (t) => {
  const cluster = new PolicyCluster([
    {
      ...policy('all', { nets: ['0.0.0.0/0', '192.0.2.7', 'fd00::/8'] }, 'GlobalNetworkSet'),
      metadata: { name: 'all', labels: { net: 'all' } },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.0.1'], conditions: { ready: false } }],
      ports: [{ port: 8080, protocol: 'TCP' }],
    },
    policy(
      'p',
      {
        selector: "app == 'client'",
        types: ['Egress'],
        egress: [
          { action: 'Allow', destination: { selector: 'has(net)' } },
          { action: 'Allow', protocol: 'TCP', destination: { selector: "app == 'web'", ports: ['http'] } },
          { action: 'Allow', destination: { services: { name: 'web', namespace: 'shop' } } },
        ],
      },
      'GlobalNetworkPolicy',
    ),
  ]);
  t.same(cluster.members('s:'), ['0.0.0.0/1', '128.0.0.0/1']);
  t.same(cluster.members('n:'), ['10.1.0.1,tcp:8080']);
  t.same(cluster.members('svc:'), ['10.1.0.1,tcp:8080']);
  t.match(
    cluster.rules('cali-po-gnp/p')?.join('\n'),
    /-p tcp -m set --match-set cali40n:\S+ dst,dst --jump[^]*-m set --match-set cali40svc:\S+ dst,dst --jump/,
  );
  t.end();
});

t.test('a network of a rule may be a single address', (t) => {
  const egress = [{ action: 'Deny', destination: { nets: ['192.0.2.9'] } }];
  const cluster = new PolicyCluster([
    policy('p', { selector: "app == 'client'", types: ['Egress'], egress }, 'GlobalNetworkPolicy'),
  ]);
  t.match(cluster.rules('cali-po-gnp/p')?.[0], / --destination 192\.0\.2\.9\/32 /);
  t.end();
});

t.test('a host endpoint governs by interface before it does by address, and the first by name wins', (t) => {
  const endpoint = (name: string, spec: object) => ({
    ...HOST_ENDPOINT,
    metadata: { name, labels: { ep: name } },
    spec: { node: 'node1', ...spec },
  });
  const governor = (...endpoints: object[]) =>
    new PolicyCluster(endpoints)
      .chain('cali-from-host-endpoint')
      ?.rules.flatMap(({ text, because }) => `${/goto (\S+)/.exec(text)?.[1]} ${because.map(formatCause).join()}`);
  const byAddress = endpoint('a', { expectedIPs: ['172.18.0.2'] });
  const byName = endpoint('b', { interfaceName: 'eth0' });
  t.same(governor(byName, byAddress), ['cali-fh-eth0 HostEndpoint a'], 'the first by name, whichever way it was found');
  t.same(
    governor(endpoint('a', { interfaceName: 'eth9', expectedIPs: ['172.18.0.2'] })),
    [],
    'a name that is not there',
  );
  t.same(governor(byName, endpoint('z', { interfaceName: '*' })), [
    'cali-fh-eth0 HostEndpoint b',
    'cali-fh-any-interface-at-all HostEndpoint z',
  ]);
  t.end();
});

t.test('the older pair is enforced as v3.31 does it, and by nobody from v3.32 on', (t) => {
  const subject = { namespaces: {} };
  const anp = {
    apiVersion: 'policy.networking.k8s.io/v1alpha1',
    kind: 'AdminNetworkPolicy',
    metadata: { name: 'a' },
    spec: {
      priority: 3,
      subject,
      ingress: [{ action: 'Deny', from: [{ namespaces: {} }], ports: [{ portRange: { start: 1, end: 9 } }] }],
      egress: [{ action: 'Deny', to: [{ nodes: {} }] }],
    },
  };
  const version = (calicoVersion: string) => ({
    apiVersion: 'projectcalico.org/v3',
    kind: 'ClusterInformation',
    metadata: { name: 'default' },
    spec: { calicoVersion },
  });
  const old = new PolicyCluster([anp, version('v3.31.4')]);
  t.match(old.rules(toWeb)?.join('\n'), /Start of tier adminnetworkpolicy/);
  const text = old
    .state()
    .tables.filter.chains.flatMap(({ rules }) => rules)
    .map((rule) => rule.text)
    .join('\n');
  t.match(text, /-p tcp -m set --match-set \S+ src -m multiport --destination-ports 1:9 --jump MARK/);
  t.match(
    text,
    /GlobalNetworkPolicy kanp.adminnetworkpolicy.a egress" --jump MARK --set-mark 0x40000/,
    'nodes deny all',
  );
  t.notMatch(new PolicyCluster([anp, version('v3.32.1')]).rules(toWeb)?.join('\n'), /adminnetworkpolicy/);
  t.end();
});

t.test('a pod’s annotations reach the rules', (t) => {
  const annotations = {
    'cni.projectcalico.org/floatingIPs': '["192.0.2.1"]',
    'cni.projectcalico.org/allowedSourcePrefixes': '["198.51.100.7/24"]',
    'qos.projectcalico.org/dscp': 'EF',
    'qos.projectcalico.org/ingressPacketRate': '2k',
    'qos.projectcalico.org/egressMaxConnections': '10',
  };
  const cluster = new PolicyCluster([podWith('gate', '10.1.0.9', { annotations })], {
    FloatingIPs: 'Enabled',
    WorkloadSourceSpoofing: 'Any',
  });
  const veth = vethName('shop', 'gate');
  t.same(cluster.rules('cali-fip-dnat', 'nat'), ['--destination 192.0.2.1 --jump DNAT --to-destination 10.1.0.9']);
  t.same(cluster.rules('cali-fip-snat', 'nat'), [
    '--destination 10.1.0.9 --source 10.1.0.9 --jump SNAT --to-source 192.0.2.1',
  ]);
  t.same(cluster.rules('cali-rpf-skip', 'raw'), [`--in-interface ${veth} --source 198.51.100.0/24 --jump ACCEPT`]);
  t.same(cluster.rules('cali-egress-dscp', 'mangle'), ['--source 10.1.0.9 --jump DSCP --set-dscp 46']);
  t.same(cluster.members('dscp-src-net'), ['10.1.0.9']);
  t.match(cluster.rules(`cali-tw-${veth}`)?.[1], /-m limit --limit 2000\/sec --limit-burst 5 --jump MARK/);
  t.match(cluster.rules(`cali-fw-${veth}`)?.join('\n'), /--connlimit-above 10 --connlimit-mask 0 -j REJECT/);
  const state = cluster.state();
  t.match(
    state.sysctls.find(({ path }) => path.endsWith(`${veth}.rp_filter`)),
    { value: '0' },
  );
  t.equal(state.routes.filter(({ dev }) => dev === veth).length, 2, 'the floating address is routed too');
  const refused = new PolicyCluster([podWith('gate', '10.1.0.9', { annotations })]);
  t.notOk(refused.rules(`cali-tw-${veth}`), 'a pod that may not ask for sources is treated as missing');
  t.end();
});

t.test('flow logs are told of each verdict before it counts', (t) => {
  const long = `allow-${'x'.repeat(60)}`;
  const cluster = new PolicyCluster(
    [
      calicoPolicy('web', {
        selector: "app == 'web'",
        types: ['Ingress'],
        ingress: [{ action: 'Deny', source: { nets: ['10.0.0.0/8'] } }, { action: 'Pass' }],
      }),
      calicoPolicy(long, { selector: "app == 'web'", order: 1, types: ['Ingress'], ingress: [{ action: 'Allow' }] }),
      policy(
        'untracked',
        { selector: 'all()', doNotTrack: true, applyOnForward: true, ingress: [{ action: 'Deny' }] },
        'GlobalNetworkPolicy',
      ),
    ],
    { FlowLogsLocalReporter: 'Enabled' },
  );
  t.same(cluster.rules('cali-pi-np/shop/web'), [
    '-m comment --comment "NetworkPolicy shop/web ingress" --source 10.0.0.0/8 --jump MARK --set-mark 0x40000/0x40000',
    '-m mark --mark 0x40000/0x40000 --jump NFLOG --nflog-group 1 --nflog-prefix DPI0|np/shop/web --nflog-range 80',
    '-m mark --mark 0x40000/0x40000 --jump DROP',
    '--jump MARK --set-mark 0x20000/0x20000',
    '-m mark --mark 0x20000/0x20000 --jump NFLOG --nflog-group 1 --nflog-prefix PPI1|np/shop/web --nflog-range 80',
  ]);
  const logged = (name: string): string[] =>
    (cluster.rules(name) ?? []).flatMap((rule) => /--nflog-group \d --nflog-prefix \S+/.exec(rule)?.[0] ?? []);
  t.same(logged(`cali-tw-${vethName('shop', 'web')}`), [
    '--nflog-group 1 --nflog-prefix DPI|default',
    '--nflog-group 1 --nflog-prefix DRI',
  ]);
  t.same(logged('cali-pro-kns.shop'), ['--nflog-group 2 --nflog-prefix ARE0|kns.shop']);
  const [prefix = ''] = logged(policyChainName('cali-pi-', { kind: 'NetworkPolicy', namespace: 'shop', name: long }));
  t.match(prefix, /^--nflog-group 1 --nflog-prefix API0\|np\/sh_\S{41}_x{10}$/, 'a long one keeps both its ends');
  const untracked = cluster.state().tables.raw.unreferenced.find(({ name }) => name === 'cali-pi-gnp/untracked');
  t.equal(untracked?.rules.length, 2, 'of what is not tracked nobody is told');
  t.end();
});

t.test('a pod whose profile does not exist is closed', (t) => {
  const cluster = new PolicyCluster([{ ...HOST_ENDPOINT, spec: { ...HOST_ENDPOINT.spec, profiles: ['gone'] } }]);
  t.match(
    cluster.rules('cali-pri-gone')?.join('\n'),
    /Profile gone ingress" --jump MARK --set-mark 0x40000[^]*--jump DROP/,
  );
  t.end();
});

t.test('a policy that is needed everywhere is programmed where it selects nothing', (t) => {
  const spec = { selector: "app == 'nobody'", types: ['Ingress'], performanceHints: ['AssumeNeededOnEveryNode'] };
  const cluster = new PolicyCluster([policy('hinted', spec, 'GlobalNetworkPolicy')]);
  t.ok(cluster.chain('cali-pi-gnp/hinted'));
  t.notOk(cluster.chain('cali-pi-gnp/hinted', 'raw'));
  t.end();
});

t.test('more than one policy with one selector have a chain of their own, staged ones left out', (t) => {
  const spec = { selector: "app == 'client'", types: ['Egress'], egress: [{ action: 'Allow', protocol: 'UDP' }] };
  const many = Array.from({ length: 7 }, (_, i) => policy(`p${i}`, spec, 'GlobalNetworkPolicy'));
  const cluster = new PolicyCluster([...many, policy('p2s', spec, 'StagedGlobalNetworkPolicy')]);
  const group =
    cluster
      .rules(fromClient)
      ?.join('\n')
      .match(/cali-go-\S+/)?.[0] ?? '';
  const jumps = (cluster.rules(group) ?? []).map((text) => text.replace(/-m mark (! )?--mark 0\/0x30000/, '$1clear'));
  t.same(jumps, [
    '--jump cali-po-gnp/p0',
    'clear --jump cali-po-gnp/p1',
    'clear --jump cali-po-gnp/p2',
    'clear --jump cali-po-gnp/p3',
    'clear --jump cali-po-gnp/p4',
    '-m comment --comment "Return on verdict" ! clear --jump RETURN',
    '--jump cali-po-gnp/p5',
    'clear --jump cali-po-gnp/p6',
  ]);
  t.end();
});

t.test('a kernel that had a policy has nothing of it once it is gone', (t) => {
  const cluster = new PolicyCluster(OBJECTS);
  const machine = new Host(new Emulation(), 'node1');
  const { netns } = machine;
  netns.links.set(netns.links.addEthernet({ name: 'eth0' }), { up: true });
  applyFelix(cluster.state(), machine);
  t.match(netns.netfilter.iptables.save(), /cali-pi-knp\/shop\/k8s/);
  const sets = (): string[] => Array.from(netns.ipsets, ({ name }) => name);
  const before = sets().filter((name) => name.startsWith('cali40s:'));
  t.ok(before.length > 0);
  for (const kind of ['NetworkPolicy', 'CalicoNetworkPolicy', 'GlobalNetworkPolicy', 'ClusterNetworkPolicy'] as const) {
    for (const { namespace, name } of cluster.store.list(kind)) cluster.store.delete(kind, namespace, name);
  }
  applyFelix(cluster.state(), machine);
  t.notMatch(netns.netfilter.iptables.save(), /cali-p[io]-/);
  t.same(
    sets().filter((name) => name.startsWith('cali40s:')),
    [],
  );
  t.end();
});

t.test('texts are in the order of their UTF-8 bytes', (t) => {
  const bytes = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const text = fc.string({ unit: 'binary', maxLength: 4 });
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareText(a, b)) === bytes(a, b)));
  t.equal(compareText('\u{ffff}', '\u{10000}'), -1);
  t.end();
});
