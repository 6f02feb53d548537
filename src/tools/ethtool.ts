/** `ethtool` 6.1 for what devices of the kernel's own say: the other end of a veth, drivers, speeds. */

import { Bridge, type Device, Loopback, Veth, Vxlan } from '../kernel/index.js';
import { failure, lines, ok, type Tool, type ToolResult } from './tool.js';

/** What a network card would say is its own, and so are offloads. */
const notModelled = (what: string): ToolResult =>
  failure(2, `ethtool: ${what} not modelled; "ip -d -s link" and /sys/class/net show what a device has`);

interface Driver {
  readonly name: string;
  readonly version: string;
  readonly firmware: string;
  readonly statistics: boolean;
}

function driverOf(dev: Device): Driver | undefined {
  if (dev instanceof Veth) return { name: 'veth', version: '1.0', firmware: '', statistics: true };
  if (dev instanceof Vxlan) return { name: 'vxlan', version: '0.1', firmware: '', statistics: false };
  return dev instanceof Bridge ? { name: 'bridge', version: '2.3', firmware: 'N/A', statistics: false } : undefined;
}

/** drivers/net/veth.c:veth_get_drvinfo() and its like. */
function showDriver(dev: Device): ToolResult {
  const driver = driverOf(dev);
  if (driver === undefined) return failure(71, 'Cannot get driver information: Operation not supported');
  const { name, version, firmware, statistics } = driver;
  return ok(
    lines([
      `driver: ${name}`,
      `version: ${version}`,
      `firmware-version: ${firmware}`,
      'expansion-rom-version: ',
      `bus-info: ${firmware}`,
      `supports-statistics: ${statistics ? 'yes' : 'no'}`,
      'supports-test: no',
      'supports-eeprom-access: no',
      'supports-register-dump: no',
      'supports-priv-flags: no',
    ]),
  );
}

/** Of its only queue: nobody here loads a program for XDP. */
const QUEUE_STATISTICS = [
  'rx_queue_0_xdp_packets',
  'rx_queue_0_xdp_bytes',
  'rx_queue_0_drops',
  'rx_queue_0_xdp_redirect',
  'rx_queue_0_xdp_drops',
  'rx_queue_0_xdp_tx',
  'rx_queue_0_xdp_tx_errors',
  'tx_queue_0_xdp_xmit',
  'tx_queue_0_xdp_xmit_errors',
];

/** drivers/net/veth.c:veth_get_ethtool_stats(). */
function showStatistics(dev: Device): ToolResult {
  if (!(dev instanceof Veth)) return failure(94, 'no stats available');
  const counted = [`peer_ifindex: ${dev.peer?.ifindex ?? 0}`, ...QUEUE_STATISTICS.map((name) => `${name}: 0`)];
  return ok(lines(['NIC statistics:', ...counted.map((row) => `     ${row}`)]));
}

function showSettings(dev: Device): ToolResult {
  const link = `\tLink detected: ${dev.up && dev.carrier ? 'yes' : 'no'}`;
  if (dev instanceof Loopback) return ok(lines([`Settings for ${dev.name}:`, link]));
  // The others go by what is below them.
  if (!(dev instanceof Veth)) return notModelled('speed and settings are');
  return ok(
    lines([
      `Settings for ${dev.name}:`,
      '\tSupported ports: [  ]',
      '\tSupported link modes:   Not reported',
      '\tSupported pause frame use: No',
      '\tSupports auto-negotiation: No',
      '\tSupported FEC modes: Not reported',
      '\tAdvertised link modes:  Not reported',
      '\tAdvertised pause frame use: No',
      '\tAdvertised auto-negotiation: No',
      '\tAdvertised FEC modes: Not reported',
      '\tSpeed: 10000Mb/s',
      '\tDuplex: Full',
      '\tAuto-negotiation: off',
      '\tPort: Twisted Pair',
      '\tPHYAD: 0',
      '\tTransceiver: internal',
      '\tMDI-X: Unknown',
      link,
    ]),
  );
}

/** Of its only queue. */
const CHANNELS = ['RX:\t\t1', 'TX:\t\t1', 'Other:\t\tn/a', 'Combined:\tn/a'];

/** drivers/net/veth.c:veth_get_channels(). */
const showChannels = (dev: Device): ToolResult =>
  dev instanceof Veth
    ? ok(
        lines([
          `Channel parameters for ${dev.name}:`,
          'Pre-set maximums:',
          ...CHANNELS,
          'Current hardware settings:',
          ...CHANNELS,
        ]),
      )
    : UNSUPPORTED;

/** net/ethtool/common.c:__ethtool_get_ts_info(): who sends by itself says when. */
function showTimestamping(dev: Device): ToolResult {
  const sends = dev instanceof Veth || dev instanceof Loopback;
  return ok(
    lines([
      `Time stamping parameters for ${dev.name}:`,
      'Capabilities:',
      ...(sends ? ['\tsoftware-transmit'] : []),
      '\tsoftware-receive',
      '\tsoftware-system-clock',
      'PTP Hardware Clock: none',
      'Hardware Transmit Timestamp Modes: none',
      'Hardware Receive Filter Modes: none',
    ]),
  );
}

interface Asked {
  readonly show: (dev: Device) => ToolResult;
  /** Of a device that is not there. */
  readonly missing: ToolResult;
}

const UNSUPPORTED = failure(1, 'netlink error: Operation not supported');
const NO_DEVICE = failure(1, 'netlink error: no device matches name (offset 24)\nnetlink error: No such device');

const ASKED = {
  settings: {
    show: showSettings,
    missing: failure(
      75,
      'netlink error: no device matches name (offset 24)\nnetlink error: No such device\n'.repeat(5).trimEnd(),
      'No data available\n',
    ),
  },
  driver: { show: showDriver, missing: failure(71, 'Cannot get driver information: No such device') },
  statistics: { show: showStatistics, missing: failure(96, 'Cannot get stats strings information: No such device') },
  channels: { show: showChannels, missing: NO_DEVICE },
  timestamping: { show: showTimestamping, missing: NO_DEVICE },
  address: { show: () => ok('Permanent address: not set\n'), missing: failure(1, 'netlink error: No such device') },
  /** What network cards have, and no device of the kernel's own. */
  hardware: { show: () => UNSUPPORTED, missing: NO_DEVICE },
} satisfies Readonly<Record<string, Asked>>;

const OPTIONS: Readonly<Record<string, keyof typeof ASKED>> = {
  '-i': 'driver',
  '--driver': 'driver',
  '-S': 'statistics',
  '--statistics': 'statistics',
  '-l': 'channels',
  '--show-channels': 'channels',
  '-T': 'timestamping',
  '--show-time-stamping': 'timestamping',
  '-P': 'address',
  '--show-permaddr': 'address',
  '-a': 'hardware',
  '--show-pause': 'hardware',
  '-c': 'hardware',
  '--show-coalesce': 'hardware',
  '-g': 'hardware',
  '--show-ring': 'hardware',
  '-m': 'hardware',
  '--module-info': 'hardware',
  '--show-eee': 'hardware',
  '--show-fec': 'hardware',
  '--show-priv-flags': 'hardware',
};
/** These show or change what is not there. */
const OTHERS = /^-(?:[acgjklmntwxTPGAKCEdeprsNUX]|-[a-z-]+)$/;

const BAD = failure(1, 'ethtool: bad command line argument(s)\nFor more information run ethtool -h');

export const ethtool: Tool = ({ netns }, args) => {
  const [first = '', second] = args;
  if (first === '--version') return ok('ethtool version 6.1\n');
  const option = first.startsWith('-');
  const what = option ? OPTIONS[first] : 'settings';
  if (what === undefined) return OTHERS.test(first) ? notModelled('drivers and offloads are') : BAD;
  const name = option ? second : first;
  if (name === undefined || name === '' || args.length > (option ? 2 : 1)) return BAD;
  const dev = netns.devices.named(name);
  if (dev === undefined) return ASKED[what].missing;
  return dev.kind === 'ethernet' ? notModelled('network cards are') : ASKED[what].show(dev);
};
