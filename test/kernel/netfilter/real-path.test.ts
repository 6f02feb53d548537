/**
 * The same rules and the same packets, here and in this machine's kernel: afterwards every counter must be equal.
 * One host that talks to itself over lo, so packets go OUTPUT, POSTROUTING, PREROUTING, INPUT, and errors come back.
 */

import t from 'tap';
import { ipv4, parseIpv4 } from '../../../src/packet/index.js';
import { newNetns } from './hosts.js';
import { needsRealTools, runReal, withoutComments } from './real-iptables.js';

const SETS =
  'create near hash:net\nadd near 127.0.0.0/8\nadd near 127.0.0.9 nomatch\ncreate web hash:ip,port\nadd web 127.0.0.2,udp:80\n';

const RULES = `*raw
:OUTPUT ACCEPT [0:0]
:U - [0:0]
:U2 - [0:0]
-A PREROUTING -m set --match-set near dst -j U
-A PREROUTING -d 127.0.0.9 -j NOTRACK
-A OUTPUT -d 127.0.0.9 -j NOTRACK
-A U -p udp -g U2
-A U -p icmp
-A U2 -m comment --comment udp
COMMIT
*mangle
-P INPUT ACCEPT
-A OUTPUT -p udp -m multiport --dports 53,80:90 -j MARK --set-xmark 0x10/0xff
-A OUTPUT -m mark --mark 0x10/0x10 -j CONNMARK --save-mark
-A OUTPUT -p udp -m udp --dport 7 -j DSCP --set-dscp 10
-A PREROUTING -m connmark --mark 0x10
-A PREROUTING -m set --match-set web dst,dst
-A INPUT -m conntrack --ctstate NEW
-A INPUT -m conntrack --ctstate RELATED
-A INPUT -m conntrack --ctstate ESTABLISHED
-A INPUT -m conntrack --ctstate UNTRACKED
-A INPUT -m conntrack --ctstate DNAT
-A INPUT -m conntrack --ctdir REPLY
COMMIT
*filter
:INPUT ACCEPT [0:0]
:SVC - [0:0]
:SEP - [0:0]
-A OUTPUT -m addrtype --dst-type LOCAL
-A OUTPUT ! -o lo -j DROP
-A OUTPUT -p udp -m owner --uid-owner 0
-A INPUT -p udp -m recent --rcheck --seconds 60 --name seen --rsource
-A INPUT -p udp -m recent --set --name seen --rsource
-A INPUT -d 127.0.0.3/32 -p udp -m udp --dport 9 -j REJECT --reject-with icmp-host-prohibited
-A INPUT -j SVC
-A INPUT -p icmp -m icmp --icmp-type 3/10
-A INPUT -p icmp -m icmp --icmp-type 3/3
-A INPUT -p icmp -m icmp --icmp-type 8
-A INPUT -m limit --limit 1/hour --limit-burst 2
-A INPUT -m statistic --mode nth --every 3 --packet 0
-A SVC -p udp -m udp --dport 1000:2000 -g SEP
-A SVC -p udp -j RETURN
-A SVC -j RETURN
-A SEP ! -s 127.0.0.1/32 -j DROP
-A SEP -p udp
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -d 127.0.0.5/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.2:1053
-A OUTPUT -p udp -m udp --dport 99 -j REDIRECT --to-ports 1099
-A POSTROUTING -d 127.0.0.2/32 -p udp -j SNAT --to-source 127.0.0.77
-A INPUT -p udp
COMMIT
`;

/** Destination and port of a datagram of four octets. */
const PACKETS: readonly string[] = [
  '127.0.0.2:53',
  '127.0.0.2:80',
  '127.0.0.5:53',
  '127.0.0.5:54',
  '127.0.0.3:9',
  '127.0.0.3:10',
  '127.0.0.9:1500',
  '127.0.0.1:1500',
  '127.0.0.1:99',
  '127.0.0.1:7',
  '127.0.0.4:123',
];

function realCounters(): string {
  const send = PACKETS.map((to) => {
    const [address, port] = to.split(':');
    return `printf abcd > /dev/udp/${address}/${port}`;
  });
  const script = `ip link set lo up; sysctl -qw net.ipv4.icmp_ratelimit=0
ipset restore <<'END'
${SETS}END
iptables-restore || exit 1
${send.join('; ')}
iptables-save -c`;
  const run = runReal(script, RULES);
  if (run.status !== 0) throw new Error(run.stderr);
  return withoutComments(run.stdout);
}

function ourCounters(): string {
  const netns = newNetns();
  const lo = netns.devices.named('lo');
  if (lo === undefined) throw new Error('no lo');
  netns.links.set(lo, { up: true });
  netns.sysctl.set('net.ipv4.icmp_ratelimit', '0');
  netns.ipsets.restore(SETS);
  const problems = netns.netfilter.iptables.restore(RULES);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  for (const to of PACKETS) {
    const [text = '', port] = to.split(':');
    const address = parseIpv4(text) ?? ipv4(0);
    netns.sockets.udp().sendTo(new Uint8Array(4), address, Number(port));
    netns.emulation.drain();
  }
  return netns.netfilter.iptables.save({ counters: true });
}

t.test('every rule and policy counts what it counts in the real kernel', needsRealTools(), (t) => {
  t.equal(ourCounters(), realCounters());
  t.end();
});
