/** Targets: what they make of packets, connections and sets. */

import t from 'tap';
import { type Device, type Netns, NS_PER_S, type Skb } from '../../../src/kernel/index.js';
import { formatIpv4, ipv4, parseIpv4, Tcp } from '../../../src/packet/index.js';
import type { HookName } from '../../../src/trace/index.js';
import { checksumsValid, flowOf, icmp, other, tcp, udp } from '../conntrack/packets.js';
import { addDevice, inWords, newNetns, skbOf, traced } from './hosts.js';

const addr = (text: string) => parseIpv4(text) ?? ipv4(0);

const SYN = tcp({ from: '10.0.0.1:1000', to: '10.1.0.2:80', flags: 'S' });
const UDP = udp({ from: '10.0.0.1:1000', to: '10.1.0.2:53' });

/** A router with 10.0.0.0/24 on eth0 and 10.1.0.0/24 on eth1. */
class Router {
  readonly netns: Netns = newNetns();
  readonly eth0: Device = addDevice(this.netns, 'eth0');
  readonly eth1: Device = addDevice(this.netns, 'eth1');

  constructor(rules: string) {
    const { netns } = this;
    netns.sysctl.set('net.ipv4.ip_forward', '1');
    const lo = netns.devices.named('lo');
    if (lo !== undefined) netns.links.set(lo, { up: true });
    netns.fib.addAddress(this.eth0, { address: addr('10.0.0.254'), prefixLength: 24 });
    netns.fib.addAddress(this.eth1, { address: addr('10.1.0.254'), prefixLength: 24 });
    netns.ipsets.restore('create seen hash:ip timeout 60 counters\ncreate pairs hash:ip,port\ncreate zeros hash:ip\n');
    const problems = netns.netfilter.iptables.restore(rules);
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  }

  at(hook: HookName, skb: Skb): string {
    const out = hook === 'output' || hook === 'postrouting' || hook === 'forward' ? this.eth1 : undefined;
    const inDev = hook === 'output' || hook === 'postrouting' ? undefined : this.eth0;
    return this.netns.netfilter.run(hook, skb, inDev, out);
  }

  /** One hook; the packet as it is then. */
  change(hook: HookName, bytes: Uint8Array, more: (skb: Skb) => void = () => undefined): Skb {
    const skb = skbOf(this.netns, bytes);
    more(skb);
    this.at(hook, skb);
    return skb;
  }
}

const rule = (text: string, place: { table?: string; chain?: string } = {}): string =>
  `*${place.table ?? 'mangle'}\n-A ${place.chain ?? 'FORWARD'} ${text}\nCOMMIT\n`;

t.test('MARK changes bits under its mask', (t) => {
  const mark = (options: string, before: number): number =>
    new Router(rule(`-j MARK ${options}`)).change('forward', SYN, (skb) => {
      skb.mark = before;
    }).mark;
  t.equal(mark('--set-mark 0x5', 0xff), 0x5);
  t.equal(mark('--set-mark 0x10/0xf0', 0x2f), 0x1f);
  t.equal(mark('--set-xmark 0x4000/0x4000', 0x1), 0x4001);
  t.equal(mark('--set-xmark 0x4000/0x0', 0x4001), 0x1);
  t.equal(mark('--and-mark 0xf', 0x3c), 0xc);
  t.equal(mark('--or-mark 0x80000000', 1), 0x8000_0001);
  t.equal(mark('--xor-mark 0xff', 0x0f), 0xf0);
  t.end();
});

t.test('CONNMARK carries marks between packets and their connection', (t) => {
  const router = new Router(
    '*mangle\n-A FORWARD -p tcp -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00\n' +
      '-A FORWARD -p udp -j CONNMARK --set-mark 0x7/0xf\n-A POSTROUTING -j CONNMARK --restore-mark --mask 0xf\nCOMMIT\n',
  );
  const through = (bytes: Uint8Array, mark: number): [number | undefined, number] => {
    const skb = router.change('prerouting', bytes);
    skb.mark = mark;
    router.at('forward', skb);
    router.at('postrouting', skb);
    return [skb.ct?.mark, skb.mark];
  };
  t.same(through(SYN, 0x1205), [0x0005, 0x1205]);
  t.same(through(UDP, 0x30), [0x7, 0x37]);
  t.end();
});

t.test('DSCP and TOS write the field and keep the checksum right', (t) => {
  const tos = (target: string, before: number): number => {
    const skb = new Router(rule(`-j ${target}`)).change(
      'forward',
      udp({ from: '10.0.0.1:1', to: '10.1.0.2:2', tos: before }),
    );
    t.ok(checksumsValid(skb.toBytes()), target);
    return skb.ipv4.tos;
  };
  t.equal(tos('DSCP --set-dscp-class EF', 0x03), 0xbb);
  t.equal(tos('DSCP --set-dscp 0x0a', 0xff), 0x2b);
  t.equal(tos('TOS --set-tos 0x10', 0xff), 0x10);
  t.equal(tos('TOS --set-tos Minimize-Delay', 0xff), 0xd0);
  t.equal(tos('TOS --or-tos 0x10', 0x02), 0x12);
  t.equal(tos('TOS --xor-tos 0x12', 0x02), 0x10);
  t.end();
});

t.test('LOG and NFLOG tell, and the packet goes on', (t) => {
  const router = new Router(
    '*filter\n-A FORWARD -j LOG --log-prefix "a: "\n-A FORWARD -j NFLOG --nflog-group 3\n-A FORWARD -j TRACE\nCOMMIT\n',
  );
  const skb = skbOf(router.netns, SYN);
  const steps = traced(router.netns, () => t.equal(router.at('forward', skb), 'accept'));
  t.same(steps.map(inWords), [
    'forward filter FORWARD:1 continue',
    'set log a: ',
    'forward filter FORWARD:2 continue',
    'set nflog group 3',
    'forward filter FORWARD:3 continue',
    'forward filter FORWARD:0 accept',
  ]);
  t.end();
});

t.test('NOTRACK keeps a packet away from connection tracking', (t) => {
  for (const target of ['NOTRACK', 'CT --notrack']) {
    const router = new Router(
      `*raw\n-A PREROUTING -p udp -j ${target}\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n`,
    );
    const untracked = router.change('prerouting', UDP);
    t.equal(untracked.ct, undefined);
    t.equal(router.at('forward', untracked), 'drop');
    const tracked = router.change('prerouting', SYN);
    t.equal(tracked.ctInfo, 'new');
    t.equal(router.at('forward', tracked), 'accept');
  }
  t.end();
});

t.test('SET adds and deletes what the packet is', (t) => {
  const router = new Router(
    '*filter\n-A FORWARD -p udp -j SET --add-set seen src --exist --timeout 30\n-A FORWARD -p tcp -j SET --add-set pairs dst,dst --del-set seen src\nCOMMIT\n',
  );
  const { netns } = router;
  router.change('forward', UDP);
  t.same(netns.ipsets.require('seen').members(), [`10.0.0.1 timeout 30 packets 1 bytes ${UDP.length}`]);
  netns.emulation.clock.moveTo(20 * NS_PER_S);
  router.change('forward', UDP);
  t.same(
    netns.ipsets.require('seen').members(),
    [`10.0.0.1 timeout 30 packets 1 bytes ${UDP.length}`],
    'the time begins anew',
  );
  router.change('forward', SYN);
  t.same(netns.ipsets.require('seen').members(), []);
  t.same(netns.ipsets.require('pairs').members(), ['10.1.0.2,tcp:80']);
  t.end();
});

t.test('hash:ip cannot hold 0.0.0.0: SET leaves it out, and nothing matches it', (t) => {
  const router = new Router(
    '*filter\n-A FORWARD -j SET --add-set zeros src\n-A FORWARD -m set ! --match-set zeros src -j DROP\nCOMMIT\n',
  );
  const from0 = udp({ from: '0.0.0.0:68', to: '10.1.0.2:67' });
  t.equal(router.at('forward', skbOf(router.netns, from0)), 'drop');
  t.same(router.netns.ipsets.require('zeros').members(), []);
  t.end();
});

t.test('REJECT answers with the ICMP code that it names', (t) => {
  const sent = (reject: string, bytes: Uint8Array): string[] => {
    const router = new Router(rule(`-j REJECT ${reject}`, { table: 'filter' }));
    const skb = skbOf(router.netns, bytes);
    skb.dev = router.eth0;
    skb.iif = router.eth0.ifindex;
    const steps = traced(router.netns, () => {
      const route = router.netns.fib.routeInput({
        destination: skb.ipv4.destination,
        source: skb.ipv4.source,
        iif: router.eth0,
      });
      if (typeof route !== 'string') skb.route = route;
      router.at('forward', skb);
    });
    return steps.flatMap((step) =>
      step.kind === 'icmp' ? [`${step.type}/${step.code} to ${formatIpv4(step.to)}`] : [],
    );
  };
  t.same(sent('', UDP), ['3/3 to 10.0.0.1']);
  t.same(sent('--reject-with icmp-admin-prohibited', SYN), ['3/13 to 10.0.0.1']);
  t.same(sent('--reject-with host-unreach', SYN), ['3/1 to 10.0.0.1']);
  t.same(
    sent('', tcp({ from: '10.0.0.1:1', to: '10.1.0.2:80', flags: 'S', checksum: 'bad' })),
    [],
    'nothing for a broken packet',
  );
  t.same(sent('', other({ from: '10.0.0.1', to: '10.1.0.2', flagsAndOffset: 5 }, 17)), [], 'nor for a later fragment');
  // Of protocol 88 the sum over everything has to be right, as it is where all is zero (nf_ip_checksum()).
  const unnamed = other({ from: '10.0.0.1', to: '10.1.0.2' }, 88);
  t.same(sent('', unnamed), ['3/3 to 10.0.0.1']);
  t.same(sent('', other({ from: '10.0.0.1', to: '10.1.0.2' }, 88, 0)), ['3/3 to 10.0.0.1']);
  t.same(sent('', unnamed.with(30, 1)), []);
  t.end();
});

/** What leaves by a device. */
function captured(dev: Device, run: () => void): Uint8Array[] {
  const frames: Uint8Array[] = [];
  dev.tap = (_dev, skb, direction) => {
    if (direction === 'out') frames.push(skb.toBytes().slice(skb.network - skb.data));
  };
  run();
  dev.tap = undefined;
  return frames;
}

t.test('REJECT with tcp-reset speaks as the far end', (t) => {
  const reset = (bytes: Uint8Array): string[] => {
    const router = new Router(rule('-p tcp -j REJECT --reject-with tcp-reset', { table: 'filter' }));
    return captured(router.eth0, () => router.change('forward', bytes)).map((packet) => {
      t.ok(checksumsValid(packet));
      const header = new Tcp(new DataView(packet.buffer), 20);
      return `${flowOf(packet)} flags ${header.flags} seq ${header.sequence} ack ${header.acknowledgment}`;
    });
  };
  const from = '10.0.0.1:1000';
  const to = '10.1.0.2:80';
  t.same(reset(tcp({ from, to, flags: 'S', seq: 99 })), ['tcp 10.1.0.2:80 > 10.0.0.1:1000 flags 20 seq 0 ack 100']);
  t.same(reset(tcp({ from, to, flags: 'PA', seq: 99, ack: 500, data: 10 })), [
    'tcp 10.1.0.2:80 > 10.0.0.1:1000 flags 4 seq 500 ack 0',
  ]);
  t.same(reset(tcp({ from, to, flags: 'F', seq: 99, data: 10 })), [
    'tcp 10.1.0.2:80 > 10.0.0.1:1000 flags 20 seq 0 ack 110',
  ]);
  t.same(reset(tcp({ from, to, flags: 'R', seq: 99 })), [], 'a reset is not answered');
  t.same(reset(tcp({ from, to, flags: 'S', checksum: 'bad' })), []);
  t.end();
});

t.test('the reset belongs to the connection that it ends', (t) => {
  const router = new Router(
    '*filter\n-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A OUTPUT -m conntrack --ctstate RELATED\nCOMMIT\n',
  );
  const skb = router.change('prerouting', SYN);
  t.equal(router.at('forward', skb), 'drop');
  t.match(router.netns.netfilter.iptables.save({ counters: true }), '[1:40] -A OUTPUT -m conntrack --ctstate RELATED');
  t.end();
});

t.test('a reset by a rule closes the connection that conntrack has on record (nf_ct_set_closing())', (t) => {
  const router = new Router(
    '*filter\n-A FORWARD -p tcp --tcp-flags SYN SYN -j ACCEPT\n-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A OUTPUT -m conntrack --ctstate RELATED\nCOMMIT\n',
  );
  const { conntrack } = router.netns;
  const pass = (bytes: Uint8Array): string => {
    const skb = router.change('prerouting', bytes);
    const verdict = router.at('forward', skb);
    if (verdict === 'accept') conntrack.confirm(skb);
    return `${verdict} ${conntrack.entries().map((entry) => conntrack.format(entry).split(/ +/).slice(2, 4).join(' '))}`;
  };
  const from = '10.0.0.1:1000';
  const to = '10.1.0.2:80';
  t.equal(pass(tcp({ from, to, flags: 'S', seq: 99 })), 'accept 120 SYN_SENT');
  t.equal(pass(tcp({ from: to, to: from, flags: 'SA', seq: 499, ack: 100 })), 'accept 60 SYN_RECV');
  t.equal(pass(tcp({ from, to, flags: 'A', seq: 100, ack: 500 })), 'drop 10 CLOSE');
  t.equal(pass(tcp({ from, to, flags: 'FA', seq: 100, ack: 500 })), 'drop 10 CLOSE');
  t.end();
});

t.test('TCPMSS lowers what a SYN announces, never raises it', (t) => {
  const mss = (target: string, bytes: Uint8Array): number | undefined => {
    const router = new Router(rule(`-p tcp --tcp-flags SYN,RST SYN -j TCPMSS ${target}`));
    const skb = router.change('forward', bytes, (each) => {
      const route = router.netns.fib.routeInput({
        destination: each.ipv4.destination,
        source: each.ipv4.source,
        iif: router.eth0,
      });
      if (typeof route !== 'string') each.route = { ...route, mtu: 1450 };
    });
    t.ok(checksumsValid(skb.toBytes()), `checksums after ${target}`);
    t.equal(skb.ipv4.totalLength, skb.length);
    return new Tcp(skb.view, skb.ipv4.payloadOffset).parseOptions().mss;
  };
  const syn = (announced?: number, data = 0): Uint8Array =>
    tcp({
      from: '10.0.0.1:1',
      to: '10.1.0.2:80',
      flags: 'S',
      data,
      ...(announced === undefined ? {} : { options: { mss: announced } }),
    });
  t.equal(mss('--set-mss 1300', syn(1460)), 1300);
  t.equal(mss('--set-mss 1300', syn(1200)), 1200);
  t.equal(mss('--clamp-mss-to-pmtu', syn(1460)), 1410);
  t.equal(mss('--set-mss 1300', syn()), 536, 'a SYN without the option gets one');
  t.equal(mss('--set-mss 400', syn()), 400);
  t.equal(mss('--set-mss 1300', syn(undefined, 4)), undefined, 'not where data came along');
  t.equal(mss('--set-mss 1300', tcp({ from: '10.0.0.1:1', to: '10.1.0.2:80', flags: 'A' })), undefined);
  t.equal(
    mss(
      '--set-mss 1300',
      tcp({ from: '10.0.0.1:1', to: '10.1.0.2:80', flags: 'S', options: { windowScale: 7, mss: 1460 } }),
    ),
    1300,
  );
  t.end();
});

/** A connection there and back: the two packets as they leave. */
function translated(router: Router, bytes: Uint8Array): string[] {
  const skb = skbOf(router.netns, bytes);
  for (const hook of ['prerouting', 'forward', 'postrouting'] as const)
    if (router.at(hook, skb) !== 'accept') return ['dropped'];
  const there = skb.toBytes();
  t.ok(checksumsValid(there));
  const [, from = '', to = ''] = /(\S+) > (\S+)/.exec(flowOf(there)) ?? [];
  const answer = skbOf(router.netns, udp({ from: to, to: from }));
  for (const hook of ['prerouting', 'forward', 'postrouting'] as const) router.at(hook, answer);
  t.ok(checksumsValid(answer.toBytes()));
  return [flowOf(there), flowOf(answer.toBytes())];
}

t.test('nat rules translate a connection once, and its answers back', (t) => {
  const nat = (rules: string): string[] => translated(new Router(`*nat\n${rules}COMMIT\n`), UDP);
  t.same(nat('-A PREROUTING -p udp -j DNAT --to-destination 10.1.0.9:5353\n'), [
    'udp 10.0.0.1:1000 > 10.1.0.9:5353',
    'udp 10.1.0.2:53 > 10.0.0.1:1000',
  ]);
  t.same(nat('-A POSTROUTING -p udp -j SNAT --to-source 10.1.0.100:2000-2000\n'), [
    'udp 10.1.0.100:2000 > 10.1.0.2:53',
    'udp 10.1.0.2:53 > 10.0.0.1:1000',
  ]);
  t.same(nat('-A POSTROUTING -o eth1 -j MASQUERADE\n'), [
    'udp 10.1.0.254:1000 > 10.1.0.2:53',
    'udp 10.1.0.2:53 > 10.0.0.1:1000',
  ]);
  t.same(nat('-A PREROUTING -p udp -j REDIRECT --to-ports 5300\n'), [
    'udp 10.0.0.1:1000 > 10.0.0.254:5300',
    'udp 10.1.0.2:53 > 10.0.0.1:1000',
  ]);
  t.same(
    nat(
      '-A PREROUTING -p udp -j DNAT --to-destination 10.1.0.9\n-A PREROUTING -j DNAT --to-destination 10.1.0.8\n-A POSTROUTING -j MASQUERADE\n',
    ),
    ['udp 10.1.0.254:1000 > 10.1.0.9:53', 'udp 10.1.0.2:53 > 10.0.0.1:1000'],
    'the first rule decides',
  );
  t.end();
});

t.test('nat rules see only the first packet of a connection', (t) => {
  const router = new Router('*nat\n-A PREROUTING -p udp -j DNAT --to-destination 10.1.0.9\nCOMMIT\n');
  for (let i = 0; i < 3; i++) t.same(translated(router, UDP)[0], 'udp 10.0.0.1:1000 > 10.1.0.9:53');
  t.match(router.netns.netfilter.iptables.save({ counters: true }), '[1:32] -A PREROUTING');
  t.end();
});

t.test('an ICMP error about a translated connection is translated with it, and asks no rule', (t) => {
  const router = new Router('*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n');
  const first = router.change('prerouting', UDP);
  router.at('postrouting', first);
  const error = router.change(
    'prerouting',
    icmp({ from: '10.1.0.7', to: '10.1.0.254', type: 3, code: 1, quoted: first.toBytes() }),
  );
  t.equal(error.ctInfo, 'related-reply');
  t.equal(formatIpv4(error.ipv4.destination), '10.0.0.1');
  t.ok(checksumsValid(error.toBytes()));
  t.match(router.netns.netfilter.iptables.save({ counters: true }), '[1:32] -A POSTROUTING -j MASQUERADE');
  t.end();
});

t.test('what OUTPUT changes is routed again', (t) => {
  const router = new Router(
    '*mangle\n-A OUTPUT -p udp -j MARK --set-mark 7\nCOMMIT\n*nat\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.1\nCOMMIT\n',
  );
  const { netns } = router;
  netns.fib.addRule({ priority: 100, fwmark: { value: 7, mask: 0xffff_ffff }, action: 'lookup', table: 100 });
  netns.fib.addRoute({
    table: 100,
    destination: { addr: ipv4(0), length: 0 },
    nextHops: [{ dev: router.eth0, via: addr('10.0.0.7') }],
  });
  const route = netns.fib.routeOutput({ destination: addr('10.1.0.2'), source: ipv4(0) });
  const routed = (skb: Skb): void => {
    if (typeof route !== 'string') skb.route = route;
  };
  const local = { from: '10.1.0.254:9', to: '10.1.0.2:80' };
  const marked = router.change('output', udp(local), routed);
  t.equal(marked.route?.dev, router.eth0);
  t.equal(marked.route?.gateway, addr('10.0.0.7'));
  const moved = router.change('output', tcp({ ...local, flags: 'S' }), routed);
  t.equal(moved.route?.dev, router.eth0);
  t.equal(formatIpv4(moved.ipv4.destination), '10.0.0.1');
  t.end();
});
