/**
 * sysctl: the switches of a namespace, by the names under /proc/sys/net. What the packet path reads is a
 * number in a record of fixed shape; everything else that somebody sets is kept as text and printed back.
 */

import { KernelError } from './errors.js';
import { type SysctlEntry, sysctlEntry } from './sysctl-names.js';
import {
  type Ipv4DevConf,
  type Ipv4NeighConf,
  ipv4AllDefaults,
  ipv4DevConfDefaults,
  ipv4NeighConfDefaults,
  NETNS_DEFAULTS,
} from './sysctl-defaults.js';

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
/** Where devices have folders of their own. */
const DEVICES = ['net.ipv4.conf', 'net.ipv4.neigh', 'net.ipv6.conf', 'net.ipv6.neigh'];
const RANGE_PATH = 'net.ipv4.ip_local_port_range';

const byPath = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : a > b ? 1 : 0);

const isKeyOf = <T extends object>(record: T, key: string): key is string & keyof T => Object.hasOwn(record, key);

const initialValue = (key: string): number | undefined =>
  isKeyOf(NETNS_DEFAULTS, key) ? NETNS_DEFAULTS[key] : undefined;

/** The folder of a device, whose name may have dots, and a switch in it. */
const DEVICE_PATH = /^(net\.ipv[46]\.(?:conf|neigh))\.(.+)\.([^.]+)$/;

/** Its file under /proc/sys. */
export function sysctlFile(path: string): string {
  const [, folder, device, key] = DEVICE_PATH.exec(path) ?? [];
  const file = (text: string): string => text.replaceAll('.', '/');
  return folder === undefined ? file(path) : `${file(folder)}/${device}/${key}`;
}

/** proc_dointvec() prints several numbers with tabs between them. */
const printed = (text: string): string =>
  /^\s*-?\d+(?:\s+-?\d+)+\s*$/.test(text) ? text.trim().replaceAll(/\s+/g, '\t') : text;

const INT_MAX = 0x7fff_ffff;
/** proc_dointvec_minmax() and its like. */
const RANGES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  'net.ipv4.ip_default_ttl': [1, 255],
};

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
  /** Somebody is about to say what routes without a carrier are worth: called before it is written. */
  beforeLinkdownSwitch: () => void = () => undefined;
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
    if (path.endsWith('.ignore_routes_with_linkdown')) this.beforeLinkdownSwitch();
    const device = DEV_PATH.exec(path);
    if (device !== null) this.#setDevice(path, device, text);
    else if (path === RANGE_PATH) this.#setRange(text);
    else if (path === 'net.ipv4.ip_forward') this.#setForwarding(this.#number(path, text));
    else if (isKeyOf(this.values, path.slice(4)) && path.startsWith('net.')) {
      this.values[path.slice(4) as NetnsSysctl] = this.#number(path, text);
    } else this.#other.set(path, printed(text));
  }

  /** What stands there, or would if nobody has asked for it yet; undefined where the kernel has nothing of that name. */
  entry(path: string): SysctlEntry | undefined {
    return sysctlEntry(path, new Set(Array.from(this.#devices(), ({ name }) => name)));
  }

  /** A device comes into the namespace: it has what `default` has (inetdev_init(), neigh_parms_alloc()). */
  inherit(device: SysctlDevice): void {
    Object.assign(device.ipv4Conf, this.default);
    Object.assign(device.neighConf, this.neighDefault);
    device.switchesSet.copyFrom(this.#defaultsSet);
  }

  /** A device leaves the namespace: its switches go with it (addrconf_sysctl_unregister(), devinet_sysctl_unregister()). */
  forget({ name }: Pick<SysctlDevice, 'name'>): void {
    for (const path of this.#other.keys())
      if (DEVICES.some((folder) => path.startsWith(`${folder}.${name}.`))) this.#other.delete(path);
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
    differing('conf.all', this.all, {
      ...ipv4AllDefaults(),
      forwarding,
      accept_redirects: redirectsHeeded(forwarding),
    });
    differing('conf.default', this.default, { ...ipv4DevConfDefaults(), forwarding });
    differing('neigh.default', this.neighDefault, ipv4NeighConfDefaults());
    for (const { name, ipv4Conf, neighConf } of this.#devices()) {
      // Whether a device has followed `default` depends on what came first; and neigh.default is not everywhere.
      differing(`conf.${name}`, ipv4Conf, this.default, { ...ipv4DevConfDefaults(), forwarding });
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

  /** proc_dointvec(): the first of several, as far as it is an int; __do_proc_dointvec() leaves the others. */
  #number(path: string, text: string): number {
    const [written = ''] = text.trim().split(/\s+/);
    const value = /^-?\d+$/.test(written) ? Number(written) : Number.NaN;
    const [least, most] = RANGES[path] ?? [-INT_MAX - 1, INT_MAX];
    if (!(value >= least && value <= most)) throw new KernelError('EINVAL', `sysctl ${path}=${text}`);
    return value;
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

  /**
   * net/ipv4/devinet.c:devinet_sysctl_forward(), inet_forward_change(): the namespace's switch sets all of them, and a router
   * heeds no redirects until it is told to again. Nothing happens where it stands so already.
   */
  #setForwarding(value: number): void {
    if (this.values['ipv4.ip_forward'] === value) return;
    this.all.accept_redirects = redirectsHeeded(value);
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

/** What `all.accept_redirects` becomes when forwarding is switched. */
const redirectsHeeded = (forwarding: number): number => (forwarding === 0 ? 1 : 0);

/** IN_DEV_MAXCONF: the larger of the device's and `all`'s (rp_filter, arp_ignore, arp_announce). */
export const maxConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): number =>
  Math.max(all[key], dev[key]);
/** IN_DEV_ORCONF: set on the device or on `all` (proxy_arp, log_martians, accept_local, route_localnet…). */
export const orConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): boolean =>
  all[key] !== 0 || dev[key] !== 0;
/** IN_DEV_ANDCONF: set on both (src_valid_mark is ANDed with nothing; accept_redirects is). */
export const andConf = (all: Ipv4DevConf, dev: Ipv4DevConf, key: keyof Ipv4DevConf): boolean =>
  all[key] !== 0 && dev[key] !== 0;
