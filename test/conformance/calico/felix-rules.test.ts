/** Felix' renderer of rules, call by call: upstream's unit tests with what upstream's code returned for them. */

import t from 'tap';
import type { IpVersion } from '../../../src/calico/cidr.js';
import { CHAIN } from '../../../src/calico/felix/rules/chain-names.js';
import type { RulesConfig, Tunnel } from '../../../src/calico/felix/rules/config.js';
import { hostDispatchChains, workloadDispatchChains } from '../../../src/calico/felix/rules/dispatch.js';
import {
  endpointChain,
  type EndpointProfile,
  type PolicyGroup,
  policyGroupChain,
  type Tier,
  workloadEndpointChains,
} from '../../../src/calico/felix/rules/endpoint.js';
import { chainText } from '../../../src/calico/felix/rules/iptables-text.js';
import { profileChains } from '../../../src/calico/felix/rules/profile.js';
import { ACCEPT, type Action, type Chain, DROP, marked, REJECT, RETURN } from '../../../src/calico/felix/rules/rule.js';
import { staticFilterChains } from '../../../src/calico/felix/rules/static-filter.js';
import { manglePostroutingChain, staticMangleChains } from '../../../src/calico/felix/rules/static-mangle.js';
import { natOutgoingChain, staticNatChains } from '../../../src/calico/felix/rules/static-nat.js';
import {
  rawOutputChain,
  rawPreroutingChain,
  rpfRules,
  staticRawChains,
} from '../../../src/calico/felix/rules/static-raw.js';
import { POLICY_KIND_PREFIX, type PolicyId, type PolicyKind } from '../../../src/calico/names.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

const allow = (action: string): Action => (action === 'RETURN' ? RETURN : ACCEPT);

function tunnelOf(enabled: boolean, device: string, address: string): Tunnel | undefined {
  return enabled ? { device, addressed: address !== '', because: [] } : undefined;
}

function portsOf(range: Json): { min: number; max: number } | undefined {
  if (typeof range.value !== 'string') return undefined;
  const [min = 0, max = 0] = range.value.split(':').map(Number);
  return { min, max };
}

const protoPorts = (list: Json): { protocol: string; port: number; net: string }[] =>
  list.list().map((one) => ({
    protocol: one.get('protocol').text(),
    port: one.get('port').number(),
    net: one.get('net').text(),
  }));

function natOf(config: Json): RulesConfig['natOutgoing'] {
  const address = config.get('NATOutgoingAddress').text();
  const ports = portsOf(config.get('NATPortRange'));
  return {
    ...(address !== '' && { address }),
    ...(ports && { ports }),
    outInterface: config.get('IptablesNATOutgoingInterfaceFilter').text(),
    excludeHosts: config.get('NATOutgoingExclusions').text() === 'IPPoolsAndHostIPs',
  };
}

function encapsulationOf(config: Json, ipVersion: IpVersion): Pick<RulesConfig, 'vxlan' | 'ipip'> {
  const suffix = ipVersion === 4 ? '' : 'V6';
  const device = ipVersion === 4 ? 'vxlan.calico' : 'vxlan-v6.calico';
  const vxlan = tunnelOf(
    config.get(`VXLANEnabled${suffix}`).flag(),
    device,
    config.get(`VXLANTunnelAddress${suffix}`).text(),
  );
  const ipip = tunnelOf(
    ipVersion === 4 && config.get('IPIPEnabled').flag(),
    'tunl0',
    config.get('IPIPTunnelAddress').text(),
  );
  return { ...(vxlan && { vxlan }), ...(ipip && { ipip }) };
}

function rulesConfig(config: Json, ipVersion: IpVersion): RulesConfig {
  const mark = (name: string): number => config.get(`Mark${name}`).number();
  const wireguardDevices = [config.get('WireguardInterfaceName').text(), config.get('WireguardInterfaceNameV6').text()];
  return {
    ipVersion,
    workloadInterfacePrefixes: config.get('WorkloadIfacePrefixes').texts(),
    marks: {
      accept: mark('Accept'),
      pass: mark('Pass'),
      drop: mark('Drop'),
      scratch0: mark('Scratch0'),
      scratch1: mark('Scratch1'),
      endpoint: mark('Endpoint'),
    },
    filterAllow: allow(config.get('FilterAllowAction').text()),
    mangleAllow: allow(config.get('MangleAllowAction').text()),
    filterDeny: config.get('FilterDenyAction').text() === 'REJECT' ? REJECT : DROP,
    endpointToHost: RETURN,
    ...encapsulationOf(config, ipVersion),
    vxlanPort: config.get('VXLANPort').number(),
    allowVxlanFromWorkloads: config.get('AllowVXLANPacketsFromWorkloads').flag(),
    allowIpipFromWorkloads: config.get('AllowIPIPPacketsFromWorkloads').flag(),
    checkConntrackInvalid: !config.get('DisableConntrackInvalid').flag(),
    failsafeInbound: protoPorts(config.get('FailsafeInboundHostPorts')),
    failsafeOutbound: protoPorts(config.get('FailsafeOutboundHostPorts')),
    natOutgoing: natOf(config),
    wireguard: { mark: config.get('WireguardMark').number(), devices: wireguardDevices },
    logPrefix: config.get('LogPrefix').text(),
    because: [],
    sourceOf: () => [],
  };
}

const UNMODELLED = [
  'BPFEnabled',
  'OpenStackSpecialCasesEnabled',
  'IstioAmbientModeEnabled',
  'FlowLogsEnabled',
] as const;
const UNMODELLED_TOO = ['WireguardEnabled', 'WireguardEnabledV6'] as const;
/** Chains that kube-proxy's IPVS mode changes. */
const WITH_IPVS = /^Static(Filter|Mangle)|Endpoint/;

/** The feature that a call needs and that the renderer does not have. */
function unmodelled(method: string, config: Json, args: Json): string | undefined {
  const switchedOn = [...UNMODELLED, ...UNMODELLED_TOO].find((name) => config.get(name).flag());
  if (switchedOn !== undefined) return switchedOn;
  if (config.get('KubeIPVSSupportEnabled').flag() && WITH_IPVS.test(method)) return 'KubeIPVSSupportEnabled';
  // No policy is without a kind outside of these tests.
  if (JSON.stringify(args.value).includes('"Kind":""')) return 'policies without a kind';
  return args.get('qosControls').absent ? undefined : 'qosControls';
}

function policyKind(text: string): PolicyKind {
  for (const kind of [
    'NetworkPolicy',
    'GlobalNetworkPolicy',
    'KubernetesNetworkPolicy',
    'StagedNetworkPolicy',
  ] as const) {
    if (kind === text) return kind;
  }
  for (const kind of [
    'StagedGlobalNetworkPolicy',
    'StagedKubernetesNetworkPolicy',
    'KubernetesClusterNetworkPolicy',
  ] as const) {
    if (kind === text) return kind;
  }
  throw new TypeError(`unknown kind ${text}, known are ${Object.keys(POLICY_KIND_PREFIX).join()}`);
}

const policyOf = (one: Json): PolicyId => ({
  kind: policyKind(one.get('Kind').text()),
  namespace: one.get('Namespace').text(),
  name: one.get('Name').text(),
});

const groupOf = (one: Json, direction: 'inbound' | 'outbound'): PolicyGroup => ({
  direction,
  selector: one.get('Selector').text(),
  policies: one.get('Policies').list().map(policyOf),
  because: [],
});

const tiersOf = (list: Json, direction: 'inbound' | 'outbound'): Tier[] =>
  list.list().map((tier) => ({
    name: tier.get('Name').text(),
    defaultAction: tier.get('DefaultAction').text() === 'Pass' ? 'Pass' : 'Deny',
    groups: tier
      .get(direction === 'inbound' ? 'IngressPolicies' : 'EgressPolicies')
      .list()
      .map((group) => groupOf(group, direction)),
    because: [],
  }));

const profilesOf = (args: Json): EndpointProfile[] =>
  args
    .get('profileIDs')
    .texts()
    .map((name) => ({ name, because: [] }));

type Render = (config: RulesConfig, args: Json) => readonly Chain[];

const pick = (chains: readonly Chain[], name: string): Chain[] => chains.filter((chain) => chain.name === name);

function hostChains(
  config: RulesConfig,
  args: Json,
  tiers: string,
  type: 'normal' | 'forward' | 'untracked' | 'pre-dnat',
): Chain[] {
  const forward = type === 'forward';
  const common = {
    interfaceName: args.get('ifaceName').text(),
    type,
    profiles: type === 'normal' ? profilesOf(args) : [],
    adminUp: true,
    allow: type === 'pre-dnat' ? config.mangleAllow : type === 'untracked' ? ACCEPT : config.filterAllow,
    dropEncapsulated: false,
    because: [],
  };
  const failsafe = (chain: string): { failsafeChain?: string } => (forward ? {} : { failsafeChain: chain });
  const to = endpointChain(config, {
    ...common,
    ...failsafe(CHAIN.failsafeOut),
    prefix: forward ? 'cali-thfw-' : 'cali-th-',
    direction: 'outbound',
    tiers: tiersOf(args.get(tiers), 'outbound'),
  });
  const from = endpointChain(config, {
    ...common,
    ...failsafe(CHAIN.failsafeIn),
    prefix: forward ? 'cali-fhfw-' : 'cali-fh-',
    direction: 'inbound',
    tiers: tiersOf(args.get(tiers), 'inbound'),
  });
  return type === 'pre-dnat' ? [from] : [to, from];
}

const hostTargets = (args: Json): { interfaceName: string; because: [] }[] =>
  args
    .get('endpoints')
    .list()
    .map((one) => ({ interfaceName: one.get('key').text(), because: [] }));

function hostDispatch(config: RulesConfig, args: Json, directions: 'from' | 'to+from'): Chain[] {
  const defaultInterface = args.get('defaultIfaceName').text();
  return hostDispatchChains(config, {
    targets: hostTargets(args),
    ...(defaultInterface !== '' && { defaultInterface }),
    directions,
    forward: args.get('applyOnForward').flag(),
  });
}

const METHODS: Readonly<Record<string, Render>> = {
  StaticFilterTableChains: staticFilterChains,
  StaticMangleTableChains: staticMangleChains,
  StaticManglePostroutingChain: (config) => [manglePostroutingChain(config)],
  StaticNATTableChains: staticNatChains,
  StaticNATPostroutingChains: (config) => pick(staticNatChains(config), CHAIN.postrouting),
  StaticRawTableChains: staticRawChains,
  StaticRawPreroutingChain: (config) => [rawPreroutingChain(config)],
  StaticRawOutputChain: (config) => [rawOutputChain(config)],
  RPFilter: (config, args) => [{ name: 'test', rules: rpfRules(config, marked(args.get('mark').number())) }],
  NATOutgoingChain: (config, args) => [
    natOutgoingChain(config, args.get('natOutgoingActive').flag() ? [{ kind: 'IPPool', name: 'pool' }] : []),
  ],
  WorkloadDispatchChains: (config, args) => {
    const names = args
      .get('endpoints')
      .list()
      .map((one) => one.get('value').get('name').text());
    return workloadDispatchChains(
      config,
      names.map((interfaceName) => ({ interfaceName, because: [] })),
    );
  },
  HostDispatchChains: (config, args) => hostDispatch(config, args, 'to+from'),
  FromHostDispatchChains: (config, args) => hostDispatch(config, args, 'from'),
  WorkloadEndpointToIptablesChains: (config, args) =>
    workloadEndpointChains(config, {
      interfaceName: args.get('ifaceName').text(),
      adminUp: args.get('adminUp').flag(),
      ingressTiers: tiersOf(args.get('tiers'), 'inbound'),
      egressTiers: tiersOf(args.get('tiers'), 'outbound'),
      profiles: profilesOf(args),
      because: [],
    }),
  HostEndpointToFilterChains: (config, args) => [
    ...hostChains(config, args, 'tiers', 'normal'),
    ...hostChains(config, args, 'forwardTiers', 'forward'),
  ],
  HostEndpointToRawChains: (config, args) => hostChains(config, args, 'untrackedTiers', 'untracked'),
  HostEndpointToMangleIngressChains: (config, args) => hostChains(config, args, 'preDNATTiers', 'pre-dnat'),
  PolicyGroupToIptablesChains: (config, args) => {
    const group = args.get('group');
    return [
      policyGroupChain(config, groupOf(group, group.get('Direction').text() === 'outbound' ? 'outbound' : 'inbound')),
    ];
  },
  ProfileToIptablesChains: (config, args) =>
    profileChains(config, {
      name: args.get('profileID').get('Name').text(),
      labelsToApply: {},
      ingress: args.get('profile').get('inbound_rules').absent ? 'none' : 'allow',
      egress: args.get('profile').get('outbound_rules').absent ? 'none' : 'allow',
      because: [],
    }),
};

const asText = (chain: Chain): { name: string; rules: string[] } => ({
  name: chain.name,
  rules: chainText(chain).rules.map(({ text }) => `-A ${chain.name} ${text}`),
});

const byName = (chains: readonly { name: string; rules: readonly string[] }[]): Record<string, readonly string[]> =>
  Object.fromEntries(chains.map(({ name, rules }) => [name, rules]));

t.test('chains are rendered as upstream renders them', NEEDS_VECTORS, async (t) => {
  const configs = loadVector('felix/rules/configs.json');
  for (const [method, render] of Object.entries(METHODS)) {
    let [compared, skipped] = [0, 0];
    t.test(method, async (t) => {
      for (const one of loadVector(`felix/rules/${method}.json`).list()) {
        const config = configs.get(one.get('config').text());
        if (unmodelled(method, config, one.get('args')) !== undefined) {
          skipped += 1;
          continue;
        }
        const ipVersion = one.get('ipVersion').number() === 6 ? 6 : 4;
        const expected = one
          .get('chains')
          .list()
          .map((chain) => ({ name: chain.get('name').text(), rules: chain.get('rules').texts() }));
        const found = render(rulesConfig(config, ipVersion), one.get('args')).map(asText);
        t.same(byName(found), byName(expected), one.get('test').text());
        compared += 1;
      }
      t.comment(`${compared} calls compared, ${skipped} with features that are not modelled`);
      t.ok(compared > 0, 'something was compared');
    });
  }
});
