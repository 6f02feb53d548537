import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import type { Host, ListedObject, Pod } from '../../web/src/api-types.js';
import { dissect, fromHex, LINKTYPE } from '../../src/packet/index.js';
import { completionsAt } from '../../web/src/controls/object-fields.js';
import { changedFields, changedOctets } from '../../web/src/packet/compare.js';
import { rowsInView } from '../../web/src/packets/window.js';
import { brokenBy } from '../../web/src/picture/broken.js';
import { Flights, pointAlong } from '../../web/src/picture/flights.js';
import { layoutOf, type MachineBox } from '../../web/src/picture/layout.js';
import { wayBetween } from '../../web/src/picture/way-between.js';
import { pointOn, tieWays } from '../../web/src/picture/tie-ways.js';
import { sessionsIn } from '../../web/src/picture/ties.js';
import { glanceAt } from '../../web/src/state/frames.js';
import { InOrder, Repeated } from '../../web/src/state/in-order.js';
import { ObjectNames, objectNamed, titleOf } from '../../web/src/state/object-names.js';
import { bestTarget, servedProtocols } from '../../web/src/state/targets.js';
import { toldOf } from '../../web/src/state/problem.js';
import { dnsName, httpTarget } from '../../web/src/state/queries.js';
import { chosenByKey } from '../../web/src/next-choice.js';
import { formatRoute, parseRoute } from '../../web/src/state/route.js';
import { en } from '../../web/src/texts/en.js';
import { zh } from '../../web/src/texts/zh.js';
import { commandOf, completeCommand, splitWords } from '../../web/src/terminal/commands.js';
import { commonPrefix, keysOf, LineEditor } from '../../web/src/terminal/line-editor.js';
import { counterKey, parseCounters } from '../../web/src/trace/counters.js';
import { passesOf } from '../../web/src/trace/passes.js';
import { sentenceOf } from '../../web/src/trace/sentence.js';
import type { TraceStep } from '../../web/src/trace-document.js';

const octets = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();

t.test('rows in view cover the window, and lie in the list', async (t) => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(3_000_000), fc.nat(2000), (count, top, height) => {
      const { first, end } = rowsInView(count, { top, height, rowHeight: 22 });
      const visible = Array.from({ length: Math.ceil(height / 22) }, (_, i) => Math.floor(top / 22) + i);
      return (
        first >= 0 &&
        first <= end &&
        end <= count &&
        visible.every((row) => row >= count || (row >= first && row < end))
      );
    }),
  );
  t.pass();
});

t.test('objects are read once, and then those that events name', async (t) => {
  const there = new Map<string, ListedObject>();
  const row = (kind: string, name: string, namespace = 'shop'): ListedObject => ({
    group: '',
    kind,
    namespace,
    name,
    resourceVersion: '1',
    origin: 'file',
  });
  const put = (one: ListedObject): unknown => there.set(titleOf(one), one);
  put(row('Pod', 'a'));
  put(row('Secret', 's'));
  const asked: string[] = [];
  const names = new ObjectNames(
    {
      objectNames: async (cluster, of) => {
        const title = of === undefined ? '' : titleOf(of);
        asked.push(`${cluster} ${title}`);
        return [...there.values()].filter((one) => of === undefined || titleOf(one) === title);
      },
    },
    ({ kind }) => kind === 'Pod' || kind === 'Node',
  );
  const shown = (): readonly string[] => names.rows.value.map(titleOf).toSorted((a, b) => (a < b ? -1 : 1));
  await names.readAll('vx');
  t.strictSame([shown(), asked.splice(0)], [['Pod shop/a'], ['vx ']]);
  put(row('Node', 'n', ''));
  there.delete('Pod shop/a');
  await names.changed(['Node n', 'Pod shop/a', 'Secret shop/s', 'link n eth0', 'node/n']);
  t.strictSame([shown(), asked.splice(0)], [['Node n'], ['vx Node n', 'vx Pod shop/a']]);
  const many = Array.from({ length: 30 }, (_, i) => row('Pod', `p${i}`));
  for (const one of many) put(one);
  await names.changed(many.map(titleOf));
  t.strictSame([shown().length, asked.splice(0)], [31, ['vx ']], 'many at once are read with all');
  const first = names.readAll('vx');
  const second = names.readAll('other');
  await Promise.all([first, second]);
  t.strictSame(asked.splice(0), ['vx ', 'other '], 'one question after the other');
  t.strictSame(objectNamed('session tor-a node1'), undefined);
  t.strictSame(objectNamed('Pod shop/web-1'), { kind: 'Pod', namespace: 'shop', name: 'web-1' });
});

const host = (name: string, subnet: string, role: Host['role'] = 'node', subnets = [subnet]): Host => ({
  name,
  role,
  built: false,
  off: false,
  interfaces: subnets.map((one, i) => ({
    name: `eth${i}`,
    switch: one,
    subnet: one,
    address: '10.0.0.1',
    prefixLength: 24,
    mtu: 1500,
  })),
});
const podOn = (node: string, name: string): Pod => ({
  namespace: 'shop',
  name,
  node,
  hostNetwork: false,
  addresses: ['10.1.0.1'],
  labels: {},
});

t.test('a picture: machines do not cover one another, pods lie in their node, ways are drawn lines', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ rack: fc.constantFrom('a', 'b', 'c'), pods: fc.nat(20) }), { minLength: 1, maxLength: 24 }),
      (nodes) => {
        const hosts = [
          ...nodes.map(({ rack }, i) => host(`node${i}`, rack)),
          host('spine', 'a', 'router', ['a', 'b', 'c']),
        ];
        const pods = nodes.flatMap(({ pods: count }, i) =>
          Array.from({ length: count }, (_, j) => podOn(`node${i}`, `pod${i}-${j}`)),
        );
        const { machines } = layoutOf(hosts, pods);
        const boxes = [...machines.values()];
        const apart = (a: MachineBox, b: MachineBox): boolean =>
          a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        const inside = boxes.every((box) =>
          box.pods.every(
            (pod) =>
              pod.x >= box.x && pod.x + pod.width <= box.x + box.width && pod.y + pod.height <= box.y + box.height,
          ),
        );
        const straight = boxes.every(({ ports: [port] }) =>
          boxes.every(({ ports: [other] }) => {
            if (port === undefined || other === undefined || port === other || port.subnet !== other.subnet)
              return true;
            const way = wayBetween(port, other);
            return (
              way[0] === port.at &&
              way.at(-1) === other.at &&
              way.every((point, i) => i === 0 || point.x === way[i - 1]?.x || point.y === way[i - 1]?.y)
            );
          }),
        );
        return (
          boxes.length === hosts.length &&
          boxes.every((a, i) => boxes.slice(i + 1).every((b) => apart(a, b))) &&
          inside &&
          straight
        );
      },
    ),
    { numRuns: 60 },
  );
  t.strictSame(
    pointAlong(
      [
        { x: 0, y: 0 },
        { x: 10, y: 0 },
        { x: 10, y: 10 },
      ],
      0.75,
    ),
    { x: 10, y: 5 },
  );
});

t.test('tunnels and sessions go around machines, and apart from one another', async (t) => {
  const names = ['node0', 'node1', 'node2', 'node3'];
  const layout = layoutOf([...names.map((name) => host(name, 'a')), host('spine', 'a', 'router')], []);
  const tie = (from: string, to: string) => ({ from, to, up: true, label: 'VXLAN' });
  const tunnels = names.flatMap((a, i) => names.slice(i + 1).map((b) => tie(`node/${a}`, `node/${b}`)));
  const sessions = names.map((name) => tie(`node/${name}`, 'host/spine'));
  const ways = tieWays(layout, { tunnels, sessions });
  t.equal(ways.length, tunnels.length + sessions.length);
  t.equal(new Set(ways.map(({ curve }) => JSON.stringify(curve))).size, ways.length);
  for (const { from, to, curve } of ways.filter(({ kind }) => kind === 'tunnel')) {
    const crossed = [...layout.machines.values()].filter(({ x, y, width, height }) =>
      Array.from({ length: 20 }, (_, i) => pointOn(curve, (i + 2) / 23)).some(
        (at) => at.x > x + 8 && at.x < x + width - 8 && at.y > y + 8 && at.y < y + height - 8,
      ),
    );
    t.strictSame(
      crossed.map(({ place }) => place),
      [],
      `${from} ${to}`,
    );
  }
  t.strictSame(tieWays(layout, { tunnels: [tie('node/node0', 'node/gone')], sessions: [] }), []);
});

t.test('a packet that is lost on the wire ends where the cable is out', async (t) => {
  const layout = layoutOf([host('node0', 'a'), host('spine', 'a', 'router', ['a', 'b'])], []);
  const drop = (text: string, dropReason: string) => {
    const flights = new Flights(layout);
    flights.addDrop({
      type: 'step',
      seq: 1,
      timeNs: 0,
      place: 'node/node0',
      host: 'node0',
      netns: '',
      packet: 1,
      parent: 0,
      step: 'drop',
      text,
      because: [],
      dropReason,
    });
    flights.advance(1000);
    return flights.drops[0]?.at;
  };
  const spine = layout.machines.get('host/spine');
  t.strictSame(drop('link-down: the physical link is down (a spine eth0)', 'link-down'), spine?.ports[0]?.at);
  const node = layout.machines.get('node/node0');
  const middle = { x: (node?.x ?? 0) + (node?.width ?? 0) / 2, y: (node?.y ?? 0) + (node?.height ?? 0) / 2 };
  t.strictSame(drop('netfilter-drop: a netfilter rule dropped it', 'netfilter-drop'), middle);
  t.strictSame(drop('link-down: the physical link is down (a gone eth0)', 'link-down'), middle);
});

// A SYN in VXLAN, and the same before it was wrapped.
const INNER =
  '66a46fe0c4da66f937c37e9408004500003c730040003f0619e8c0a8a681c0a88701d72e1538f089775900000000a002fd5cda4f0000020405820402080a9015dd510000000001030307';
const OUTER =
  `1635f2726f109ecc8aaf5efa08004500006e6f2c000040115ddeac120002ac12010489 7912b5005a00000800000000100000${INNER}`.replace(
    ' ',
    '',
  );

t.test('what changed: octets in front are new, a field is told before and after', async (t) => {
  const [inner, outer] = [octets(INNER), octets(OUTER)];
  t.equal(changedOctets(inner, outer).size, outer.length - inner.length);
  const later = octets(INNER.replace('40003f0619e8', '40003e061ae8'));
  const fields = changedFields(dissect(inner), dissect(later));
  t.strictSame(
    fields.map(({ field }) => field),
    ['ipv4.ttl', 'ipv4.checksum'],
  );
  t.strictSame(fields[0], { field: 'ipv4.ttl', before: '63', after: '62' });
  t.ok(changedFields(dissect(inner), dissect(outer)).some(({ field, after }) => field === 'vxlan' && after === '+'));
});

t.test('a glance at a frame: the innermost packet, and what it is wrapped in', async (t) => {
  const wrapped = glanceAt(dissect(octets(OUTER)));
  t.match(wrapped, { protocol: 'tcp', source: '192.168.166.129', destination: '192.168.135.1', flags: 'SYN' });
  t.match(wrapped.outer, { protocol: 'vxlan', source: '172.18.0.2', destination: '172.18.1.4' });
  const plain = glanceAt(dissect(octets(INNER).subarray(14), LINKTYPE.raw));
  t.equal(plain.outer, undefined);
  const arp = octets('ffffffffffffaabbccddeeff08060001080006040001aabbccddeeff0a0000010000000000000a000002');
  t.match(glanceAt(dissect(arp)), { protocol: 'arp', source: '10.0.0.1', destination: '10.0.0.2' });
});

t.test('links lead back to where they came from', async (t) => {
  const routes = [
    {},
    { cluster: 'a b/c' },
    { cluster: 'demo', trace: 'x-1' },
    { cluster: 'demo', packet: 7 },
    { scenario: 'dns' },
  ];
  for (const route of routes) t.strictSame(parseRoute(formatRoute(route)), route);
  t.strictSame(parseRoute('#/%E0%A4%A'), { cluster: '%E0%A4%A' }, 'what is no URI stays as it is');
});

t.test('every text is there in both languages, with the same values in it', async (t) => {
  const values = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).toSorted();
  for (const [key, text] of Object.entries(en)) t.strictSame(values(zh[key as keyof typeof en]), values(text), key);
});

t.test('counters of rules by table, chain and position', async (t) => {
  const counters = parseCounters(
    '*raw\n:PREROUTING ACCEPT [1:2]\n[3:4] -A PREROUTING -j a\n[5:6] -A a -j DROP\n*filter\n[7:8] -A PREROUTING -j b\n[9:10] -A PREROUTING -j c\n',
  );
  t.strictSame(counters.get(counterKey('raw', 'a', 1)), { packets: 5, bytes: 6 });
  t.strictSame(counters.get(counterKey('filter', 'PREROUTING', 2)), { packets: 9, bytes: 10 });
  t.equal(counters.size, 4);
});

t.test('a sentence that quotes a rule is taken apart; another stays as it is', async (t) => {
  const rule = '-d 10.96.0.24/32 -m comment --comment "web (b) has none" -j DROP';
  const words = 'node/a dropped it in forward, table filter, chain KUBE-SERVICES: rule 2';
  t.strictSame(sentenceOf(`${words}, ${rule} (Service shop/web, port http; Node a).`), {
    words: `${words}:`,
    rule,
    causes: ['Service shop/web, port http', 'Node a'],
  });
  t.strictSame(sentenceOf(`${words}, ${rule}.`), { words: `${words}:`, rule, causes: [] });
  t.strictSame(sentenceOf('In table raw, chain A, rule 3, -m odd is not modelled (Node a).'), {
    words: 'In table raw, chain A, rule 3 is not modelled:',
    rule: '-m odd',
    causes: ['Node a'],
  });
  const plain = 'pod/shop/web answers on tcp port 80.';
  t.strictSame(sentenceOf(plain), { words: plain, causes: [] });
});

const step = (kind: string, more: Partial<TraceStep> = {}): TraceStep => ({ kind, timeNs: 0, text: '', ...more });

t.test('a packet that is put into a tunnel passes twice', async (t) => {
  const passes = passesOf([
    step('receive', { dev: 'cali1' }),
    step('rule', { hook: 'prerouting', table: 'raw' }),
    step('route', { direction: 'input' }),
    step('forward'),
    step('rule', { hook: 'postrouting', table: 'mangle' }),
    step('transmit', { dev: 'vxlan.calico' }),
    step('encapsulate'),
    step('send'),
    step('route', { direction: 'output' }),
    step('rule', { hook: 'output', table: 'raw' }),
    step('drop', { reason: 'netfilter-drop' }),
  ]);
  t.equal(passes.length, 2);
  t.strictSame(passes[0]?.way, ['in', 'prerouting', 'route-in', 'forward', 'postrouting', 'out']);
  t.strictSame(passes[1]?.way, ['local', 'route-out', 'output']);
  t.strictSame(
    passes.map(({ dropped }) => dropped),
    [false, true],
  );
  t.strictSame(
    passes.flatMap(({ steps }) => steps.map(({ index }) => index)),
    Array.from({ length: 11 }, (_, i) => i),
  );
});

t.test('sessions of birdc, with the address of the neighbour', async (t) => {
  const text = `BIRD v0.3.3 ready.
name     proto    table    state  since       info
kernel1  Kernel   master   up     00:00:00
  Preference:     10
Mesh_172_18_0_3 BGP      master   up     00:00:00    Established
  Description:    Connection to BGP peer
  BGP state:          Established
    Neighbor address: 172.18.0.3
Node_1 BGP master start 00:00:00 Active        Socket: Connection refused
    Neighbor address: 172.18.0.4
`;
  t.strictSame(sessionsIn(text), [
    { address: '172.18.0.3', up: true },
    { address: '172.18.0.4', up: false },
  ]);
});

t.test('a line is typed, recalled and completed', async (t) => {
  const editor = new LineEditor((head) =>
    ['route', 'rule'].filter((one) => one.startsWith(head.split(' ').at(-1) ?? '')),
  );
  const type = (...keys: readonly string[]) => keys.map((key) => editor.key(key)).at(-1);
  type('i', 'p', ' ');
  t.strictSame(type('\t'), { kind: 'edit' }, 'as far as all have in common');
  t.equal(editor.shown.line, 'ip r');
  t.match(type('\t'), { kind: 'choices', choices: ['route', 'rule'] });
  type('o', '\t');
  t.equal(editor.shown.line, 'ip route ');
  t.strictSame(type('\r'), { kind: 'enter', line: 'ip route' });
  type('l', 's', '\r', '\u001b[A', '\u001b[A', '\u001b[D', '\u007f');
  t.equal(editor.shown.line, 'ip roue');
  t.match(type('\u0003'), { kind: 'interrupt' });
  t.equal(editor.shown.line, '');
  t.equal(commonPrefix([]), '');
  t.strictSame(splitWords(`a "b c" 'd'`), [
    { text: 'a', at: 0 },
    { text: 'b c', at: 3 },
    { text: 'd', at: 9 },
  ]);
  t.equal(splitWords('a "b'), undefined);
  const run = (line: string): readonly string[] => commandOf(line, splitWords(line) ?? []);
  t.strictSame(run(`curl 'http://web/?a=1&b=2'`), ['curl', 'http://web/?a=1&b=2']);
  t.strictSame(run('ip a | grep "inet 10"'), ['sh', '-c', 'ip a | grep "inet 10"']);
  t.strictSame(run('getent hosts "$(hostname)"'), ['sh', '-c', 'getent hosts "$(hostname)"']);
});

t.test('a request over HTTP goes to a place or a host, with port and path; names in DNS have no ports', async (t) => {
  const names = new Map([['10.96.0.20', 'svc/shop/web']]);
  const target = (typed: string) => httpTarget(names, typed);
  t.strictSame(target('svc/shop/web:8080'), { to: 'svc/shop/web:8080', url: 'http://10.96.0.20:8080/' });
  t.strictSame(target('svc/shop/other'), {
    to: 'svc/shop/other:80',
    url: 'http://other.shop.svc.cluster.local/',
  });
  t.strictSame(target('svc/shop/web/health'), { to: 'svc/shop/web:80', url: 'http://10.96.0.20/health' });
  t.strictSame(target('web.shop:80/path?x=1'), { to: 'web.shop:80', url: 'http://web.shop:80/path?x=1' });
  t.strictSame(target('web.shop?x=1'), { to: 'web.shop:80', url: 'http://web.shop/?x=1' });
  t.strictSame(target('https://web.shop/a:1'), { to: 'web.shop:443', url: 'https://web.shop/a:1' });
  for (const typed of ['', 'svc/shop', '/path', 'http://', 'web shop']) t.equal(target(typed), undefined, typed);
  t.equal(dnsName('svc/shop/web:80'), 'web.shop.svc.cluster.local');
  t.equal(dnsName(' web.shop:80'), 'web.shop');
  t.equal(dnsName('web'), 'web');
});

t.test('a message of the server is told without the name it gives the text of a request', async (t) => {
  t.strictSame(toldOf('request-260fdcdf.yaml:4:23: expected a map'), {
    words: 'expected a map',
    at: { line: 4, column: 23 },
  });
  t.strictSame(toldOf('mine.yaml:4:23: expected a map'), { words: 'mine.yaml:4:23: expected a map' });
});

t.test('arrow keys go around a group of buttons', async (t) => {
  t.equal(chosenByKey('ArrowRight', 2, 3), 0);
  t.equal(chosenByKey('ArrowLeft', 0, 3), 2);
  t.equal(chosenByKey('End', 0, 3), 2);
  t.equal(chosenByKey('Enter', 0, 3), undefined);
});

t.test('a pasted text is its lines, each entered; a key is itself', async (t) => {
  t.strictSame(keysOf('ip route\r\nip\tlink\rls'), ['ip route', '\r', 'ip link', '\r', 'ls']);
  t.strictSame(keysOf('a\n\nb\n'), ['a', '\r', '\r', 'b', '\r']);
  for (const key of ['\r', '\t', '\u0003', '\u001b[A', 'a']) t.strictSame(keysOf(key), [key]);
});

t.test('what faults have broken is marked: cables, switches and pods', async (t) => {
  const faults = [
    { kind: 'link', host: 'node1', interface: 'eth0' },
    { kind: 'switch', name: 'rack' },
    { kind: 'pod', namespace: 'shop', name: 'web' },
    { kind: 'node', name: 'node2' },
  ] as const;
  t.strictSame(brokenBy(faults.map((fault, i) => ({ id: `${i}`, fault, sinceNs: 0 }))), {
    brokenLinks: new Set(['node1 eth0']),
    brokenSwitches: new Set(['rack']),
    brokenPods: new Set(['pod/shop/web']),
  });
});

t.test('words that follow are completed: tables and chains of iptables, interfaces of tcpdump', async (t) => {
  const known = { services: [], names: new Map([['10.0.0.9', 'pod/shop/nat']]), interfaces: ['eth0'] };
  const after = (head: string) => completeCommand(known, head);
  t.strictSame(after('iptables -t '), ['filter', 'mangle', 'nat', 'raw']);
  t.strictSame(after('iptables -t n'), ['nat']);
  t.strictSame(after('iptables-save --table m'), ['mangle']);
  t.strictSame(after('iptables -t nat -L PO'), ['POSTROUTING']);
  t.strictSame(after('ipt'), ['iptables', 'iptables-nft', 'iptables-nft-save', 'iptables-save']);
  t.strictSame(after('iptables-n'), ['iptables-nft', 'iptables-nft-save']);
  t.strictSame(after('iptables-nft -t n'), ['nat']);
  t.strictSame(after('tcpdump -i '), ['any', 'eth0']);
});

const service = (name: string, ports: readonly object[]): ListedObject => ({
  group: '',
  kind: 'Service',
  namespace: 'shop',
  name,
  resourceVersion: '1',
  origin: 'file',
  object: { spec: { ports } },
});

t.test(
  'what a form suggests is ready and takes TCP, where there is such a pod; a Service has its own protocols',
  async (t) => {
    const pod = (name: string, ports: readonly object[], ready = true): ListedObject => ({
      group: '',
      kind: 'Pod',
      namespace: 'shop',
      name,
      resourceVersion: '1',
      origin: 'file',
      object: {
        spec: { containers: [{ name: 'main' }, { name: 'other', ports }] },
        status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
      },
    });
    const dns = pod('dns', [{ containerPort: 53, protocol: 'UDP' }]);
    const both = pod('both', [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 80 }]);
    t.strictSame(bestTarget([dns, pod('asleep', [{ containerPort: 1 }], false), both]), {
      pod: both,
      port: { containerPort: 80, protocol: 'tcp' },
    });
    t.match(bestTarget([pod('silent', []), dns]), { pod: dns, port: { containerPort: 53, protocol: 'udp' } });
    t.match(bestTarget([pod('silent', [])]), undefined);
    const services = [
      service('dns', [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ]),
      service('web', [{ port: 80 }]),
    ];
    t.strictSame(servedProtocols(services, 'svc/shop/dns:53'), ['tcp', 'udp']);
    t.strictSame(servedProtocols(services, 'svc/shop/web:80'), ['tcp']);
    t.strictSame(servedProtocols(services, 'svc/shop/web:81'), []);
    t.strictSame(servedProtocols(services, 'pod/shop/web:80'), []);
  },
);

t.test('the editor knows which fields may stand where', async (t) => {
  const text = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  na
spec:
  policyTypes: [In
  ingress:
    - from:
        - po
`;
  const at = (line: number) => completionsAt(text, line, text.split('\n')[line]?.length ?? 0);
  t.match(at(3), { from: 2, isField: true });
  t.ok(at(3)?.values.includes('namespace'));
  t.strictSame(at(5)?.values, ['Ingress', 'Egress']);
  t.ok(at(8)?.values.includes('podSelector'), 'in an item of a list');
  t.strictSame(at(9)?.values, ['apiVersion', 'kind', 'metadata', 'spec']);
});

t.test('the page takes the packets of src, and nothing else of it but types', async (t) => {
  const files = readdirSync('web/src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  t.ok(files.length > 30);
  for (const file of files) {
    const text = readFileSync(`web/src/${file}`, 'utf8');
    for (const [, type, from = ''] of text.matchAll(/^import (type )?[^;]*?from '([^']+)';/gm))
      if (from.includes('/src/') && type === undefined) t.match(from, /\/src\/packet\/index\.js$/, `${file}: ${from}`);
  }
});

t.test('of answers that overtake one another the last that was asked for is shown', async (t) => {
  const asked: ((answer: string) => void)[] = [];
  const shown: string[] = [];
  const order = new InOrder();
  const show = (): Promise<void> =>
    order.show(
      () =>
        new Promise<string>((resolve) => {
          asked.push(resolve);
        }),
      (answer) => shown.push(answer),
    );
  const all = [show(), show(), show()];
  asked[1]?.('second');
  await all[1];
  asked[0]?.('first');
  asked[2]?.('third');
  await Promise.all(all);
  t.strictSame(shown, ['second', 'third']);
});

t.test('what is wanted again while it is done is done once more, however often', async (t) => {
  let times = 0;
  const repeated = new Repeated(async () => {
    times++;
    if (times === 1) for (let i = 0; i < 5; i++) void repeated.again();
    await Promise.resolve();
  });
  await repeated.again();
  t.equal(times, 2);
});
