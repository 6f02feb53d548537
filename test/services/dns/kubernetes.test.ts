/** What CoreDNS's plugin `kubernetes` answers: the cases of its own tests, over objects of ours. */

import t from 'tap';
import { DNS_FLAG } from '../../../src/packet/index.js';
import { CLUSTER, DnsWorld, linesOf, namespace, service, slice } from './dns-world.js';

const OBJECTS = [
  namespace('hidden'),
  service('web', { clusterIP: '10.96.0.20' }),
  service('dual', {
    clusterIP: '10.96.0.21',
    clusterIPs: ['10.96.0.21', 'fd00::21'],
    ipFamilyPolicy: 'RequireDualStack',
  }),
  service('two-ports', {
    clusterIP: '10.96.0.22',
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('empty', { clusterIP: '10.96.0.23' }),
  service('db', { clusterIP: 'None' }),
  service('portless', { clusterIP: 'None', ports: [] }),
  service('nobody', { clusterIP: 'None' }),
  service('outside', { type: 'ExternalName', externalName: 'api.example.com', ports: [] }),
  service('inside', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local', ports: [] }),
  service('twice', { type: 'ExternalName', externalName: 'inside.shop.svc.cluster.local.', ports: [] }),
  service('astray', { type: 'ExternalName', externalName: 'missing.shop.svc.cluster.local', ports: [] }),
  service('round', { type: 'ExternalName', externalName: 'about.shop.svc.cluster.local', ports: [] }),
  service('about', { type: 'ExternalName', externalName: 'round.shop.svc.cluster.local', ports: [] }),
  service('numeric', { type: 'ExternalName', externalName: '192.0.2.1', ports: [] }),
  service('secret', { clusterIP: '10.96.0.99' }, 'hidden'),
  slice('web', [{ addresses: ['10.244.1.2'], targetRef: { kind: 'Pod', name: 'web-1' } }]),
  slice('db', [
    { addresses: ['10.244.1.10'], hostname: 'db-0', targetRef: { kind: 'Pod', name: 'db-0' } },
    { addresses: ['10.244.2.10'], hostname: 'db-1', targetRef: { kind: 'Pod', name: 'db-1' } },
    { addresses: ['10.244.2.11'], targetRef: { kind: 'Pod', name: 'db-x' } },
    { addresses: ['10.244.2.12'], hostname: 'db-2', conditions: { ready: false } },
  ]),
  slice('db', [{ addresses: ['fd00::10'] }, { addresses: ['fd00:1::'] }], { addressType: 'IPv6' }),
  slice('portless', [{ addresses: ['10.244.1.20'] }], { ports: [] }),
];

const SOA = 'authority cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 30';
const world = () => new DnsWorld(CLUSTER, OBJECTS);

const CASES: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'a ClusterIP Service',
    'web.shop.svc.cluster.local',
    'A',
    ['NOERROR', 'web.shop.svc.cluster.local. 30 IN A 10.96.0.20'],
  ],
  [
    'a Service without endpoints has its address still',
    'empty.shop.svc.cluster.local',
    'A',
    ['NOERROR', 'empty.shop.svc.cluster.local. 30 IN A 10.96.0.23'],
  ],
  ['no address of the other family is NODATA', 'web.shop.svc.cluster.local', 'AAAA', ['NOERROR', SOA]],
  [
    'both families',
    'dual.shop.svc.cluster.local',
    'AAAA',
    ['NOERROR', 'dual.shop.svc.cluster.local. 30 IN AAAA fd00::21'],
  ],
  ['a Service that is not there', 'missing.shop.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['a namespace that is not there', 'web.missing.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['the zone itself', 'cluster.local', 'A', ['NOERROR', SOA]],
  ['svc', 'svc.cluster.local', 'A', ['NOERROR', SOA]],
  ['pod', 'pod.cluster.local', 'AAAA', ['NOERROR', SOA]],
  ['a namespace', 'shop.svc.cluster.local', 'A', ['NOERROR', SOA]],
  ['a namespace that is none', 'missing.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['another name of the zone', 'foo.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['too many labels', 'a.b.c.web.shop.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  [
    'SRV of a ClusterIP Service by its port',
    '_http._tcp.web.shop.svc.cluster.local',
    'SRV',
    [
      'NOERROR',
      '_http._tcp.web.shop.svc.cluster.local. 30 IN SRV 0 100 80 web.shop.svc.cluster.local.',
      'additional web.shop.svc.cluster.local. 30 IN A 10.96.0.20',
    ],
  ],
  [
    'SRV of all ports shares the weight',
    'two-ports.shop.svc.cluster.local',
    'SRV',
    [
      'NOERROR',
      'two-ports.shop.svc.cluster.local. 30 IN SRV 0 50 80 two-ports.shop.svc.cluster.local.',
      'two-ports.shop.svc.cluster.local. 30 IN SRV 0 50 53 two-ports.shop.svc.cluster.local.',
      'additional two-ports.shop.svc.cluster.local. 30 IN A 10.96.0.22',
    ],
  ],
  ['SRV of a port that is not', '_grpc._tcp.web.shop.svc.cluster.local', 'SRV', ['NXDOMAIN', SOA]],
  ['SRV of the wrong protocol', '_http._udp.web.shop.svc.cluster.local', 'SRV', ['NXDOMAIN', SOA]],
  [
    'the address of a port’s name',
    '_http._tcp.web.shop.svc.cluster.local',
    'A',
    ['NOERROR', '_http._tcp.web.shop.svc.cluster.local. 30 IN A 10.96.0.20'],
  ],
  [
    'a headless Service: those that are ready',
    'db.shop.svc.cluster.local',
    'A',
    [
      'NOERROR',
      'db.shop.svc.cluster.local. 30 IN A 10.244.1.10',
      'db.shop.svc.cluster.local. 30 IN A 10.244.2.10',
      'db.shop.svc.cluster.local. 30 IN A 10.244.2.11',
    ],
  ],
  ['a headless Service without endpoints', 'nobody.shop.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  [
    'a pod by its hostname',
    'db-1.db.shop.svc.cluster.local',
    'A',
    ['NOERROR', 'db-1.db.shop.svc.cluster.local. 30 IN A 10.244.2.10'],
  ],
  ['a pod that is not ready', 'db-2.db.shop.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  [
    'an endpoint without hostname by its address',
    '10-244-2-11.db.shop.svc.cluster.local',
    'A',
    ['NOERROR', '10-244-2-11.db.shop.svc.cluster.local. 30 IN A 10.244.2.11'],
  ],
  [
    'an endpoint by an IPv6 address',
    'fd00--10.db.shop.svc.cluster.local',
    'AAAA',
    ['NOERROR', 'fd00--10.db.shop.svc.cluster.local. 30 IN AAAA fd00::10'],
  ],
  [
    'an IPv6 address that ends in zeros',
    'fd00-1--0.db.shop.svc.cluster.local',
    'AAAA',
    ['NOERROR', 'fd00-1--0.db.shop.svc.cluster.local. 30 IN AAAA fd00:1::'],
  ],
  [
    'an endpoint of a ClusterIP Service',
    '10-244-1-2.web.shop.svc.cluster.local',
    'A',
    ['NOERROR', '10-244-1-2.web.shop.svc.cluster.local. 30 IN A 10.244.1.2'],
  ],
  [
    'an endpoint without ports',
    '10-244-1-20.portless.shop.svc.cluster.local',
    'A',
    ['NOERROR', '10-244-1-20.portless.shop.svc.cluster.local. 30 IN A 10.244.1.20'],
  ],
  ['SRV of a Service without ports', 'portless.shop.svc.cluster.local', 'SRV', ['NOERROR', SOA]],
  [
    'SRV of a headless Service',
    '_http._tcp.db.shop.svc.cluster.local',
    'SRV',
    [
      'NOERROR',
      ...['db-0', 'db-1', '10-244-2-11', 'fd00--10', 'fd00-1--0'].map(
        (host) => `_http._tcp.db.shop.svc.cluster.local. 30 IN SRV 0 20 8080 ${host}.db.shop.svc.cluster.local.`,
      ),
      'additional db-0.db.shop.svc.cluster.local. 30 IN A 10.244.1.10',
      'additional db-1.db.shop.svc.cluster.local. 30 IN A 10.244.2.10',
      'additional 10-244-2-11.db.shop.svc.cluster.local. 30 IN A 10.244.2.11',
      'additional fd00--10.db.shop.svc.cluster.local. 30 IN AAAA fd00::10',
      'additional fd00-1--0.db.shop.svc.cluster.local. 30 IN AAAA fd00:1::',
    ],
  ],
  [
    'ExternalName as CNAME',
    'outside.shop.svc.cluster.local',
    'CNAME',
    ['NOERROR', 'outside.shop.svc.cluster.local. 30 IN CNAME api.example.com.'],
  ],
  [
    'ExternalName that nobody can follow',
    'outside.shop.svc.cluster.local',
    'A',
    ['NOERROR', 'outside.shop.svc.cluster.local. 30 IN CNAME api.example.com.'],
  ],
  [
    'ExternalName into the cluster is followed',
    'inside.shop.svc.cluster.local',
    'A',
    [
      'NOERROR',
      'inside.shop.svc.cluster.local. 30 IN CNAME web.shop.svc.cluster.local.',
      'web.shop.svc.cluster.local. 30 IN A 10.96.0.20',
    ],
  ],
  [
    'through two of them',
    'twice.shop.svc.cluster.local',
    'A',
    [
      'NOERROR',
      'twice.shop.svc.cluster.local. 30 IN CNAME inside.shop.svc.cluster.local.',
      'inside.shop.svc.cluster.local. 30 IN CNAME web.shop.svc.cluster.local.',
      'web.shop.svc.cluster.local. 30 IN A 10.96.0.20',
    ],
  ],
  ['ExternalName into nothing', 'astray.shop.svc.cluster.local', 'A', ['NOERROR', SOA]],
  ['ExternalNames in a circle', 'round.shop.svc.cluster.local', 'A', ['NOERROR', SOA]],
  ['an address is no external name', 'numeric.shop.svc.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['ExternalName has no SRV', 'outside.shop.svc.cluster.local', 'SRV', ['NOERROR', SOA]],
  ['nothing is below an ExternalName', 'x.outside.shop.svc.cluster.local', 'CNAME', ['NXDOMAIN', SOA]],
  [
    'a pod by its address, unseen',
    '10-244-7-7.shop.pod.cluster.local',
    'A',
    ['NOERROR', '10-244-7-7.shop.pod.cluster.local. 30 IN A 10.244.7.7'],
  ],
  ['a pod by what is no address', 'ten-244-7-7.shop.pod.cluster.local', 'A', ['NXDOMAIN', SOA]],
  ['a pod of no namespace', '10-244-7-7.missing.pod.cluster.local', 'A', ['NXDOMAIN', SOA]],
  [
    'the version of the schema',
    'dns-version.cluster.local',
    'TXT',
    ['NOERROR', 'dns-version.cluster.local. 28800 IN TXT "1.1.0"'],
  ],
  ['TXT of a Service', 'web.shop.svc.cluster.local', 'TXT', ['NOERROR', SOA]],
  ['TXT of nothing', 'missing.shop.svc.cluster.local', 'TXT', ['NXDOMAIN', SOA]],
  ['MX of a Service', 'web.shop.svc.cluster.local', 'MX', ['NOERROR', SOA]],
  ['HTTPS of a Service', 'web.shop.svc.cluster.local', 'HTTPS', ['NOERROR', SOA]],
  ['HTTPS of nothing', 'missing.shop.svc.cluster.local', 'HTTPS', ['NXDOMAIN', SOA]],
  ['SOA', 'cluster.local', 'SOA', ['NOERROR', SOA.replace('authority ', '')]],
  ['SOA of a Service', 'web.shop.svc.cluster.local', 'SOA', ['NOERROR', SOA]],
  ['NS of a name that is no zone', 'shop.svc.cluster.local', 'NS', ['NOERROR', SOA]],
  [
    'NS without a Service for it',
    'cluster.local',
    'NS',
    ['NOERROR', 'cluster.local. 30 IN NS ns.dns.cluster.local.', 'additional ns.dns.cluster.local. 30 IN A 10.244.9.9'],
  ],
  ['the name of that server', 'ns.dns.cluster.local', 'A', ['NOERROR', 'ns.dns.cluster.local. 30 IN A 10.244.9.9']],
  ['a whole zone is refused', 'cluster.local', 'AXFR', ['REFUSED']],
  [
    'the name of a cluster IP',
    '20.0.96.10.in-addr.arpa',
    'PTR',
    ['NOERROR', '20.0.96.10.in-addr.arpa. 30 IN PTR web.shop.svc.cluster.local.'],
  ],
  [
    'the name of an endpoint',
    '10.1.244.10.in-addr.arpa',
    'PTR',
    ['NOERROR', '10.1.244.10.in-addr.arpa. 30 IN PTR db-0.db.shop.svc.cluster.local.'],
  ],
  [
    'the name of an IPv6 address',
    '0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
    'PTR',
    [
      'NOERROR',
      '0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 30 IN PTR fd00--10.db.shop.svc.cluster.local.',
    ],
  ],
  ['the name of nobody falls through to nothing', '1.2.0.192.in-addr.arpa', 'PTR', ['SERVFAIL']],
  ['a name that is not the cluster’s', 'www.example.com', 'A', ['SERVFAIL']],
];

for (const [name, asked, type, expected] of CASES) {
  t.test(`kubernetes: ${name}`, (t) => {
    t.same(world().lines(asked, type), expected);
    t.end();
  });
}

t.test('the letters of the question stay in the answer, and RD comes back without RA', (t) => {
  const message = world().ask('WEB.shop.SVC.Cluster.Local', 'A');
  t.same(linesOf(message), ['NOERROR', 'WEB.shop.SVC.Cluster.Local. 30 IN A 10.96.0.20']);
  t.equal(message.flags, DNS_FLAG.response | DNS_FLAG.authoritative | DNS_FLAG.recursionDesired);
  t.same(message.questions, [{ name: 'WEB.shop.SVC.Cluster.Local', type: 'A' }]);
  const missing = world().ask('Missing.shop.SVC.Cluster.LOCAL', 'A');
  t.equal(missing.authorities[0]?.name, 'Cluster.LOCAL');
  t.end();
});

t.test('options of the plugin', (t) => {
  const having = (lines: string) =>
    new DnsWorld(`. {\n  kubernetes cluster.local {\n    ${lines}\n  }\n}`, [
      ...OBJECTS,
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'cart', namespace: 'shop' },
        spec: { nodeName: 'a', containers: [{ name: 'c' }] },
        status: { phase: 'Running', podIP: '10.244.1.2' },
      },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } },
    ]);
  const first = (lines: string, name: string, type = 'A'): string =>
    having(lines).lines(name, type).slice(0, 2).join(' ');
  t.match(first('', 'web.shop.svc.cluster.local'), ' 5 IN A ', 'five seconds unless told');
  t.match(first('ttl 0', 'web.shop.svc.cluster.local'), ' 0 IN A ');
  t.match(first('', '10-244-1-2.shop.pod.cluster.local'), /^NXDOMAIN/, 'pods are disabled unless told');
  t.match(first('pods verified', '10-244-1-2.shop.pod.cluster.local'), /^NOERROR/);
  t.match(first('pods verified', '10-244-1-3.shop.pod.cluster.local'), /^NXDOMAIN/);
  t.match(first('pods verified', '10-244-1-2.default.pod.cluster.local'), /^NXDOMAIN/, 'in its own namespace only');
  t.match(first('namespaces shop', 'web.shop.svc.cluster.local'), /^NOERROR/);
  t.match(first('namespaces shop', 'secret.hidden.svc.cluster.local'), /^NXDOMAIN/);
  t.match(first('endpoint_pod_names', 'web-1.web.shop.svc.cluster.local'), / 10\.244\.1\.2$/);
  t.match(first('endpoint_pod_names', 'db-x.db.shop.svc.cluster.local'), / 10\.244\.2\.11$/);
  t.match(first('noendpoints', 'db.shop.svc.cluster.local'), /^NXDOMAIN/);
  t.match(first('ignore empty_service', 'empty.shop.svc.cluster.local'), /^NXDOMAIN/);
  t.match(first('ignore empty_service', 'web.shop.svc.cluster.local'), /^NOERROR/);
  t.end();
});

t.test('name servers are the Services that lead here', (t) => {
  const dns = new DnsWorld(CLUSTER, [
    service('kube-dns', { clusterIP: '10.96.0.10' }, 'kube-system'),
    slice('kube-dns', [{ addresses: ['10.244.9.9'] }], { ns: 'kube-system' }),
  ]);
  t.same(dns.lines('cluster.local', 'NS'), [
    'NOERROR',
    'cluster.local. 30 IN NS kube-dns.kube-system.svc.cluster.local.',
    'additional kube-dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.10',
  ]);
  t.same(dns.lines('ns.dns.cluster.local', 'A').slice(1), ['ns.dns.cluster.local. 30 IN A 10.96.0.10']);
  t.end();
});

t.test('a change of the objects changes the answers', (t) => {
  const dns = world();
  const found = dns.store.get('Service', 'shop', 'web');
  if (found === undefined) throw new Error('no Service');
  dns.emulation.advance(90e9);
  t.match(dns.lines('20.0.96.10.in-addr.arpa', 'PTR')[1], / web\.shop\.svc/);
  dns.store.delete('Service', 'shop', 'web');
  t.match(dns.lines('web.shop.svc.cluster.local', 'A')[0], 'NXDOMAIN');
  t.match(dns.lines('web.shop.svc.cluster.local', 'A')[1], ' 90 7200 ', 'the serial says when');
  t.equal(dns.lines('20.0.96.10.in-addr.arpa', 'PTR')[0], 'SERVFAIL');
  t.end();
});
