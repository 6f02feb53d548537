/** kube-proxy on a node of the virtual kernel: rules as they change, health servers, connections that are cleaned up. */

import t from 'tap';
import type { TableName } from '../../src/trace/index.js';
import { formatIpv4 } from '../../src/packet/index.js';
import { address, chainsOf, httpGet, machine, rulesOf, service, slice } from './machine.js';

const PORTS = [{ name: 'http', port: 80 }];
const WEB = service({ clusterIP: '10.96.0.10', ports: PORTS });
const ready = (...ips: readonly string[]) =>
  slice(
    ips.map((ip) => ({ addresses: [ip] })),
    [{ name: 'http', port: 8080 }],
  );

t.test('a rule says which Service and port it is of, and static ones that they are kube-proxy’s', (t) => {
  const { netns } = machine(WEB, ready('10.244.1.2'));
  const rules = netns.netfilter.iptables.table('nat')?.chains.get('KUBE-SERVICES')?.rules ?? [];
  t.same(rules[0]?.because, [{ kind: 'Service', namespace: 'default', name: 'web', detail: 'port http' }]);
  const jump = netns.netfilter.iptables.table('nat')?.chains.get('PREROUTING')?.rules[0];
  t.same(jump?.because, [{ kind: 'Node', name: 'here', detail: 'kube-proxy' }]);
  t.end();
});

t.test('jumps stand in the order that kube-proxy leaves them in', (t) => {
  const { netns } = machine();
  const jumps = (table: 'nat' | 'filter', chain: string) =>
    rulesOf(netns, table, chain).map((rule) => rule.split('-j ')[1]);
  t.same(jumps('filter', 'INPUT'), [
    'KUBE-FIREWALL',
    'KUBE-PROXY-FIREWALL',
    'KUBE-NODEPORTS',
    'KUBE-EXTERNAL-SERVICES',
  ]);
  t.same(jumps('filter', 'FORWARD'), [
    'KUBE-PROXY-FIREWALL',
    'KUBE-FORWARD',
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
  ]);
  t.same(jumps('filter', 'OUTPUT'), ['KUBE-FIREWALL', 'KUBE-PROXY-FIREWALL', 'KUBE-SERVICES']);
  t.same(jumps('nat', 'POSTROUTING'), ['KUBE-POSTROUTING']);
  t.end();
});

t.test('a change writes the chains of its Service alone, and chains of what is gone go', (t) => {
  const other = service({ clusterIP: '10.96.0.11', ports: PORTS }, 'other');
  const others = slice([{ addresses: ['10.244.9.9'] }], [{ name: 'http', port: 8080 }], 'other');
  const { netns, proxy, become } = machine(WEB, ready('10.244.1.2', '10.244.1.3'), other, others);
  t.equal(chainsOf(netns, 'KUBE-SEP-').length, 3);
  become(WEB, ready('10.244.1.2'), other, others);
  const sync = proxy.sync();
  t.match(sync, { full: false, rendered: 1 });
  t.equal(chainsOf(netns, 'KUBE-SEP-').length, 2);
  t.equal(proxy.sync().rendered, 0, 'nothing is new');
  become(other, others);
  proxy.sync();
  t.equal(chainsOf(netns, 'KUBE-SVC-').length, 1);
  t.equal(rulesOf(netns, 'nat', 'KUBE-SERVICES').length, 2);
  t.same(proxy.findings, []);
  t.end();
});

t.test('flushed tables are written again as a whole', (t) => {
  const { netns, proxy } = machine(WEB, ready('10.244.1.2'));
  const before = netns.netfilter.iptables.save();
  const tables: readonly TableName[] = ['mangle', 'nat', 'filter'];
  netns.netfilter.iptables.restore(tables.map((table) => `*${table}\nCOMMIT\n`).join(''));
  t.equal(chainsOf(netns, 'KUBE-').length, 0);
  t.match(proxy.sync(), { full: true });
  t.equal(netns.netfilter.iptables.save(), before);
  t.end();
});

t.test('a text that the kernel refuses is followed by a full one', (t) => {
  const { netns, proxy, become } = machine(WEB, ready('10.244.1.2', '10.244.1.3'));
  const [svc] = chainsOf(netns, 'KUBE-SVC-');
  const before = chainsOf(netns, 'KUBE-SEP-');
  // Somebody holds on to chains of endpoints that will go.
  const foreign = before.map((name) => `-A ${svc} -j ${name}`).join('\n');
  netns.netfilter.iptables.restore(`*nat\n${foreign}\nCOMMIT\n`, { noflush: true });
  become(
    service({ clusterIP: '10.96.0.11', ports: PORTS }, 'new'),
    slice([{ addresses: ['10.244.1.9'] }], [{ name: 'http', port: 8080 }], 'new'),
  );
  proxy.sync();
  t.same(proxy.findings, []);
  t.equal(chainsOf(netns, 'KUBE-SVC-').length, 1);
  t.end();
});

const configured = (text: string, ...objects: readonly object[]) =>
  machine(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-proxy', namespace: 'kube-system' },
      data: { 'config.conf': `apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n${text}` },
    },
    ...objects,
  );

t.test('route_localnet and conntrack’s switches are set', (t) => {
  const { netns } = machine();
  t.equal(netns.sysctl.get('net.ipv4.conf.all.route_localnet'), '1');
  t.equal(netns.sysctl.get('net.netfilter.nf_conntrack_tcp_timeout_established'), '86400');
  t.equal(netns.sysctl.get('net.netfilter.nf_conntrack_tcp_timeout_close_wait'), '3600');
  t.equal(netns.sysctl.get('net.netfilter.nf_conntrack_max'), '131072');
  const off = configured('iptables: {localhostNodePorts: false}\nconntrack: {tcpBeLiberal: true, maxPerCore: 0}\n');
  t.equal(off.netns.sysctl.get('net.ipv4.conf.all.route_localnet'), '0');
  t.equal(off.netns.sysctl.get('net.netfilter.nf_conntrack_tcp_be_liberal'), '1');
  t.notOk(
    rulesOf(off.netns, 'filter', 'KUBE-FORWARD').some((rule) => rule.includes('INVALID')),
    'liberal: nothing is invalid',
  );
  t.same(rulesOf(off.netns, 'filter', 'KUBE-FIREWALL'), []);
  t.end();
});

t.test('every way to tell local traffic', (t) => {
  const masquerade = (text: string) => {
    const { netns } = configured(text, WEB, ready('10.244.1.2'));
    return (
      rulesOf(netns, 'nat', chainsOf(netns, 'KUBE-SVC-')[0] ?? '').find((rule) => rule.includes('KUBE-MARK-MASQ')) ?? ''
    );
  };
  t.match(masquerade('clusterCIDR: 10.244.0.0/16\n'), /^! -s 10\.244\.0\.0\/16 /);
  t.match(masquerade('detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: cbr0}\n'), /! -i cbr0 /);
  t.match(
    masquerade('detectLocalMode: InterfaceNamePrefix\ndetectLocal: {interfaceNamePrefix: cali}\n'),
    /! -i cali\+ /,
  );
  t.match(masquerade('iptables: {masqueradeAll: true}\n'), /^-d 10\.96\.0\.10\/32 -p tcp /);
  t.equal(masquerade('clusterCIDR: fd00::/64\n'), '', 'no range of the family');
  t.equal(masquerade('detectLocalMode: NodeCIDR\n'), '', 'a node without podCIDR');
  t.match(configured('detectLocalMode: NodeCIDR\n').proxy.findings, [
    { code: 'kube-proxy', message: /no podCIDR of the node of IPv4/ },
  ]);
  t.end();
});

const LB = service(
  {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.10',
    healthCheckNodePort: 32000,
    ports: [{ name: 'http', port: 80, nodePort: 30080 }],
  },
  'web',
  { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
);
const on = (nodeName: string, conditions: object = {}) => ({ addresses: ['10.244.1.2'], nodeName, conditions });
const check = (endpoint: object) =>
  slice([endpoint, { addresses: ['10.244.1.3'], nodeName: 'there' }], [{ name: 'http', port: 8080 }]);

t.test('a health check node port is answered over HTTP', (t) => {
  const { netns, proxy, become } = machine(LB, check(on('here')));
  const get = () => httpGet(netns, 32000, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  t.match(get(), /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\n/);
  t.match(get(), /X-Load-Balancing-Endpoint-Weight: 1\r\n/);
  t.same(JSON.parse(get().split('\r\n\r\n')[1] ?? ''), {
    service: { namespace: 'default', name: 'web' },
    localEndpoints: 1,
    serviceProxyHealthy: true,
  });
  become(LB, check(on('there')));
  proxy.sync();
  t.match(get(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  become(LB, check(on('here', { ready: false, serving: true, terminating: true })));
  proxy.sync();
  t.match(get(), /"localEndpoints": 0/, 'who is on the way out does not count');
  become(WEB);
  proxy.sync();
  t.equal(get(), 'ECONNREFUSED', 'the port goes with the Service');
  t.end();
});

t.test('one connection carries several requests, and nonsense is refused', (t) => {
  const { netns } = machine(LB, check(on('here')));
  const two = httpGet(netns, 32000, 'GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
  t.equal(two.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  t.equal(two.match(/localEndpoints/g)?.length, 1, 'HEAD has no body');
  t.match(httpGet(netns, 32000, 'NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request/);
  t.end();
});

t.test('a health check port that is taken is found', (t) => {
  const taken = service({
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.11',
    healthCheckNodePort: 10256,
    ports: PORTS,
  });
  t.match(machine(taken).proxy.findings, [
    { code: 'kube-proxy', message: /health check node port of Service default\/web.*10256/ },
  ]);
  t.end();
});

t.test('kube-proxy’s own health', (t) => {
  const { netns, store } = machine(WEB);
  const get = (path: string) => httpGet(netns, 10256, `GET ${path} HTTP/1.0\r\n\r\n`);
  t.match(get('/healthz'), /^HTTP\/1\.1 200 OK[^]*"nodeEligible": true/);
  t.match(get('/livez'), /^HTTP\/1\.1 200 OK/);
  t.match(get('/other'), /^HTTP\/1\.1 404 Not Found/);
  for (const node of store.list('Node')) store.put('Node', { ...node, terminating: true });
  t.match(get('/healthz'), /^HTTP\/1\.1 503/, 'a node that goes wants no more traffic');
  t.match(get('/livez'), /^HTTP\/1\.1 200/);
  t.end();
});

t.test('what kube-proxy tells of itself on 127.0.0.1:10249', (t) => {
  const local = {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.10',
    ports: [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30_080 }],
  };
  const { netns } = machine(service(local), ready('10.244.1.2'));
  const get = (path: string) => httpGet(netns, 10_249, `GET ${path} HTTP/1.0\r\n\r\n`);
  t.match(get('/proxyMode'), /^HTTP\/1\.1 200 OK[^]*\r\n\r\niptables$/);
  t.match(get('/healthz'), /\r\n\r\nok$/);
  t.match(get('/other'), /^HTTP\/1\.1 404/);
  const metrics = get('/metrics');
  const value = (sample: string): number =>
    Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(`${sample} `))
        ?.slice(sample.length),
    );
  const rules = (table: 'filter' | 'nat'): number =>
    [...(netns.netfilter.iptables.table(table)?.chains ?? [])]
      .filter(([name]) => name.startsWith('KUBE-'))
      .reduce((count, [, chain]) => count + chain.rules.length, 0);
  for (const table of ['filter', 'nat'] as const)
    t.equal(value(`kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="${table}"}`), rules(table), table);
  const without = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy';
  t.equal(value(`${without}="internal"}`), 0);
  t.equal(value(`${without}="external"}`), 1);
  t.end();
});

const DNS = service({
  type: 'NodePort',
  clusterIP: '10.96.0.53',
  externalIPs: ['192.0.2.9'],
  ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 30053 }],
});
const dns = (...ips: readonly string[]) =>
  slice(
    ips.map((ip) => ({ addresses: [ip] })),
    [{ name: 'dns', port: 53, protocol: 'UDP' }],
  );

/** Sends a datagram from the node to the Service; where its entry leads. */
function ask(made: ReturnType<typeof machine>, destination: string, port = 53): string[] {
  const socket = made.netns.sockets.udp();
  socket.sendTo(new Uint8Array([1]), address(destination), port);
  return entries(made);
}

const entries = ({ netns }: ReturnType<typeof machine>): string[] =>
  netns.conntrack
    .entries({ protocol: 17 })
    .map(({ original, reply }) => `${formatIpv4(original.destination)} by ${formatIpv4(reply.source)}`);

/** A node with routes to where pods are, so that packets leave it. */
function dnsMachine(minor: number, ...objects: readonly object[]) {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-proxy', namespace: 'kube-system', labels: { 'k8s-app': 'kube-proxy' } },
    spec: {
      nodeName: 'here',
      hostNetwork: true,
      containers: [{ name: 'kube-proxy', image: `kube-proxy:v1.${minor}.0` }],
    },
  };
  const made = machine(pod, ...objects);
  const dev = made.netns.devices.named('eth0');
  made.netns.fib.addRoute({
    destination: { addr: address('0.0.0.0'), length: 0 },
    nextHops: [{ via: address('192.168.0.1'), dev }],
    because: [],
  });
  return made;
}

for (const minor of [31, 34]) {
  t.test(`1.${minor}: UDP connections to an endpoint that is gone are forgotten, others stay`, (t) => {
    const made = dnsMachine(minor, DNS, dns('10.244.1.2'));
    t.equal(made.installation.minor, minor);
    t.same(ask(made, '10.96.0.53'), ['10.96.0.53 by 10.244.1.2']);
    ask(made, '8.8.8.8');
    made.become(DNS, dns('10.244.1.2', '10.244.1.3'));
    made.proxy.sync();
    t.same(entries(made), ['10.96.0.53 by 10.244.1.2', '8.8.8.8 by 8.8.8.8'], 'one more endpoint changes nothing');
    made.become(DNS, dns('10.244.1.3'));
    made.proxy.sync();
    t.same(entries(made), ['8.8.8.8 by 8.8.8.8']);
    t.end();
  });
}

for (const [minor, kept] of [
  [33, ['10.96.0.53 by 10.244.1.2']],
  [34, []],
] as const) {
  t.test(
    `1.${minor}: UDP connections to a port that an endpoint no longer has ${kept.length > 0 ? 'stay' : 'go'}`,
    (t) => {
      const at = (port: number) => slice([{ addresses: ['10.244.1.2'] }], [{ name: 'dns', port, protocol: 'UDP' }]);
      const made = dnsMachine(minor, DNS, at(53));
      t.same(ask(made, '10.96.0.53'), ['10.96.0.53 by 10.244.1.2']);
      made.become(DNS, at(5353));
      made.proxy.sync();
      t.same(entries(made), kept);
      t.end();
    },
  );
}

t.test('1.31: connections go with their Service', (t) => {
  const plain = service({ clusterIP: '10.96.0.53', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] });
  const made = dnsMachine(31, plain, dns('10.244.1.2'));
  ask(made, '10.96.0.53');
  made.become(plain, dns('10.244.1.3'));
  made.proxy.sync();
  t.same(entries(made), []);
  ask(made, '10.96.0.53');
  made.become();
  made.proxy.sync();
  t.same(entries(made), [], 'and when it goes itself');
  t.end();
});

t.test('1.34: entries of a Service that nobody serves any more run out by themselves', (t) => {
  const made = dnsMachine(34, DNS, dns('10.244.1.2'));
  ask(made, '10.96.0.53');
  made.become(DNS, dns());
  made.proxy.sync();
  t.same(entries(made), ['10.96.0.53 by 10.244.1.2']);
  made.become(DNS, dns('10.244.1.7'));
  made.proxy.sync();
  t.same(entries(made), [], 'until there is somebody again');
  t.end();
});
