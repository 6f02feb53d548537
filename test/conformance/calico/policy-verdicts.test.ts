/**
 * Upstream's table of policies and the packets that they let through (felix/bpf/ut/pol_prog_test.go), each sent
 * as bytes through the hooks of a virtual kernel that has the chains for it: as a workload's, in and out, and as
 * a host endpoint's.
 */

import t, { type Test } from 'tap';
import { ipv4PrefixOf, parseCidr } from '../../../src/calico/cidr.js';
import { podEndpoint } from '../../../src/calico/conversion.js';
import type { EndpointTiers } from '../../../src/calico/felix/calc/endpoint-tiers.js';
import type { HostView, LocalHostEndpoint, LocalWorkload } from '../../../src/calico/felix/calc/host-view.js';
import { FelixCluster, type FelixHost } from '../../../src/calico/felix/calc/input.js';
import { rulesConfig } from '../../../src/calico/felix/calc/rules-config.js';
import { renderTables } from '../../../src/calico/felix/calc/tables.js';
import { encapsulations } from '../../../src/calico/felix/calc/encapsulation.js';
import { programTables } from '../../../src/calico/felix/dataplane/tables.js';
import { readFelixConfig } from '../../../src/calico/felix/parameters.js';
import type { DirectedTiers, Tier } from '../../../src/calico/felix/rules/endpoint.js';
import { ipsetName } from '../../../src/calico/names.js';
import type { ParsedPolicy, ParsedProfile, ParsedRule } from '../../../src/calico/policy/parsed-rules.js';
import { parseSelector } from '../../../src/calico/policy/selector.js';
import { Emulation, Host, type Netns } from '../../../src/kernel/index.js';
import type { HookName } from '../../../src/trace/index.js';
import { icmp, other, tcp, udp } from '../../kernel/conntrack/packets.js';
import { addDevice, skbOf } from '../../kernel/netfilter/hosts.js';
import { policyNamed, ruleOf } from './proto-rules.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

const UPLINK = 'eth0';
/** Without a host endpoint. */
const OTHER_UPLINK = 'eth1';
const POD = 'calipod';

interface Packet {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly source: string;
  /** The address that the packet has before NAT, where that is another. */
  readonly beforeNat: { readonly bytes: Uint8Array; readonly rule: string } | undefined;
  readonly fromHost: boolean;
  readonly toHost: boolean;
}

function bytesOf(one: Json, destination: string, port: number): Uint8Array {
  const source = one.get('src').text();
  const [from, to] = [`${source}:${one.get('sport').numberOr(0)}`, `${destination}:${port}`];
  switch (one.get('proto').number()) {
    case 1:
      return icmp({ from, to, type: one.get('icmpType').numberOr(0), code: one.get('icmpCode').numberOr(0) });
    case 6:
      return tcp({ from, to, flags: 'S' });
    case 17:
      return udp({ from, to });
    default:
      return other({ from, to }, one.get('proto').number());
  }
}

function packetOf(one: Json): Packet {
  const [dst, dport] = [one.get('dst').text(), one.get('dport').numberOr(0)];
  const before = one.get('preNATDst');
  const port = one.get('preNATDport').numberOr(0);
  const rule = `-A PREROUTING -d ${before.textOr('')}/32 -p udp --dport ${port} -j DNAT --to-destination ${dst}:${dport}`;
  return {
    text: JSON.stringify(one.value),
    bytes: bytesOf(one, dst, dport),
    source: one.get('src').text(),
    beforeNat: before.absent ? undefined : { bytes: bytesOf(one, before.text(), port), rule },
    fromHost: one.get('fromHost').flag(),
    toHost: one.get('toHost').flag(),
  };
}

/**
 * Some rules of the table name no protocol where the API wants one, as ICMP types and numeric ports exist in some
 * only; iptables refuses such a rule. They are written out: ICMP, or one rule for TCP and one for UDP.
 */
function withProtocol(rule: ParsedRule): ParsedRule[] {
  if (rule.protocol !== undefined) return [rule];
  if (rule.icmp !== undefined || rule.notIcmp !== undefined) return [{ ...rule, protocol: 'icmp' }];
  const sides = [rule.source, rule.destination];
  const numbers = sides.some(({ ports, notPorts }) => ports.length + notPorts.length > 0);
  return numbers ? ['tcp', 'udp'].map((protocol) => ({ ...rule, protocol })) : [rule];
}

const rulesOf = (list: Json): ParsedRule[] => list.list().map(ruleOf).flatMap(withProtocol);

/** Policies and profiles that a case has named, under names of our own: upstream's repeat. */
class CaseParser {
  readonly policies: ParsedPolicy[] = [];
  readonly profiles: ParsedProfile[] = [];

  #policy(tier: string, rules: readonly ParsedRule[]): ParsedPolicy {
    const id = { kind: 'GlobalNetworkPolicy', namespace: '', name: `p${this.policies.length}` } as const;
    const policy = {
      policy: policyNamed(id, tier),
      selector: parseSelector(''),
      inbound: rules,
      outbound: rules,
      sets: [],
    };
    this.policies.push(policy);
    return policy;
  }

  tiers(list: Json): DirectedTiers {
    const all = list.list().map((tier) => ({
      name: tier.get('name').text(),
      passes: tier.get('endAction').text() === 'pass',
      policies: tier
        .get('policies')
        .list()
        .map((one) => this.#policy(tier.get('name').text(), rulesOf(one.get('rules')))),
    }));
    const directed = (direction: 'inbound' | 'outbound'): Tier[] =>
      all.map(({ name, passes, policies }) => ({
        name,
        defaultAction: passes ? 'Pass' : 'Deny',
        groups: policies.map(({ policy }) => ({
          direction,
          selector: '',
          policies: [{ ...policy.id, because: [] }],
        })),
        because: [],
      }));
    return { ingress: directed('inbound'), egress: directed('outbound') };
  }

  /** Their names, for an endpoint. */
  profilesOf(list: Json): { name: string; because: [] }[] {
    return list.list().map((one) => {
      const rules = rulesOf(one.get('rules'));
      const name = `profile${this.profiles.length}`;
      this.profiles.push({ name, inbound: rules, outbound: rules, sets: [], because: [] });
      return { name, because: [] };
    });
  }
}

const NO_TIERS: DirectedTiers = { ingress: [], egress: [] };
const NONE: EndpointTiers = { normal: NO_TIERS, untracked: NO_TIERS, preDnat: NO_TIERS, forward: NO_TIERS };

function viewOf(policy: Json): HostView {
  const parser = new CaseParser();
  const forXdp = policy.get('forXDP').flag();
  const own = parser.tiers(policy.get('hostNormalTiers'));
  const tiers: EndpointTiers = {
    normal: forXdp ? NO_TIERS : own,
    untracked: forXdp ? own : NO_TIERS,
    preDnat: parser.tiers(policy.get('hostPreDNATTiers')),
    forward: parser.tiers(policy.get('hostForwardTiers')),
  };
  const host: LocalHostEndpoint = {
    interfaceName: UPLINK,
    tiers,
    profiles: parser.profilesOf(policy.get('hostProfiles')),
    because: [],
  };
  const pod: LocalWorkload = {
    endpoint: {
      ...podEndpoint({ namespace: 'a', name: 'b', node: 'n', labels: {}, serviceAccount: '', addresses: [] }),
      interfaceName: POD,
    },
    tiers: { ...NONE, normal: parser.tiers(policy.get('tiers')) },
    profiles: parser.profilesOf(policy.get('profiles')),
  };
  const hasHost = policy.get('forHostInterface').flag() || policy.get('suppressNormalHostPolicy').flag();
  return {
    workloads: [pod],
    hostEndpoints: hasHost ? [host] : [],
    allInterfaces: undefined,
    policies: parser.policies,
    profiles: parser.profiles,
    groups: [],
    sets: [],
  };
}

/** Ports that are open in spite of all would hide the verdicts, and so would conntrack's on packets out of the blue. */
const { config: CONFIG } = readFelixConfig([
  {
    parameters: {
      FailsafeInboundHostPorts: 'none',
      FailsafeOutboundHostPorts: 'none',
      DisableConntrackInvalidCheck: 'true',
      DefaultEndpointToHostAction: 'ACCEPT',
    },
    because: [],
  },
]);

const HOST: FelixHost = { node: 'n', config: CONFIG, interfaces: [], endpoints: [] };

function setLines(sets: Json): string {
  return sets
    .entries()
    .map(([id, members]) => {
      const list = members.texts().map((member) => member.replace('/32,', ','));
      // What is empty may be of any kind.
      const type = list.some((member) => member.includes(',')) ? 'hash:ip,port' : 'hash:net';
      const name = ipsetName(id);
      return [`create ${name} ${type}`, ...list.map((member) => `add ${name} ${member}`)]
        .map((one) => `${one}\n`)
        .join('');
    })
    .join('');
}

/** A host with the chains of the case; the packet's source is routed to the pod's interface, as a pod's would be. */
function programmedHost(one: Json, packet: Packet): Netns {
  const { netns } = new Host(new Emulation({ seed: 1 }), 'node');
  for (const name of [UPLINK, OTHER_UPLINK, POD]) addDevice(netns, name);
  netns.ipsets.restore(
    `create cali40this-host hash:ip\ncreate cali40dscp-src-net hash:net\ncreate cali40network-ip-pools hash:net\n${setLines(one.get('ipSets'))}`,
  );
  const cluster = new FelixCluster({});
  const config = rulesConfig(cluster, HOST, encapsulations([], CONFIG), 4);
  const view = viewOf(one.get('policy'));
  const tables = renderTables({ cluster, config, view, node: 'n', floatingIps: false });
  const { iptables } = netns.netfilter;
  iptables.apply(programTables(iptables.state(), { tables, insertMode: 'insert' }));
  if (packet.beforeNat !== undefined) iptables.restore(`*nat\n${packet.beforeNat.rule}\nCOMMIT\n`, { noflush: true });
  const source = parseCidr(`${packet.source}/32`);
  if (source === undefined) throw new TypeError(`no address: ${packet.source}`);
  netns.fib.addRoute({
    destination: ipv4PrefixOf(source),
    scope: 'link',
    nextHops: [{ dev: netns.devices.named(POD) }],
  });
  return netns;
}

type Path = readonly { readonly hook: HookName; readonly in?: string; readonly out?: string }[];

const PATHS = {
  'to the pod': [
    { hook: 'prerouting', in: UPLINK },
    { hook: 'forward', in: UPLINK, out: POD },
  ],
  'to the pod, past the host endpoint': [
    { hook: 'prerouting', in: OTHER_UPLINK },
    { hook: 'forward', in: OTHER_UPLINK, out: POD },
  ],
  'from the pod': [
    { hook: 'prerouting', in: POD },
    { hook: 'forward', in: POD, out: OTHER_UPLINK },
  ],
  'from the pod to the host': [
    { hook: 'prerouting', in: POD },
    { hook: 'input', in: POD },
  ],
  'through the host': [
    { hook: 'prerouting', in: UPLINK },
    { hook: 'forward', in: UPLINK, out: OTHER_UPLINK },
  ],
  'to the host': [
    { hook: 'prerouting', in: UPLINK },
    { hook: 'input', in: UPLINK },
  ],
  'from the host': [{ hook: 'output', out: UPLINK }],
  'in, before conntrack': [{ hook: 'prerouting', in: UPLINK }],
} as const satisfies Record<string, Path>;

type PathName = keyof typeof PATHS;

type Verdict = 'allowed' | 'dropped' | 'unmatched';

/** What becomes of the packet; of what nobody tracks it is told whether policy has spoken at all. */
function send(one: Json, packet: Packet, path: PathName): Verdict {
  const netns = programmedHost(one, packet);
  const arrives = PATHS[path][0].hook === 'prerouting' && packet.beforeNat !== undefined;
  const skb = skbOf(netns, arrives && packet.beforeNat !== undefined ? packet.beforeNat.bytes : packet.bytes);
  const steps: Path = PATHS[path];
  for (const step of steps) {
    const dev = (name: string | undefined) => (name === undefined ? undefined : netns.devices.named(name));
    if (netns.netfilter.run(step.hook, skb, dev(step.in), dev(step.out)) !== 'accept') return 'dropped';
  }
  if (path !== 'in, before conntrack') return 'allowed';
  return (skb.mark & 0x10000) !== 0 ? 'allowed' : 'unmatched';
}

function compare(t: Test, one: Json, pathsOf: (packet: Packet) => readonly PathName[]): void {
  for (const verdict of ['allowed', 'dropped', 'unmatched'] as const) {
    for (const packet of one.get(verdict).list().map(packetOf)) {
      for (const path of pathsOf(packet)) t.equal(send(one, packet, path), verdict, `${path}: ${packet.text}`);
    }
  }
}

/** One case says IPv4 of packets that are not. */
function ofIpv6(one: Json): { readonly skip?: string } {
  const packets = ['allowed', 'dropped', 'unmatched'].flatMap((verdict) => one.get(verdict).list());
  const ipv6 = one.get('ipv6').flag() || packets.some((packet) => packet.get('src').text().includes(':'));
  return ipv6 ? { skip: 'IPv6 is not programmed yet' } : {};
}

function eachCase(t: Test, file: string, pathsOf: (one: Json) => (packet: Packet) => readonly PathName[]): void {
  for (const one of loadVector(`policy/${file}.json`).list()) {
    t.test(one.get('name').text(), ofIpv6(one), async (t) => compare(t, one, pathsOf(one)));
  }
}

t.test('a workload’s policy decides as upstream’s, both ways', NEEDS_VECTORS, async (t) => {
  eachCase(t, 'verdicts_workload', () => () => ['to the pod', 'from the pod']);
});

/** The same policies as those of a host endpoint, where they are the same whichever endpoint has them. */
t.test('policy decides alike for a host’s interface', NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('policy/verdicts_workload.json').list()) {
    t.test(one.get('name').text(), ofIpv6(one), async (t) => {
      const policy = one.get('policy');
      const asHost = one.with('policy', {
        forHostInterface: true,
        hostNormalTiers: policy.get('tiers').value,
        hostProfiles: policy.get('profiles').value,
      });
      compare(t, asHost, () => ['to the host', 'from the host']);
    });
  }
});

/**
 * Upstream's programs are of the BPF dataplane, which asks them in one place for both ways. In iptables policy
 * before NAT is asked of what arrives only, and the host's own packets pass to its pods: what `fromHost` means
 * for a workload is a packet to which host policy does not apply.
 */
t.test('a host endpoint’s policies decide as upstream’s', NEEDS_VECTORS, async (t) => {
  eachCase(t, 'verdicts_host', (one) => {
    const policy = one.get('policy');
    const forPod = policy.get('suppressNormalHostPolicy').flag();
    const beforeNat = policy.get('hostPreDNATTiers').list().length > 0;
    return ({ fromHost, toHost }) => {
      if (forPod) {
        return [toHost ? 'from the pod to the host' : fromHost ? 'to the pod, past the host endpoint' : 'to the pod'];
      }
      if (fromHost && !beforeNat) return ['from the host'];
      return [fromHost || toHost ? 'to the host' : 'through the host'];
    };
  });
});

t.test('policy without tracking decides as upstream’s', NEEDS_VECTORS, async (t) => {
  eachCase(t, 'verdicts_xdp_untracked', () => () => ['in, before conntrack']);
});
