/**
 * Programmed state as lines of `ip -batch` and `bridge -batch`, in the order in which a kernel takes them. Tables and
 * protocols are numbers: in a batch, iproute2 6.1 takes a name that it has seen before for the number seen last.
 */

import {
  type AddressState,
  type BridgeVlanState,
  type FdbEntryState,
  type HostState,
  type LinkState,
  type NeighbourEntryState,
  type NetnsState,
  type NextHopState,
  type RouteState,
  RT_PROTOCOL,
  RT_TABLE,
  type RuleState,
} from '../../kernel/index.js';
import { formatIpv4, formatMac, formatPrefix, type Ipv4Prefix } from '../../packet/index.js';

/** Words with nothing between where a part is absent. */
const words = (...parts: readonly (string | undefined | false)[]): string =>
  parts.filter((part) => part !== undefined && part !== false && part !== '').join(' ');

const optional = (word: string, value: string | number | undefined): string | undefined =>
  value === undefined ? undefined : `${word} ${value}`;

const onOff = (value: boolean): string => (value ? 'on' : 'off');
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

const formatDestination = (prefix: Ipv4Prefix): string => (prefix.length === 0 ? 'default' : formatPrefix(prefix));

/** Name, index, address and sizes, as both ends of a veth say them. */
const linkWords = ({ name, ifindex, mac, mtu, txqlen }: LinkState): string =>
  `name ${name} index ${ifindex} address ${formatMac(mac)} mtu ${mtu} txqueuelen ${txqlen}`;

/** The other end of a veth, where it is in the same state. */
function peerOf(
  host: HostState,
  link: LinkState,
): { readonly netns: NetnsState; readonly link: LinkState } | undefined {
  const netns = host.netns.find(({ name }) => name === link.peer?.netns);
  const far = netns?.links.find(({ name }) => name === link.peer?.name);
  return netns === undefined || far === undefined ? undefined : { netns, link: far };
}

/** Of two ends of a veth one makes both: the one in the namespace that comes first. */
const makesPair = (host: HostState, netns: NetnsState, link: LinkState): boolean => {
  const peer = peerOf(host, link);
  if (peer === undefined) return false;
  const here = host.netns.indexOf(netns);
  const there = host.netns.indexOf(peer.netns);
  return here < there || (here === there && link.ifindex < peer.link.ifindex);
};

/** Where the namespaces of a state are on the machine that runs the lines. */
export type NetnsName = (netns: string) => string;

/**
 * Lines that make the devices of a namespace. Cables of physical interfaces are `cableEnd`'s to name: what stands at
 * their other end is not the host's.
 */
export function linkLines(
  host: HostState,
  netns: NetnsState,
  names: { readonly netns: NetnsName; readonly cableEnd: (link: LinkState) => string },
): string[] {
  const late: string[] = [];
  const early = netns.links.flatMap((link) => {
    const add = `link add ${linkWords(link)}`;
    switch (link.kind) {
      case 'ethernet':
        return [`${add} type veth ${names.cableEnd(link)}`];
      case 'veth': {
        const peer = peerOf(host, link);
        if (peer === undefined || !makesPair(host, netns, link)) return [];
        const where = peer.netns === netns ? '' : ` netns ${names.netns(peer.netns.name)}`;
        return [`${add} type veth peer ${linkWords(peer.link)}${where}`];
      }
      case 'bridge':
        // Nobody here takes part in IGMP: groups are flooded.
        return [
          `${add} type bridge stp_state 0 forward_delay 0 mcast_snooping 0${link.vlanFiltering ? ' vlan_filtering 1' : ''}`,
        ];
      case 'dummy':
        return [`${add} type dummy`];
      case 'ipip':
        // Has no address of its own; may stand on another device.
        late.push(ipipLine(link));
        return [];
      case 'vxlan':
        // Stands on another device.
        late.push(`${add} type vxlan ${vxlanWords(link)}`);
        return [];
      default:
        return [];
    }
  });
  return [...early, ...late];
}

/** The tunnel of the module is made like any other: a namespace that is told not to bring its own has none. */
function ipipLine({ name, ifindex, mtu, txqlen, ipip }: LinkState): string {
  if (ipip === undefined) return '';
  return words(
    `link add name ${name} index ${ifindex} mtu ${mtu} txqueuelen ${txqlen} type ipip mode ${ipip.mode}`,
    `remote ${ipip.remote === 0 ? 'any' : formatIpv4(ipip.remote)} local ${ipip.local === 0 ? 'any' : formatIpv4(ipip.local)}`,
    optional('dev', ipip.dev),
    `ttl ${ipip.ttl === 0 ? 'inherit' : ipip.ttl} tos ${formatTos(ipip.tos)}`,
    ipip.pmtudisc ? 'pmtudisc' : 'nopmtudisc',
    ipip.fwmark !== 0 && `fwmark ${hex(ipip.fwmark)}`,
  );
}

const formatTos = (tos: number): string => (tos === 1 ? 'inherit' : hex(tos));

function vxlanWords({ vxlan }: LinkState): string {
  if (vxlan === undefined) return '';
  return words(
    `id ${vxlan.vni}`,
    vxlan.local !== 0 && `local ${formatIpv4(vxlan.local)}`,
    optional('dev', vxlan.dev),
    `dstport ${vxlan.port}`,
    !vxlan.learning && 'nolearning',
    vxlan.group !== undefined && `remote ${formatIpv4(vxlan.group)}`,
    vxlan.ttl !== undefined && vxlan.ttl !== 0 && `ttl ${vxlan.ttl}`,
  );
}

/** Ports into their bridges, then what adding a port has changed, then up. */
export function linkSetLines(netns: NetnsState): string[] {
  return [
    ...netns.links.flatMap(({ name, master, bridgePort: port }) => [
      ...(master === undefined ? [] : [`link set ${name} master ${master}`]),
      ...(master === undefined || port === undefined
        ? []
        : [
            words(
              `link set ${name} type bridge_slave`,
              `hairpin ${onOff(port.hairpin)}`,
              `learning ${onOff(port.learning)}`,
              `flood ${onOff(port.flood)}`,
              `isolated ${onOff(port.isolated)}`,
            ),
          ]),
    ]),
    ...netns.links
      .filter(({ kind }) => kind === 'bridge')
      .map(({ name, mac, mtu }) => `link set ${name} address ${formatMac(mac)} mtu ${mtu}`),
    ...netns.links.filter(({ promisc }) => promisc).map(({ name }) => `link set ${name} promisc on`),
    ...netns.links.filter(({ allmulti }) => allmulti).map(({ name }) => `link set ${name} allmulticast on`),
    ...netns.links.filter(({ up }) => up).map(({ name }) => `link set ${name} up`),
  ];
}

/** lo brings its own when it comes up. */
const isLoopbackAddress = ({ dev, address, prefixLength }: AddressState): boolean =>
  dev === 'lo' && formatIpv4(address) === '127.0.0.1' && prefixLength === 8;

export const addressLines = (addresses: readonly AddressState[]): string[] =>
  addresses
    .filter((address) => !isLoopbackAddress(address))
    .map((one) => {
      const local = formatIpv4(one.address);
      return words(
        one.peer === undefined
          ? `addr add ${local}/${one.prefixLength}`
          : `addr add ${local} peer ${formatIpv4(one.peer)}/${one.prefixLength}`,
        one.broadcast !== undefined && `broadcast ${formatIpv4(one.broadcast)}`,
        `dev ${one.dev} scope ${one.scope}`,
        one.label !== one.dev && `label ${one.label}`,
        one.noPrefixRoute && 'noprefixroute',
      );
    });

const hopWords = ({ via, dev, onlink }: NextHopState): string =>
  words(via !== undefined && `via ${formatIpv4(via)}`, optional('dev', dev), onlink && 'onlink');

function routeLine(route: RouteState): string {
  const [first] = route.nextHops;
  const several = route.nextHops.length > 1;
  return words(
    'route append',
    route.type === 'unicast' ? undefined : route.type,
    formatDestination(route.destination),
    route.tos !== 0 && `tos ${hex(route.tos)}`,
    !several && first !== undefined && hopWords(first),
    route.table !== RT_TABLE.main && `table ${route.table}`,
    `proto ${route.protocol}`,
    `scope ${route.scope}`,
    route.prefSrc !== undefined && `src ${formatIpv4(route.prefSrc)}`,
    route.metric !== 0 && `metric ${route.metric}`,
    route.mtu !== undefined && `mtu ${route.mtu}`,
    ...(several ? route.nextHops.map((hop) => `nexthop ${hopWords(hop)} weight ${hop.weight}`) : []),
  );
}

/** Routes that need no gateway before those whose gateway they lead to. */
const needsGateway = ({ nextHops }: RouteState): boolean => nextHops.some(({ via }) => via !== undefined);

/**
 * All routes, those included that addresses have brought: what somebody took away afterwards must not come back. Of
 * the table `local`, which is the kernel's, only what somebody added.
 */
export function routeLines(routes: readonly RouteState[]): string[] {
  const own = routes.filter(({ table, protocol }) => table !== RT_TABLE.local || protocol !== RT_PROTOCOL.kernel);
  return [
    'route flush table main',
    ...own.filter((route) => !needsGateway(route)).map(routeLine),
    ...own.filter(needsGateway).map(routeLine),
  ];
}

const DEFAULT_RULES: ReadonlyMap<number, number> = new Map([
  [0, RT_TABLE.local],
  [32_766, RT_TABLE.main],
  [32_767, RT_TABLE.default],
]);

const isDefaultRule = (rule: RuleState): boolean => {
  const { priority, action, table, from, to, fwmark, iif, oif } = rule;
  return (
    action === 'lookup' &&
    DEFAULT_RULES.get(priority) === table &&
    [from, to, iif, oif, rule.sourcePorts, rule.destinationPorts].every((match) => match === undefined) &&
    [rule.tos, rule.ipProtocol, fwmark?.mask].every((match) => match === undefined || match === 0) &&
    !rule.not
  );
};

function ruleLine(rule: RuleState): string {
  const { fwmark, action } = rule;
  return words(
    `rule add pref ${rule.priority}`,
    rule.not && 'not',
    `from ${rule.from === undefined ? 'all' : formatPrefix(rule.from)}`,
    rule.to !== undefined && `to ${formatPrefix(rule.to)}`,
    rule.tos !== undefined && rule.tos !== 0 && `tos ${hex(rule.tos)}`,
    optional('iif', rule.iif),
    optional('oif', rule.oif),
    fwmark !== undefined && fwmark.mask !== 0 && `fwmark ${hex(fwmark.value)}/${hex(fwmark.mask)}`,
    rule.ipProtocol !== undefined && rule.ipProtocol !== 0 && `ipproto ${rule.ipProtocol}`,
    rule.sourcePorts !== undefined && `sport ${rule.sourcePorts.first}-${rule.sourcePorts.last}`,
    rule.destinationPorts !== undefined && `dport ${rule.destinationPorts.first}-${rule.destinationPorts.last}`,
    rule.protocol !== RT_PROTOCOL.unspec && `protocol ${rule.protocol}`,
    action === 'lookup' ? `lookup ${rule.table ?? RT_TABLE.main}` : undefined,
    action === 'goto' ? `goto ${rule.goto ?? 0}` : undefined,
    action !== 'lookup' && action !== 'goto' && action,
    optional('suppress_prefixlength', rule.suppressPrefixLength),
  );
}

/** Rules beside the three that every namespace has, and those of the three that somebody took away. */
export function ruleLines(rules: readonly RuleState[]): string[] {
  const gone = [...DEFAULT_RULES.keys()].filter(
    (priority) => !rules.some((rule) => rule.priority === priority && isDefaultRule(rule)),
  );
  return [
    ...rules.filter((rule) => !isDefaultRule(rule)).map(ruleLine),
    ...gone.map((priority) => `rule del pref ${priority}`),
  ];
}

export const neighbourLines = (neighbours: readonly NeighbourEntryState[]): string[] =>
  neighbours.map(({ dev, address, mac, state, proxy }) =>
    proxy
      ? `neigh add proxy ${formatIpv4(address)} dev ${dev}`
      : words(
          `neigh replace ${formatIpv4(address)}`,
          mac !== undefined && `lladdr ${formatMac(mac)}`,
          `dev ${dev} nud ${state}`,
        ),
  );

/** What a bridge that filters gives itself and every port (vlan_default_pvid). */
const isDefaultVlan = ({ vlan, pvid, untagged }: BridgeVlanState): boolean => vlan === 1 && pvid && untagged;

/** For `bridge -batch`: VLANs beside the one that is there by itself, and that one where it is not wanted. */
export const vlanLines = (links: readonly LinkState[]): string[] =>
  links.flatMap(({ name, kind, vlans }) => {
    if (vlans === undefined) return [];
    const self = kind === 'bridge' && 'self';
    return [
      ...(vlans.some(isDefaultVlan) ? [] : [words(`vlan del dev ${name} vid 1`, self)]),
      ...vlans
        .filter((one) => !isDefaultVlan(one))
        .map(({ vlan, pvid, untagged }) =>
          words(`vlan add dev ${name} vid ${vlan}`, pvid && 'pvid', untagged && 'untagged', self),
        ),
    ];
  });

/** For `bridge -batch`. */
export const fdbLines = (entries: readonly FdbEntryState[]): string[] =>
  entries.map(({ dev, mac, where, remote }) =>
    words(
      `fdb replace ${formatMac(mac)} dev ${dev}`,
      remote !== undefined && `dst ${formatIpv4(remote)}`,
      where === 'self' ? 'self permanent' : 'master static',
    ),
  );
