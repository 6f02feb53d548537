/** /sys/class/net of a namespace, made of its devices when somebody looks (net/core/net-sysfs.c, net/bridge/br_sysfs_if.c). */

import { Bridge, type Device, Ipip, type Netns, Veth } from '../kernel/index.js';
import { broadcastAddress, flagsOf, hardwareType, IFF, linkAddress, operstateOf } from './ip/device.js';
import { carrierChanges } from './ip/statistics.js';

type Attribute = readonly [name: string, value: string | number];

const STATISTICS = [
  'collisions',
  'multicast',
  ...['bytes', 'compressed', 'crc_errors', 'dropped', 'errors', 'fifo_errors', 'frame_errors'].map(
    (one) => `rx_${one}`,
  ),
  ...['length_errors', 'missed_errors', 'nohandler', 'over_errors', 'packets'].map((one) => `rx_${one}`),
  ...['aborted_errors', 'bytes', 'carrier_errors', 'compressed', 'dropped', 'errors'].map((one) => `tx_${one}`),
  ...['fifo_errors', 'heartbeat_errors', 'packets', 'window_errors'].map((one) => `tx_${one}`),
];

/** netstat_attrs[]: what nobody counts is 0. */
function statistics({ counters: c }: Device): readonly Attribute[] {
  const counted: Readonly<Record<string, number>> = {
    collisions: c.collisions,
    rx_bytes: c.rxBytes,
    rx_dropped: c.rxDropped,
    rx_errors: c.rxErrors,
    rx_packets: c.rxPackets,
    tx_bytes: c.txBytes,
    tx_carrier_errors: c.txCarrierErrors,
    tx_dropped: c.txDropped,
    tx_errors: c.txErrors,
    tx_packets: c.txPackets,
  };
  return STATISTICS.map((name) => [`statistics/${name}`, counted[name] ?? 0] as const);
}

/** dev_get_iflink(): the other end of a veth, in whatever namespace, what a tunnel is bound to, or the device itself. */
function linkIndex(dev: Device): number {
  if (dev instanceof Veth) return dev.peer?.ifindex ?? 0;
  if (!(dev instanceof Ipip)) return dev.ifindex;
  const { dev: lower } = dev.config;
  return (lower === undefined ? undefined : dev.netns.devices.named(lower)?.ifindex) ?? 0;
}

/** BR_STATE_FORWARDING, BR_STATE_DISABLED. */
const portState = (dev: Device): number => (dev.up && dev.carrier ? 3 : 0);

/** A bridge has its ports in brif, and a port itself in brport. */
function bridgePort(port: Device): readonly Attribute[] {
  if (port.port === undefined) return [];
  return [
    ['hairpin_mode', port.port.state.hairpin ? 1 : 0],
    ['state', portState(port)],
  ];
}

/** What a bridge has asked of its port, which `ip` does not show (net/bridge/br_if.c:br_manage_promisc()). */
function flagsOfBridge({ port }: Device): readonly string[] {
  if (port === undefined) return [];
  return !port.bridge.vlanFiltering || port.bridge.ports.length > 1 ? ['ALLMULTI', 'PROMISC'] : ['ALLMULTI'];
}

/** What a device that is down cannot tell of fails to be read, and is left out here. */
function attributes(dev: Device): readonly Attribute[] {
  const flags = [...flagsOf(dev), ...flagsOfBridge(dev)].reduce((all, flag) => all | (IFF[flag] ?? 0), 0);
  return [
    ['addr_len', dev instanceof Ipip ? 4 : 6],
    ['address', linkAddress(dev)],
    ['broadcast', broadcastAddress(dev)],
    ...bridgePort(dev).map(([name, value]) => [`brport/${name}`, value] as const),
    ...(dev instanceof Bridge ? dev.ports : []).flatMap(({ dev: port }) =>
      bridgePort(port).map(([name, value]) => [`brif/${port.name}/${name}`, value] as const),
    ),
    ...(dev.up ? [['carrier', dev.carrier ? 1 : 0] as const, ['dormant', 0] as const] : []),
    ['carrier_changes', carrierChanges(dev)],
    ['dev_id', '0x0'],
    ['dev_port', 0],
    ...(dev instanceof Veth && dev.up ? [['duplex', 'full'] as const, ['speed', 10_000] as const] : []),
    ['flags', `0x${flags.toString(16)}`],
    ['ifindex', dev.ifindex],
    ['iflink', linkIndex(dev)],
    ['link_mode', 0],
    ['mtu', dev.mtu],
    ['netdev_group', 0],
    ['operstate', operstateOf(dev).toLowerCase()],
    ['proto_down', 0],
    ...statistics(dev),
    ['tx_queue_len', dev.txqlen],
    ['type', hardwareType(dev)],
  ];
}

export const sysClassNetFiles = (netns: Netns): readonly (readonly [path: string, content: string])[] =>
  [...netns.devices].flatMap((dev) =>
    attributes(dev).map(([name, value]) => [`/sys/class/net/${dev.name}/${name}`, `${value}\n`] as const),
  );
