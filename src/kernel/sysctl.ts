/**
 * sysctl: the switches of a namespace, by the names under /proc/sys/net. What the packet path reads is a
 * number in a record of fixed shape; everything else that somebody sets is kept as text and printed back.
 */

import { KernelError } from './errors.js';

/** net.ipv4.conf.<dev>.<key>, with the defaults of net/ipv4/devinet.c:ipv4_devconf. */
export interface Ipv4DevConf {
  forwarding: number;
  accept_local: number;
  accept_redirects: number;
  accept_source_route: number;
  arp_accept: number;
  arp_announce: number;
  arp_filter: number;
  arp_ignore: number;
  arp_notify: number;
  disable_policy: number;
  disable_xfrm: number;
  drop_gratuitous_arp: number;
  drop_unicast_in_l2_multicast: number;
  log_martians: number;
  promote_secondaries: number;
  proxy_arp: number;
  proxy_arp_pvlan: number;
  route_localnet: number;
  rp_filter: number;
  secure_redirects: number;
  send_redirects: number;
  shared_media: number;
  src_valid_mark: number;
}

export const ipv4DevConfDefaults = (): Ipv4DevConf => ({
  forwarding: 0,
  accept_local: 0,
  accept_redirects: 1,
  accept_source_route: 1,
  arp_accept: 0,
  arp_announce: 0,
  arp_filter: 0,
  arp_ignore: 0,
  arp_notify: 0,
  disable_policy: 0,
  disable_xfrm: 0,
  drop_gratuitous_arp: 0,
  drop_unicast_in_l2_multicast: 0,
  log_martians: 0,
  promote_secondaries: 0,
  proxy_arp: 0,
  proxy_arp_pvlan: 0,
  route_localnet: 0,
  rp_filter: 0,
  secure_redirects: 1,
  send_redirects: 1,
  shared_media: 1,
  src_valid_mark: 0,
});

/** net.ipv4.conf.all: ipv4_devconf differs from ipv4_devconf_dflt in this. */
const ipv4AllDefaults = (): Ipv4DevConf => ({ ...ipv4DevConfDefaults(), accept_source_route: 0 });

/** net.ipv4.neigh.<dev>.<key>, net/ipv4/arp.c:arp_tbl.parms. Times in the sysctl's own unit. */
export interface Ipv4NeighConf {
  base_reachable_time_ms: number;
  delay_first_probe_time: number;
  gc_stale_time: number;
  mcast_solicit: number;
  proxy_delay: number;
  retrans_time_ms: number;
  ucast_solicit: number;
  app_solicit: number;
  unres_qlen: number;
}

export const ipv4NeighConfDefaults = (): Ipv4NeighConf => ({
  base_reachable_time_ms: 30_000,
  delay_first_probe_time: 5,
  gc_stale_time: 60,
  mcast_solicit: 3,
  proxy_delay: 80,
  retrans_time_ms: 1_000,
  ucast_solicit: 3,
  app_solicit: 0,
  unres_qlen: 101,
});

/** Namespace-wide numbers that the packet path reads. Keys are the sysctl's path below `net.`. */
const NETNS_DEFAULTS = {
  'ipv4.ip_forward': 0,
  'ipv4.ip_default_ttl': 64,
  'ipv4.ip_forward_use_pmtu': 0,
  'ipv4.ip_no_pmtu_disc': 0,
  'ipv4.ip_nonlocal_bind': 0,
  'ipv4.icmp_echo_ignore_all': 0,
  'ipv4.icmp_echo_ignore_broadcasts': 1,
  'ipv4.icmp_errors_use_inbound_ifaddr': 0,
  'ipv4.icmp_ratelimit': 1_000,
  'ipv4.icmp_ratemask': 6_168,
  'ipv4.icmp_msgs_per_sec': 1_000,
  'ipv4.icmp_msgs_burst': 50,
  'ipv4.icmp_ignore_bogus_error_responses': 1,
  'ipv4.fib_multipath_hash_policy': 0,
  'ipv4.fib_multipath_use_neigh': 0,
  'ipv4.fwmark_reflect': 0,
  'ipv4.ipfrag_high_thresh': 4_194_304,
  'ipv4.ipfrag_time': 30,
  'ipv4.ipfrag_max_dist': 64,
  'ipv4.min_pmtu': 552,
  'ipv4.tcp_syn_retries': 6,
  'ipv4.tcp_synack_retries': 5,
  'ipv4.tcp_retries1': 3,
  'ipv4.tcp_retries2': 15,
  'ipv4.tcp_fin_timeout': 60,
  'ipv4.tcp_orphan_retries': 0,
  'ipv4.tcp_timestamps': 1,
  'ipv4.tcp_window_scaling': 1,
  'ipv4.tcp_sack': 1,
  'ipv4.tcp_ecn': 2,
  'ipv4.tcp_base_mss': 1_024,
  'ipv4.tcp_mtu_probing': 0,
  'netfilter.nf_conntrack_max': 262_144,
  'netfilter.nf_conntrack_checksum': 1,
  'netfilter.nf_conntrack_acct': 0,
  'netfilter.nf_conntrack_tcp_be_liberal': 0,
  'netfilter.nf_conntrack_tcp_ignore_invalid_rst': 0,
  'netfilter.nf_conntrack_tcp_loose': 1,
  'netfilter.nf_conntrack_tcp_max_retrans': 3,
  'netfilter.nf_conntrack_generic_timeout': 600,
  'netfilter.nf_conntrack_icmp_timeout': 30,
  'netfilter.nf_conntrack_udp_timeout': 30,
  'netfilter.nf_conntrack_udp_timeout_stream': 120,
  'netfilter.nf_conntrack_tcp_timeout_syn_sent': 120,
  'netfilter.nf_conntrack_tcp_timeout_syn_recv': 60,
  'netfilter.nf_conntrack_tcp_timeout_established': 432_000,
  'netfilter.nf_conntrack_tcp_timeout_fin_wait': 120,
  'netfilter.nf_conntrack_tcp_timeout_close_wait': 60,
  'netfilter.nf_conntrack_tcp_timeout_last_ack': 30,
  'netfilter.nf_conntrack_tcp_timeout_time_wait': 120,
  'netfilter.nf_conntrack_tcp_timeout_close': 10,
  'netfilter.nf_conntrack_tcp_timeout_max_retrans': 300,
  'netfilter.nf_conntrack_tcp_timeout_unacknowledged': 300,
  'netfilter.nf_conntrack_sctp_timeout_closed': 10,
  'netfilter.nf_conntrack_sctp_timeout_cookie_wait': 3,
  'netfilter.nf_conntrack_sctp_timeout_cookie_echoed': 3,
  'netfilter.nf_conntrack_sctp_timeout_established': 210,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_sent': 3,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_recd': 3,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_ack_sent': 3,
  'netfilter.nf_conntrack_sctp_timeout_heartbeat_sent': 30,
  'bridge.bridge-nf-call-iptables': 0,
} as const satisfies Record<string, number>;

export type NetnsSysctl = keyof typeof NETNS_DEFAULTS;

/** Where a per-device switch is looked up by name. */
export interface SysctlDevice {
  readonly name: string;
  readonly ipv4Conf: Ipv4DevConf;
  readonly neighConf: Ipv4NeighConf;
  /** Switches that were set on the device, and no longer follow `default`. */
  readonly switchesSet: SwitchesSet;
}

type Kind = 'conf' | 'neigh';

/**
 * Which switches follow `default` no longer (the bitmaps `state` of struct ipv4_devconf and `data_state` of struct
 * neigh_parms): those that were written, and all of them once the device has an address (ipv4_devconf_setall()).
 */
export class SwitchesSet {
  #all = false;
  readonly #keys = new Set<string>();

  add(kind: Kind, key: string): void {
    this.#keys.add(`${kind} ${key}`);
  }

  addAll(): void {
    this.#all = true;
  }

  has(kind: Kind, key: string): boolean {
    return this.#all || this.#keys.has(`${kind} ${key}`);
  }

  /** What a device that is new takes over from `default`. */
  copyFrom(other: SwitchesSet): void {
    this.#all = false;
    this.#keys.clear();
    for (const key of other.#keys) this.#keys.add(key);
  }
}

const DEV_PATH = /^net\.ipv4\.(conf|neigh)\.(.+)\.([a-z0-9_]+)$/;
const RANGE_PATH = 'net.ipv4.ip_local_port_range';

const byPath = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : a > b ? 1 : 0);

const isKeyOf = <T extends object>(record: T, key: string): key is string & keyof T => Object.hasOwn(record, key);

const initialValue = (key: string): number | undefined =>
  isKeyOf(NETNS_DEFAULTS, key) ? NETNS_DEFAULTS[key] : undefined;

export class Sysctls {
  /** net.ipv4.conf.all and .default: not devices, but written like ones. */
  readonly all: Ipv4DevConf = ipv4AllDefaults();
  readonly default: Ipv4DevConf = ipv4DevConfDefaults();
  readonly neighDefault: Ipv4NeighConf = ipv4NeighConfDefaults();
  readonly #defaultsSet = new SwitchesSet();
  /** net.ipv4.ip_local_port_range, both ends included. */
  localPortRange: { readonly first: number; readonly last: number } = { first: 32_768, last: 60_999 };
  /** Numbers of the packet path, read by constant names: `sysctl.values['ipv4.ip_default_ttl']`. Written by `set`. */
  readonly values: Record<NetnsSysctl, number> = { ...NETNS_DEFAULTS };
  readonly #other = new Map<string, string>();
  readonly #devices: () => Iterable<SysctlDevice>;

  constructor(devices: () => Iterable<SysctlDevice>) {
    this.#devices = devices;
  }

  /**
   * Writes as `sysctl -w` does.
   * @throws KernelError ENOENT for a device that is not there, EINVAL for text that is no number
   */
  set(path: string, text: string): void {
    const device = DEV_PATH.exec(path);
    if (device !== null) this.#setDevice(path, device, text);
    else if (path === RANGE_PATH) this.#setRange(text);
    else if (path === 'net.ipv4.ip_forward') this.#setForwarding(this.#number(path, text));
    else if (isKeyOf(this.values, path.slice(4)) && path.startsWith('net.')) {
      this.values[path.slice(4) as NetnsSysctl] = this.#number(path, text);
    } else this.#other.set(path, text);
  }

  /** A device comes into the namespace: it has what `default` has (inetdev_init(), neigh_parms_alloc()). */
  inherit(device: SysctlDevice): void {
    Object.assign(device.ipv4Conf, this.default);
    Object.assign(device.neighConf, this.neighDefault);
    device.switchesSet.copyFrom(this.#defaultsSet);
  }

  /**
   * Switches that a namespace with the same devices has otherwise before anybody sets one, in an order in which they
   * can be set: `all` and `default` before the devices that follow them.
   */
  changed(): (readonly [path: string, value: string])[] {
    const rows: (readonly [string, string])[] = [...this.#other];
    for (const [key, value] of Object.entries(this.values)) {
      if (value !== initialValue(key)) rows.push([`net.${key}`, String(value)]);
    }
    const range = this.get(RANGE_PATH) ?? '';
    if (range !== this.initial(RANGE_PATH)) rows.push([RANGE_PATH, range]);
    rows.sort(byPath);
    const forwarding = this.values['ipv4.ip_forward'];
    /** Those that are not as in all of the others. */
    const differing = (where: string, record: object, ...others: readonly object[]): void => {
      const before = others.map((other) => new Map<string, unknown>(Object.entries(other)));
      for (const [key, value] of Object.entries(record)) {
        if (before.some((other) => other.get(key) !== value)) rows.push([`net.ipv4.${where}.${key}`, String(value)]);
      }
    };
    differing('conf.all', this.all, { ...ipv4AllDefaults(), forwarding });
    differing('conf.default', this.default, { ...ipv4DevConfDefaults(), forwarding });
    differing('neigh.default', this.neighDefault, ipv4NeighConfDefaults());
    for (const { name, ipv4Conf, neighConf } of this.#devices()) {
      differing(`conf.${name}`, ipv4Conf, this.default);
      // Namespaces but the machine's first know no neigh.default, and their devices not what it says.
      differing(`neigh.${name}`, neighConf, this.neighDefault, ipv4NeighConfDefaults());
    }
    return rows;
  }

  /** The value as text, or undefined where no such switch exists. */
  get(path: string): string | undefined {
    const device = DEV_PATH.exec(path);
    if (device !== null) {
      const record = this.#record(device[1] ?? '', device[2] ?? '');
      const key = device[3] ?? '';
      if (record !== undefined && isKeyOf(record, key)) return String(record[key]);
      return this.#other.get(path);
    }
    if (path === RANGE_PATH) return `${this.localPortRange.first}\t${this.localPortRange.last}`;
    const key = path.slice(4);
    return isKeyOf(this.values, key) ? String(this.values[key]) : this.#other.get(path);
  }

  /** What a fresh namespace has at a path that is not a device's; undefined for a switch that is unknown. */
  initial(path: string): string | undefined {
    return path === RANGE_PATH ? '32768\t60999' : initialValue(path.slice(4))?.toString();
  }

  /** All switches with their values, sorted by path, as `sysctl -a` lists them. */
  list(): (readonly [path: string, value: string])[] {
    const rows: (readonly [string, string])[] = [...this.#other];
    for (const [key, value] of Object.entries(this.values)) rows.push([`net.${key}`, String(value)]);
    rows.push([RANGE_PATH, `${this.localPortRange.first}\t${this.localPortRange.last}`]);
    const conf = (name: string, record: Ipv4DevConf): void => {
      for (const [key, value] of Object.entries(record)) rows.push([`net.ipv4.conf.${name}.${key}`, String(value)]);
    };
    const neigh = (name: string, record: Ipv4NeighConf): void => {
      for (const [key, value] of Object.entries(record)) rows.push([`net.ipv4.neigh.${name}.${key}`, String(value)]);
    };
    conf('all', this.all);
    conf('default', this.default);
    neigh('default', this.neighDefault);
    for (const device of this.#devices()) {
      conf(device.name, device.ipv4Conf);
      neigh(device.name, device.neighConf);
    }
    return rows.sort(byPath);
  }

  #number(path: string, text: string): number {
    const trimmed = text.trim();
    if (!/^-?\d+$/.test(trimmed)) throw new KernelError('EINVAL', `sysctl ${path}=${text}`);
    return Number(trimmed);
  }

  #record(kind: string, name: string): Ipv4DevConf | Ipv4NeighConf | undefined {
    if (kind === 'conf' && name === 'all') return this.all;
    if (name === 'default') return kind === 'conf' ? this.default : this.neighDefault;
    for (const device of this.#devices()) {
      if (device.name === name) return kind === 'conf' ? device.ipv4Conf : device.neighConf;
    }
    return undefined;
  }

  #setDevice(path: string, [, kind = '', name = '', key = '']: RegExpExecArray, text: string): void {
    const record = this.#record(kind, name);
    if (record === undefined) throw new KernelError('ENOENT', `sysctl ${path}`);
    if (!isKeyOf(record, key)) {
      this.#other.set(path, text);
      return;
    }
    const value = this.#number(path, text);
    Object.assign(record, { [key]: value });
    const which: Kind = kind === 'conf' ? 'conf' : 'neigh';
    if (name === 'default') this.#spread(which, key, value);
    for (const device of this.#devices()) if (device.name === name) device.switchesSet.add(which, key);
    if (kind === 'conf' && key === 'forwarding' && name === 'all') this.#setForwarding(value);
  }

  /** devinet_copy_dflt_conf(), neigh_copy_dflt_parms(): devices follow `default` where nobody set their own. */
  #spread(kind: Kind, key: string, value: number): void {
    this.#defaultsSet.add(kind, key);
    for (const device of this.#devices()) {
      if (!device.switchesSet.has(kind, key))
        Object.assign(kind === 'conf' ? device.ipv4Conf : device.neighConf, { [key]: value });
    }
  }

  /** net/ipv4/devinet.c:inet_forward_change(): the namespace's switch sets all of them. */
  #setForwarding(value: number): void {
    this.values['ipv4.ip_forward'] = value;
    this.all.forwarding = value;
    this.default.forwarding = value;
    for (const device of this.#devices()) {
      device.ipv4Conf.forwarding = value;
      device.switchesSet.add('conf', 'forwarding');
    }
  }

  #setRange(text: string): void {
    const [first, last] = text.trim().split(/\s+/).map(Number);
    if (first === undefined || last === undefined || !(first > 0 && first <= last && last < 65_536)) {
      throw new KernelError('EINVAL', `sysctl ${RANGE_PATH}=${text}`);
    }
    this.localPortRange = { first, last };
  }
}

/** IN_DEV_MAXCONF: the larger of the device's and `all`'s (rp_filter, arp_ignore, arp_announce). */
export const maxConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): number =>
  Math.max(all[key], dev[key]);
/** IN_DEV_ORCONF: set on the device or on `all` (proxy_arp, log_martians, accept_local, route_localnet…). */
export const orConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): boolean =>
  all[key] !== 0 || dev[key] !== 0;
/** IN_DEV_ANDCONF: set on both (src_valid_mark is ANDed with nothing; accept_redirects is). */
export const andConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): boolean =>
  all[key] !== 0 && dev[key] !== 0;

/**
 * What a fresh namespace has for all devices, in an order in which it can be set. A real machine hands its own values
 * on to new namespaces (devinet_init_net()), an emulated one these. `neigh.default` is there only in the namespace
 * that the machine booted with.
 */
export const freshSwitches = (): (readonly [path: string, value: string])[] => [
  ...(
    [
      ['conf.all', ipv4AllDefaults()],
      ['conf.default', ipv4DevConfDefaults()],
    ] as const
  ).flatMap(([where, record]) =>
    Object.entries(record).map(([key, value]) => [`net.ipv4.${where}.${key}`, String(value)] as const),
  ),
  // What TCP here takes for given, and newer kernels start otherwise.
  ['net.ipv4.tcp_rmem', '4096\t131072\t6291456'],
  ['net.ipv4.tcp_syn_linear_timeouts', '0'],
];
