/** `ip link` as iproute2 6.1 prints it: one record a device, with `-d` what its driver says, with `-s` what it counted. */

import { Bridge, type Device, Ipip, type Netns, Veth, Vxlan } from '../../kernel/index.js';
import { formatIpv4, formatMac, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import { ok, type ToolResult } from '../tool.js';
import {
  addHead,
  addLinkLayer,
  chosenDevices,
  DEVICE_SELECTORS,
  displayName,
  flagsOf,
  linkAddress,
  noteName,
  operstateOf,
} from './device.js';
import { namesOf } from './names.js';
import { type JsonValue, type OutputForm, printRows, Row } from './row.js';
import { isResult, readSelector } from './selector.js';
import { addStatistics, type Units } from './statistics.js';

export interface LinkForm extends OutputForm {
  readonly brief: boolean;
  readonly details: boolean;
  readonly numeric: boolean;
  /** How often `-s` was given: twice shows which errors there were. */
  readonly statistics: number;
  readonly units: Units;
}

/** `8000.2:0:0:0:0:1`: a bridge's priority and address, octets without leading zeros. */
const bridgeId = (bridge: Bridge): string =>
  `8000.${formatMac(bridge.mac)
    .split(':')
    .map((octet) => Number.parseInt(octet, 16).toString(16))
    .join(':')}`;

/** Fields that are the same for every bridge here: nobody changes them. In the order of print. */
const BRIDGE_DEFAULTS: readonly (readonly [key: string, value: JsonValue, text: string])[] = [
  ['group_fwd_mask', '0', 'group_fwd_mask 0'],
  ['group_addr', '01:80:c2:00:00:00', 'group_address 01:80:c2:00:00:00'],
  ['mcast_snooping', 1, 'mcast_snooping 1'],
  ['no_linklocal_learn', 0, 'no_linklocal_learn 0'],
  ['mcast_vlan_snooping', 0, 'mcast_vlan_snooping 0'],
  ['mcast_router', 1, 'mcast_router 1'],
  ['mcast_query_use_ifaddr', 0, 'mcast_query_use_ifaddr 0'],
  ['mcast_querier', 0, 'mcast_querier 0'],
  ['mcast_hash_elasticity', 16, 'mcast_hash_elasticity 16'],
  ['mcast_hash_max', 4096, 'mcast_hash_max 4096'],
  ['mcast_last_member_cnt', 2, 'mcast_last_member_count 2'],
  ['mcast_startup_query_cnt', 2, 'mcast_startup_query_count 2'],
  ['mcast_last_member_intvl', 100, 'mcast_last_member_interval 100'],
  ['mcast_membership_intvl', 26_000, 'mcast_membership_interval 26000'],
  ['mcast_querier_intvl', 25_500, 'mcast_querier_interval 25500'],
  ['mcast_query_intvl', 12_500, 'mcast_query_interval 12500'],
  ['mcast_query_response_intvl', 1_000, 'mcast_query_response_interval 1000'],
  ['mcast_startup_query_intvl', 3_124, 'mcast_startup_query_interval 3124'],
  ['mcast_stats_enabled', 0, 'mcast_stats_enabled 0'],
  ['mcast_igmp_version', 2, 'mcast_igmp_version 2'],
  ['mcast_mld_version', 1, 'mcast_mld_version 1'],
  ['nf_call_iptables', 0, 'nf_call_iptables 0'],
  ['nf_call_ip6tables', 0, 'nf_call_ip6tables 0'],
  ['nf_call_arptables', 0, 'nf_call_arptables 0'],
];

/** bridge_print_opt(). No spanning tree: the bridge is its own root, and no timer runs. */
function bridgeRow(bridge: Bridge): Row {
  const id = bridgeId(bridge);
  const row = new Row();
  for (const [key, value] of [
    ['forward_delay', 1_500],
    ['hello_time', 200],
    ['max_age', 2_000],
    ['ageing_time', 30_000],
    ['stp_state', 0],
    ['priority', 32_768],
    ['vlan_filtering', bridge.vlanFiltering ? 1 : 0],
  ] as const)
    row.add(key, value, ` ${key} ${value}`);
  if (bridge.vlanFiltering) row.add('vlan_protocol', '802.1Q', ' vlan_protocol 802.1Q');
  row.add('bridge_id', id, ` bridge_id ${id}`).add('root_id', id, ` designated_root ${id}`);
  for (const key of ['root_port', 'root_path_cost', 'topology_change', 'topology_change_detected'] as const)
    row.add(key, 0, ` ${key} 0`);
  for (const key of ['hello_timer', 'tcn_timer', 'topology_change_timer', 'gc_timer'] as const)
    row.add(key, 0, ` ${key}    0.00`);
  if (bridge.vlanFiltering)
    row
      .add('vlan_default_pvid', bridge.defaultPvid, ` vlan_default_pvid ${bridge.defaultPvid}`)
      .add('vlan_stats_enabled', 0, ' vlan_stats_enabled 0')
      .add('vlan_stats_per_port', 0, ' vlan_stats_per_port 0');
  for (const [key, value, text] of BRIDGE_DEFAULTS) row.add(key, value, ` ${text}`);
  return row;
}

function vxlanRow({ config }: Vxlan): Row {
  const { vni, local, group, dev, port, learning, ttl = 0 } = config;
  const row = new Row();
  row.add('id', vni, ` id ${vni}`);
  if (group !== undefined) row.add('group', formatIpv4(group), ` remote ${formatIpv4(group)}`);
  if (local !== 0) row.add('local', formatIpv4(local), ` local ${formatIpv4(local)}`);
  if (dev !== undefined) row.add('link', dev, ` dev ${dev}`);
  row.add('port_range', { low: 0, high: 0 }, ' srcport 0 0').add('port', port, ` dstport ${port}`);
  row.add('learning', learning, learning ? '' : ' nolearning');
  row
    .add('ttl', ttl, ` ttl ${ttl === 0 ? 'auto' : ttl}`)
    .note('df', 'unset')
    .add('ageing', 300, ' ageing 300');
  row.add('udp_csum', true, ' udpcsum').add('udp_zero_csum6_tx', false, ' noudp6zerocsumtx');
  return row.add('udp_zero_csum6_rx', false, ' noudp6zerocsumrx');
}

/** ip/link_iptnl.c:iptunnel_print_opt(). */
function ipipRow({ config }: Ipip): Row {
  const { mode, remote, local, dev, ttl, tos, pmtudisc, fwmark } = config;
  const row = new Row();
  row.say(' ').add('proto', mode, `${mode} `);
  const end = (address: Ipv4Addr): string => (address === INADDR_ANY ? 'any' : formatIpv4(address));
  row.add('remote', end(remote), `remote ${end(remote)} `).add('local', end(local), `local ${end(local)} `);
  if (dev !== undefined) row.add('link', dev, `dev ${dev} `);
  if (ttl === 0) row.say('ttl inherit ');
  else row.add('ttl', ttl, `ttl ${ttl} `);
  const service = tos === 1 ? 'inherit' : `0x${tos.toString(16)}`;
  if (tos !== 0) row.add('tos', service, `tos ${service} `);
  row.add('pmtudisc', pmtudisc, pmtudisc ? 'pmtudisc ' : 'nopmtudisc ');
  const mark = `0x${fwmark.toString(16)}`;
  return fwmark === 0 ? row : row.add('fwmark', mark, `fwmark ${mark} `);
}

/** What the driver of a device calls it, where it is not the bare hardware. */
function driverOf(dev: Device): string | undefined {
  if (dev instanceof Veth) return 'veth';
  return dev instanceof Bridge || dev instanceof Vxlan || dev instanceof Ipip || dev.kind === 'dummy'
    ? dev.kind
    : undefined;
}

function driverRow(dev: Device): Row | undefined {
  if (dev instanceof Bridge) return bridgeRow(dev);
  if (dev instanceof Vxlan) return vxlanRow(dev);
  return dev instanceof Ipip ? ipipRow(dev) : undefined;
}

const onOff = (value: boolean): string => (value ? 'on' : 'off');

/** bridge_slave_print_opt(). */
function portRow(dev: Device, bridge: Bridge): Row {
  const id = bridgeId(bridge);
  const number = bridge.ports.findIndex((port) => port.dev === dev) + 1;
  const { hairpin = false, learning = true, flood = true, isolated = false } = dev.port?.state ?? {};
  const row = new Row();
  const flag = (key: string, value: boolean, name = key): Row => row.add(key, value, ` ${name} ${onOff(value)}`);
  row.add('state', 'forwarding', ' state forwarding').add('priority', 32, ' priority 32').add('cost', 2, ' cost 2');
  flag('hairpin', hairpin);
  for (const key of ['guard', 'root_block', 'fastleave'] as const) flag(key, false);
  flag('learning', learning);
  flag('flood', flood);
  const hex = (value: number): string => `0x${value.toString(16)}`;
  row
    .add('id', hex(0x8000 + number), ` port_id ${hex(0x8000 + number)}`)
    .add('no', hex(number), ` port_no ${hex(number)}`);
  row
    .add('designated_port', 32_768 + number, ` designated_port ${32_768 + number}`)
    .add('designated_cost', 0, ' designated_cost 0');
  row.add('bridge_id', id, ` designated_bridge ${id}`).add('root_id', id, ` designated_root ${id}`);
  for (const key of ['hold_timer', 'message_age_timer', 'forward_delay_timer'] as const)
    row.add(key, 0, ` ${key}    0.00`);
  row.add('topology_change_ack', 0, ' topology_change_ack 0').add('config_pending', 0, ' config_pending 0');
  flag('proxy_arp', false);
  flag('proxy_arp_wifi', false);
  row.add('multicast_router', 1, ' mcast_router 1').say(' mcast_fast_leave off');
  flag('mcast_flood', true);
  flag('bcast_flood', true);
  flag('mcast_to_unicast', false);
  flag('neigh_suppress', false);
  row.add('group_fwd_mask', '0', ' group_fwd_mask 0').add('group_fwd_mask_str', '0x0', ' group_fwd_mask_str 0x0');
  flag('vlan_tunnel', false);
  flag('isolated', isolated);
  return flag('locked', false);
}

/** print_linktype(). */
function addDriver(row: Row, dev: Device): void {
  const kind = driverOf(dev);
  const data = driverRow(dev);
  const slave = dev.port === undefined ? undefined : portRow(dev, dev.port.bridge);
  if (kind !== undefined) row.say(`\n    ${kind}${data?.text ?? ''} `);
  if (slave !== undefined) row.say(`\n    bridge_slave${slave.text} `);
  if (kind === undefined && slave === undefined) return;
  row.note('linkinfo', {
    ...(kind === undefined ? {} : { info_kind: kind }),
    ...(data === undefined ? {} : { info_data: data.json }),
    ...(slave === undefined ? {} : { info_slave_kind: 'bridge', info_slave_data: slave.json }),
  });
}

/** Differs: one queue each, since the virtual machine has one processor; limits of offloads as of a veth. */
export function addDetails(row: Row, dev: Device, object: 'link' | 'addr'): void {
  const isPort = dev.port === undefined ? 0 : 1;
  const [low, high] = dev.isLoopback ? [0, 0] : [68, 65_535];
  const promiscuity = (dev.promisc ? 1 : 0) + isPort;
  const allmulti = (dev.allmulti ? 1 : 0) + isPort;
  row
    .add('promiscuity', promiscuity, ` promiscuity ${promiscuity} `)
    .add('allmulti', allmulti, ` allmulti ${allmulti} `);
  row.add('min_mtu', low, `minmtu ${low} `).add('max_mtu', high, `maxmtu ${high} `);
  addDriver(row, dev);
  if (object === 'link') row.add('inet6_addr_gen_mode', 'eui64', 'addrgenmode eui64 ');
  for (const [key, word, value] of [
    ['num_tx_queues', 'numtxqueues', 1],
    ['num_rx_queues', 'numrxqueues', 1],
    ['gso_max_size', 'gso_max_size', 65_536],
    ['gso_max_segs', 'gso_max_segs', 65_535],
    ['tso_max_size', 'tso_max_size', 524_280],
    ['tso_max_segs', 'tso_max_segs', 65_535],
    ['gro_max_size', 'gro_max_size', 65_536],
  ] as const)
    row.add(key, value, `${word} ${value} `);
}

/** With `-br`: a line for each device. */
function briefRow(dev: Device): Row {
  const row = new Row();
  noteName(row, dev);
  row.say(`${displayName(dev).padEnd(16)} `).add('operstate', operstateOf(dev), `${operstateOf(dev).padEnd(14)} `);
  row.add('address', linkAddress(dev), `${linkAddress(dev)} `);
  return row.add('flags', flagsOf(dev), `<${flagsOf(dev).join(',')}> `);
}

function linkRow(dev: Device, form: LinkForm): Row {
  if (form.brief) return briefRow(dev);
  const row = new Row();
  addHead(row, dev, { object: 'link', group: namesOf(form).group });
  addLinkLayer(row, dev, form.numeric);
  if (form.details) addDetails(row, dev, 'link');
  if (form.statistics > 0) addStatistics(row, dev, form);
  return row;
}

/** `ip link [show] …`. */
export function showLinks(netns: Netns, words: readonly string[], form: LinkForm): ToolResult {
  const selector = readSelector(words, DEVICE_SELECTORS, 'dev');
  if (isResult(selector)) return selector;
  const devices = chosenDevices(netns, selector);
  if (isResult(devices)) return devices;
  return ok(
    printRows(
      devices.map((dev) => linkRow(dev, form)),
      form,
    ),
  );
}
