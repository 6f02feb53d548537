/** Corefiles: how they are read, and what CoreDNS does not start with. */

import t from 'tap';
import { DnsWorld, service } from './dns-world.js';

const problem = (corefile: string, files: Readonly<Record<string, string>> = {}): string => {
  const { error, notes } = new DnsWorld(corefile, [], { files }).coreDns;
  return error === undefined
    ? notes.map(({ line, message }) => `${line}: ${message}`).join('\n')
    : `${error.line}! ${error.message}`;
};

const WRONG: readonly (readonly [string, string])[] = [
  ['. {\n  kubernets cluster.local\n}', "2! Unknown directive 'kubernets'"],
  ['. {\n  cache 30\n', "2! expected '}', got the end of the file"],
  [
    '. {\n  kubernetes cluster.local {\n    pods sometimes\n  }\n}',
    '3! wrong value for pods: sometimes, must be one of: disabled, verified, insecure',
  ],
  ['. {\n  kubernetes cluster.local {\n    ttl 3601\n  }\n}', '3! ttl must be in range [0, 3600]: 3601'],
  ['. {\n  kubernetes cluster.local {\n    tlt 30\n  }\n}', "3! unknown property 'tlt'"],
  ['. {\n  kubernetes in-addr.arpa\n}', '2! non-reverse zone name must be used'],
  [
    '. {\n  kubernetes a.b\n  kubernetes c.d\n}',
    '3! plugin/kubernetes: this plugin can only be used once per Server Block',
  ],
  ['. {\n  forward .\n}', "2! wrong argument count or unexpected line ending after 'forward'"],
  ['. {\n  forward . ns.example.org\n}', '2! not an IP address or file: "ns.example.org"'],
  ['. {\n  forward . 192.0.2.1 {\n    policy fair\n  }\n}', "3! unknown policy 'fair'"],
  [
    '. {\n  rewrite name regex (.*)\\.a {1}.{2}.b\n}',
    '2! the rewrite regex pattern ({1}.{2}.b) uses more subexpressions than its corresponding matching regex pattern ((.*)\\.a)',
  ],
  ['. {\n  rewrite name regex ( a\n}', '2! invalid regex matching pattern: ('],
  ['. {\n  rewrite nome a b\n}', '2! invalid rule type "nome"'],
  ['. {\n  template IN A {\n    rcode MAYBE\n  }\n}', '3! unknown rcode MAYBE'],
  ['. {\n  cache {\n    servfail 6m\n  }\n}', '3! caching SERVFAIL responses over 5 minutes is not permitted'],
  ['. {\n  errors\n}\n.:53 {\n  errors\n}', '4! cannot serve .:53 - it is already defined'],
  ['. {\n  import nobody\n}', '2! file to import not found: nobody'],
  [
    '. {\n  loop\n  forward . /etc/resolv.conf\n}',
    '3! Loop detected for zone ".": questions to 127.0.0.53 come back to CoreDNS itself',
  ],
];

for (const [corefile, expected] of WRONG) {
  t.test(`a Corefile that CoreDNS does not start with: ${expected}`, (t) => {
    t.equal(problem(corefile, { '/etc/resolv.conf': 'nameserver 127.0.0.53\n' }), expected);
    t.end();
  });
}

t.test('what is not modelled is said, with its line', (t) => {
  t.equal(problem('. {\n  errors\n  dns64\n}'), "3: the plugin 'dns64' is not modelled: answers may differ");
  t.equal(problem('. {\n  cache 30 {\n    prefetch 5\n  }\n}'), "3: 'prefetch' is not modelled: answers may differ");
  t.match(problem('tls://. {\n  errors\n}'), '1: tls:// is not modelled');
  t.match(problem('. {\n  forward . tls://9.9.9.9\n}'), "2: 'forward to tls://9.9.9.9' is not modelled");
  t.match(problem('. {\n  template IN A {\n    answer "{{ if .Name }}x{{ end }}"\n  }\n}'), '3: ');
  t.match(problem('. {\n  forward . /etc/resolv.conf\n}'), '2: /etc/resolv.conf names no server');
  t.equal(
    problem(
      '. {\n  errors\n  log\n  health { \n lameduck 5s \n }\n  ready\n  prometheus :9153\n  loop\n  reload\n  loadbalance\n}',
    ),
    '',
  );
  t.end();
});

t.test('comments, quotes, snippets, commas and blocks without braces', (t) => {
  const dns = new DnsWorld(
    '# a comment\n(common) {\n  errors # more\n  hosts {\n    192.0.2.1 a.example\n    fallthrough\n  }\n}\nexample,\nexample.org:53 {\n  import common\n  template IN TXT {\n    answer "{{ .Name }} 5 IN TXT \\"two words\\""\n  }\n}\n',
    [],
  );
  t.same(dns.lines('a.example', 'A'), ['NOERROR', 'a.example. 3600 IN A 192.0.2.1']);
  t.same(dns.lines('x.example.org', 'TXT'), ['NOERROR', 'x.example.org. 5 IN TXT "two words"']);
  const bare = new DnsWorld('cluster.local\nkubernetes\n', [service('web', { clusterIP: '10.96.0.9' })]);
  t.same(bare.lines('web.shop.svc.cluster.local', 'A'), ['NOERROR', 'web.shop.svc.cluster.local. 5 IN A 10.96.0.9']);
  t.end();
});

t.test('a zone may be written as a range of addresses', (t) => {
  const dns = new DnsWorld('10.96.0.0/12 {\n  kubernetes cluster.local 10.96.0.0/12\n}', [
    service('web', { clusterIP: '10.97.0.9' }),
  ]);
  t.same(dns.lines('9.0.97.10.in-addr.arpa', 'PTR'), [
    'NOERROR',
    '9.0.97.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local.',
  ]);
  t.same(dns.lines('9.0.112.10.in-addr.arpa', 'PTR'), ['REFUSED']);
  t.end();
});
