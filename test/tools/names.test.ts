/** Tools that ask for names, and curl, in the topology `dns`. */

import t from 'tap';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const fresh = () => loadTopology('dns');
const CART = 'pod/shop/cart';

const shows: readonly (readonly [string, string, string | RegExp])[] = [
  [CART, 'dig +short web.shop.svc.cluster.local', '10.96.0.20\n'],
  [CART, 'dig +short +search web', '10.96.0.20\n'],
  [CART, 'dig +short web', ''],
  [CART, 'dig +noall +answer -x 10.96.0.20', '20.0.96.10.in-addr.arpa. 30\tIN\tPTR\tweb.shop.svc.cluster.local.\n'],
  [
    CART,
    'dig @203.0.113.53 payments.corp.example +noall +answer',
    'payments.corp.example.\t300\tIN\tA\t203.0.113.80\n',
  ],
  [CART, 'dig +tcp +noall +stats web.shop.svc.cluster.local', /;; SERVER: 10\.96\.0\.10#53\(10\.96\.0\.10\) \(TCP\)\n/],
  [CART, 'dig +noall +question SRV a.example', ';a.example.\t\t\tIN\tSRV\n'],
  [CART, 'dig +noall +question soa', ';.\t\t\t\tIN\tNS\n'],
  [
    CART,
    'dig +noall +question web.shop SRV quick.shop a.shop mx',
    ';web.shop.\t\t\tIN\tSRV\n;quick.shop.\t\t\tIN\tA\n;a.shop.\t\t\t\tIN\tMX\n',
  ],
  [CART, 'dig +noall +question -t ns a.shop b.shop', ';a.shop.\t\t\t\tIN\tNS\n;b.shop.\t\t\t\tIN\tNS\n'],
  [
    CART,
    'nslookup web.shop',
    'Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\tweb.shop.svc.cluster.local\nAddress: 10.96.0.20\n\n',
  ],
  [
    CART,
    'nslookup -type=SRV _sql._tcp.db.shop.svc.cluster.local',
    /\tservice = 0 33 5432 db-0\.db\.shop\.svc\.cluster\.local\.\n/,
  ],
  [
    CART,
    'nslookup payments',
    /^Server.*\n\npayments\.shop\.svc\.cluster\.local\tcanonical name = payments\.corp\.example\.\nName:\tpayments\.corp\.example\nAddress: 203\.0\.113\.80\n\n$/s,
  ],
  [CART, 'host web', 'web.shop.svc.cluster.local has address 10.96.0.20\n'],
  [CART, 'host -t MX web', 'web.shop.svc.cluster.local has no MX record\n'],
  [CART, 'host 10.96.0.20', '20.0.96.10.in-addr.arpa domain name pointer web.shop.svc.cluster.local.\n'],
  [
    CART,
    'host payments',
    'payments.shop.svc.cluster.local is an alias for payments.corp.example.\npayments.corp.example has address 203.0.113.80\n',
  ],
  [
    CART,
    'host web.shop 10.96.0.10',
    'Using domain server:\nName: 10.96.0.10\nAddress: 10.96.0.10#53\nAliases: \n\nweb.shop.svc.cluster.local has address 10.96.0.20\n',
  ],
  [CART, 'getent hosts web.shop', '10.96.0.20      web.shop.svc.cluster.local\n'],
  [CART, 'getent hosts 10.96.0.20', '10.96.0.20      web.shop.svc.cluster.local\n'],
  ['pod/shop/quick', 'getent hosts legacy.corp.example', '203.0.113.80    legacy.corp.example\n'],
  [
    CART,
    'ping -c 1 db-0.db.shop',
    /^PING db-0\.db\.shop\.svc\.cluster\.local \(10\.244\.189\.66\) 56\(84\) bytes of data\.\n64 bytes from db-0\.db\.shop\.svc\.cluster\.local \(10\.244\.189\.66\): icmp_seq=1 .*\n\n--- db-0\.db\.shop\.svc\.cluster\.local ping/,
  ],
  [CART, 'ping -n -c 1 db-0.db.shop', /^PING db-0\.db\.shop\.svc.*\n64 bytes from 10\.244\.189\.66: icmp_seq=1 /],
  [
    CART,
    'traceroute -q 1 db-0.db.shop',
    / {2}db-0\.db\.shop\.svc\.cluster\.local \(10\.244\.189\.66\) {2}[\d.]+ ms\n$/,
  ],
  [CART, 'traceroute -n -q 1 db-0.db.shop', / {2}10\.244\.189\.66 {2}[\d.]+ ms\n$/],
  [CART, 'ping -c 1 10.244.189.66', /^PING 10\.244\.189\.66 \(10.*\n64 bytes from 10\.244\.189\.66: icmp_seq=1 /],
  [CART, 'curl http://web.shop/', 'pod shop/web-1, port 8080\n'],
  [CART, 'curl -s -o /dev/null -w %{http_code}/%{remote_ip} http://web/missing', '404/10.96.0.20'],
  [
    CART,
    'curl -sI web',
    /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 26\r\n\r\n$/,
  ],
  [CART, 'curl http://10.244.189.65:8080/health', 'OK'],
  [CART, 'curl http://10.244.189.65:8181/ready', 'OK'],
];

for (const [place, command, expected] of shows) {
  t.test(`${command} in ${place}`, (t) => {
    const printed = outputOf(fresh(), place, command);
    if (typeof expected === 'string') t.equal(printed, expected);
    else t.match(printed, expected);
    t.end();
  });
}

const fails: readonly (readonly [string, number, string, string])[] = [
  [
    'nslookup webb.shop',
    1,
    "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\n** server can't find webb.shop: NXDOMAIN\n\n",
    '',
  ],
  ['host webb', 1, 'Host webb not found: 3(NXDOMAIN)\n', ''],
  ['host -t BLA web', 2, '', 'host: invalid type: BLA\n\n'],
  [
    'host -W 1 web 203.0.113.99',
    1,
    ';; communications error to 203.0.113.99#53: timed out\n;; communications error to 203.0.113.99#53: timed out\n;; no servers could be reached\n',
    '',
  ],
  ['getent hosts webb', 2, '', ''],
  ['getent passwd 0', 0, 'root:x:0:0:root:/root:/bin/bash\n', ''],
  ['getent group nobody root', 2, 'root:x:0:\n', ''],
  ['getent zones x', 1, "Try `getent --help' or `getent --usage' for more information.\n", 'Unknown database: zones\n'],
  [
    'dig +short +time=1 +tries=2 @203.0.113.99 x',
    9,
    ';; communications error to 203.0.113.99#53: timed out\n;; communications error to 203.0.113.99#53: timed out\n;; no servers could be reached\n',
    '',
  ],
  ['dig +nonsense x', 1, '', 'Invalid option: +nonsense\n'],
  ['curl http://webb/', 6, '', 'curl: (6) Could not resolve host: webb\n'],
  ['curl http://web:81/', 7, '', 'curl: (7) Failed to connect to web port 81 after '],
  [
    'curl --connect-timeout 2 http://203.0.113.99/',
    28,
    '',
    'curl: (28) Failed to connect to 203.0.113.99 port 80 after 2000 ms: Timeout was reached\n',
  ],
  ['curl -f http://web/missing', 22, '', 'curl: (22) The requested URL returned error: 404\n'],
  ['curl https://web/', 1, '', 'curl: TLS is not modelled here'],
  ['ping -c 1 webb', 2, '', 'ping: webb: Name or service not known\n'],
  ['nc -z webb 80', 1, '', 'nc: getaddrinfo for host "webb" port 80: Name or service not known\n'],
];

for (const [command, exitCode, stdout, stderr] of fails) {
  t.test(`${command} fails`, (t) => {
    const result = toolIn(fresh(), CART, command);
    t.equal(result.exitCode, exitCode);
    t.equal(result.stdout, stdout);
    t.ok(result.stderr.startsWith(stderr), result.stderr);
    t.end();
  });
}

t.test('curl -v tells of the connection as the real one does', (t) => {
  const { stderr } = toolIn(fresh(), CART, 'curl -v http://web/');
  t.match(
    stderr,
    /^\*   Trying 10\.96\.0\.20:80\.\.\.\n\* Connected to web \(10\.96\.0\.20\) port 80 \(#0\)\n> GET \/ HTTP\/1\.1\n> Host: web\n> User-Agent: curl\/7\.88\.1\n> Accept: \*\/\*\n> \n< HTTP\/1\.1 200 OK\n(< .*\n)+< \n\* Connection #0 to host web left intact\n$/,
  );
  t.end();
});

t.test('curl takes options together, and says why a connection failed', (t) => {
  const cluster = fresh();
  t.equal(outputOf(cluster, CART, 'curl -so /dev/null -w%{http_code} http://web/'), '200');
  t.match(toolIn(cluster, CART, 'curl -sSm1 http://203.0.113.99/'), {
    exitCode: 28,
    stderr: /timed out after 1000 milli/,
  });
  t.equal(
    toolIn(cluster, CART, 'curl -sv http://10.96.0.20:81/').stderr.split('\n')[1],
    '* connect to 10.96.0.20 port 81 failed: Network is unreachable',
  );
  const wrong = (args: string): string => toolIn(cluster, CART, `curl ${args}`).stderr.split('\n')[0] ?? '';
  t.equal(wrong('--foo http://web'), 'curl: option --foo: is unknown');
  t.equal(wrong('-s -m'), 'curl: option -m: requires parameter');
  t.equal(wrong('-m x http://web'), 'curl: option -m: expected a proper numerical parameter');
  t.end();
});

t.test('wget fetches, and says what it did and how it ended', (t) => {
  const cluster = fresh();
  const page = outputOf(cluster, CART, 'curl -s http://web/');
  t.same(toolIn(cluster, CART, 'wget -qO- http://web'), { exitCode: 0, stdout: page, stderr: '' });
  t.same(toolIn(cluster, CART, 'wget -q --spider web'), { exitCode: 0, stdout: '', stderr: '' });
  t.match(
    toolIn(cluster, CART, 'wget -O - http://web/').stderr,
    /^--1970-01-01 00:00:\d\d-- {2}http:\/\/web\/\nResolving web \(web\)\.\.\. 10\.96\.0\.20\nConnecting to web \(web\)\|10\.96\.0\.20\|:80\.\.\. connected\.\nHTTP request sent, awaiting response\.\.\. 200 OK\nLength: \d+ \[text\/.*\]\nSaving to: ‘STDOUT’\n\n.* - written to stdout \[\d+\/\d+\]\n\n$/,
  );
  t.match(toolIn(cluster, CART, 'wget -qSO- http://web/').stderr, /^ {2}HTTP\/1\.1 200 OK\n( {2}.*\n)+$/);
  t.match(toolIn(cluster, CART, 'wget -O- http://web/missing'), {
    exitCode: 8,
    stdout: '',
    stderr: / ERROR 404: Not Found\.\n\n$/,
  });
  t.match(toolIn(cluster, CART, 'wget -O- http://webb/'), {
    exitCode: 4,
    stderr: /failed: Name or service not known\.\nwget: unable to resolve host address ‘webb’\n$/,
  });
  t.match(toolIn(cluster, CART, 'wget -O- http://10.96.0.20:81'), {
    exitCode: 4,
    stderr: /\nConnecting to 10\.96\.0\.20:81\.\.\. failed: Network is unreachable\.\n$/,
  });
  t.match(toolIn(cluster, CART, 'wget -O- -T2 -t2 http://203.0.113.99/'), {
    exitCode: 4,
    stderr:
      /failed: Connection timed out\.\nRetrying\.\n\n--.*\(try: 2\).*\n.*failed: Connection timed out\.\nGiving up\.\n\n$/,
  });
  t.match(toolIn(cluster, CART, 'wget'), { exitCode: 1, stderr: /^wget: missing URL\nUsage: / });
  t.match(toolIn(cluster, CART, 'wget --foo x'), { exitCode: 2, stderr: /^wget: unrecognized option '--foo'\n/ });
  t.match(toolIn(cluster, CART, 'wget http://web'), { exitCode: 1, stderr: /files are not kept here/ });
  t.end();
});

t.test('hostname has the names and addresses of a pod', (t) => {
  const cluster = loadTopology('kubectl-dump');
  const asked = (option: string): string => outputOf(cluster, 'pod/shop/db-1', `hostname ${option}`.trim());
  t.equal(asked(''), 'db-1\n');
  t.equal(asked('-s'), 'db-1\n');
  t.equal(asked('-f'), 'db-1.db.shop.svc.cluster.local\n');
  t.equal(asked('--domain'), 'db.shop.svc.cluster.local\n');
  t.equal(asked('-i'), '10.244.93.10\n');
  t.equal(asked('-I'), '10.244.93.10 \n');
  t.match(toolIn(cluster, 'node/shop-worker', 'hostname -I').stdout, /^172\.20\.0\.12 10\.244\.\d+\.\d+ \n$/);
  t.equal(outputOf(cluster, 'node/shop-worker', 'hostname -i'), '127.0.1.1\n');
  t.match(toolIn(cluster, 'node/shop-worker', 'hostname other'), { exitCode: 1, stderr: /only what shows/ });
  t.equal(toolIn(cluster, 'node/shop-worker', 'hostname -x').exitCode, 255);
  t.end();
});

t.test('a pod that may not ask is told so after the resolver has given up', (t) => {
  const cluster = fresh();
  const result = toolIn(cluster, 'pod/locked/job', 'curl http://web.shop/');
  t.equal(result.exitCode, 6);
  t.equal(cluster.emulation.clock.nowNs, 20e9);
  t.match(outputOf(cluster, 'pod/locked/job', 'curl http://10.96.0.20/'), 'pod shop/web-1');
  t.end();
});

t.test('numbers that are none end as in BIND 9.18', (t) => {
  const cluster = fresh();
  const refused: readonly (readonly [string, number, string, string])[] = [
    ['dig +time=x a', 10, "invalid timeout 'x': not a valid number\n", "dig: Couldn't parse timeout\n"],
    ['dig +tries=99999999999 a', 10, "invalid tries '99999999999': out of range\n", "dig: Couldn't parse tries\n"],
    ['dig +bufsize=-1 a', 10, "invalid buffer size '-1': not a valid number\n", "dig: Couldn't parse buffer size\n"],
    ['dig -p 99999 a', 1, "invalid port number '99999': out of range\n", "dig: Couldn't parse port number\n"],
  ];
  for (const [command, exitCode, stdout, stderr] of refused)
    t.same(toolIn(cluster, CART, command), { exitCode, stdout, stderr }, command);
  t.match(toolIn(cluster, CART, 'dig +foo=3 a').stderr, /^Invalid option: \+foo\n/);
  const told = outputOf(cluster, CART, 'nslookup -timeout=x -retry=-1 -port=99999 web.shop');
  const [timeout, tries, port, ...rest] = told.split('\n');
  t.same(
    [timeout, tries, port],
    [
      "invalid timeout 'x': not a valid number",
      "invalid tries '-1': not a valid number",
      "invalid port '99999': out of range",
    ],
  );
  t.equal(rest.join('\n'), outputOf(cluster, CART, 'nslookup web.shop'));
  const usual = outputOf(cluster, CART, 'host web.shop');
  t.equal(
    outputOf(cluster, CART, 'host -W x -R -5 -p 65589 web.shop'),
    usual,
    'host takes them for 0, and ports by their last bits',
  );
  t.end();
});
