/**
 * Two machines that run CNI plugins: this one, in network namespaces of its own, and an emulated one. Both take
 * the same calls and the same changes by hand, and describe themselves in the same words.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CniEnvironment,
  type CniJson,
  type CniObject,
  execPlugin,
  isCniObject,
  pluginMachine,
  REFERENCE_PLUGINS,
} from '../../../src/cni/index.js';
import {
  Bridge,
  type Device,
  Emulation,
  type FibRoute,
  formatRoute,
  Host,
  type Netns,
  RT_TABLE,
} from '../../../src/kernel/index.js';
import { formatIpv4, formatMac } from '../../../src/packet/index.js';

const REAL_PLUGINS = '/usr/lib/cni';
const IPTABLES = '/usr/sbin/iptables';
/** The plugins that the emulated ones are written after. */
const REAL_VERSION = '1.1.1';

/** Where a change by hand is made. */
export type Side = 'host' | 'pod';

export interface Call {
  readonly plugin: string;
  readonly env: Omit<CniEnvironment, 'CNI_NETNS' | 'CNI_PATH'>;
  /** Which namespace CNI_NETNS names; `missing` is one that is not there. */
  readonly netns: Side | 'missing';
  readonly stdin: string;
}

export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
}

/** What somebody may do to a machine between two calls: as `ip`, `iptables` and `sysctl` say it. */
export interface Change {
  readonly side: Side;
  readonly real: string;
  readonly emulated: (netns: Netns, host: Host) => void;
}

export interface Machine {
  /** Where the files of IPAM are to be; the same text on both machines. */
  readonly dataDir: string;
  call(call: Call): Answer;
  change(change: Change): void;
  /** Links, addresses and routes of both sides, rules of the nat table, switches, and the files of IPAM. */
  describe(): string;
  close(): void;
}

const DEVICE_SWITCHES = ['arp_notify', 'route_localnet', 'rp_filter', 'forwarding'] as const;

const SEPARATOR = '\n====\n';
/** All that is compared, in one go: processes are what these tests spend their time on. */
const DESCRIBE = [
  'ip -d -j addr',
  'ip route show table main',
  'ip route show table local',
  `grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/{${DEVICE_SWITCHES.join(',')}}`,
  'iptables-save -t nat',
].join(`\nprintf '\\n====\\n'\n`);

/** Why the real plugins cannot be asked, or undefined. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces';
  if (!existsSync(join(REAL_PLUGINS, 'bridge'))) return `no CNI plugins in ${REAL_PLUGINS}`;
  const about = spawnSync(join(REAL_PLUGINS, 'bridge'), { encoding: 'utf8', env: {} }).stderr;
  if (!/CNI bridge plugin/.test(about)) return `${REAL_PLUGINS}/bridge is not the reference plugin`;
  const probe = spawnSync('unshare', ['-n', 'iptables-save', '--version'], { encoding: 'utf8' });
  if (probe.status !== 0) return 'iptables does not work in a network namespace';
  return undefined;
}

/** Options for a tap test: skipped with the reason where the real plugins are missing. */
export function needsRealPlugins(): { readonly skip?: string } {
  const why = whyNot();
  return why === undefined ? {} : { skip: `${why}; compared with plugins ${REAL_VERSION}` };
}

interface IpLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly txqlen?: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_slave_data?: { readonly hairpin?: boolean } };
  readonly addr_info?: readonly IpAddress[];
}

interface IpAddress {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly broadcast?: string;
  readonly scope: string;
}

/** The address of a bridge follows its ports, and is nobody's where it has none. */
const hasNoPort = ({ ifname, linkinfo }: IpLink, links: readonly IpLink[]): boolean =>
  linkinfo?.info_kind === 'bridge' && !links.some(({ master }) => master === ifname);

const linkLine = (link: {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly txqlen: number;
  readonly up: boolean;
  readonly master: string | undefined;
  readonly hairpin: boolean;
}): string =>
  [
    `link ${link.name}`,
    `mac ${link.mac} mtu ${link.mtu} txqlen ${link.txqlen}`,
    link.up ? 'up' : 'down',
    ...(link.master === undefined ? [] : [`master ${link.master}`, `hairpin ${link.hairpin ? 'on' : 'off'}`]),
  ].join(' ');

const addressLine = (dev: string, one: { text: string; broadcast: string | undefined; scope: string }): string =>
  `address ${dev} ${one.text}${one.broadcast === undefined ? '' : ` brd ${one.broadcast}`} scope ${one.scope}`;

const switchLine = (name: string, dev: string, value: string | undefined): string =>
  `switch ${dev} ${name} ${value ?? ''}`;

/** This machine. */
export class RealMachine implements Machine {
  readonly dataDir: string;
  /** A PATH with iptables and without ip6tables. */
  readonly #bin: string;
  readonly #names: Readonly<Record<Side, string>>;

  constructor(label: string) {
    const own = `pw-cni-${label}-${process.pid}`;
    this.#names = { host: `${own}-h`, pod: `${own}-p` };
    this.dataDir = mkdtempSync(`/run/pw-cni-${label}-`);
    this.#bin = mkdtempSync(`/run/pw-cni-${label}-bin-`);
    symlinkSync(IPTABLES, join(this.#bin, 'iptables'));
    for (const name of Object.values(this.#names)) {
      run('ip', ['netns', 'add', name]);
      // The emulated machine has no IPv6.
      run('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
  }

  call({ plugin, env, netns, stdin }: Call): Answer {
    const variables = { ...env, CNI_NETNS: `/run/netns/${this.netnsName(netns)}`, CNI_PATH: REAL_PLUGINS };
    const binary = join(REAL_PLUGINS, plugin);
    const exec = spawnSync('ip', ['netns', 'exec', this.#names.host, 'env', `PATH=${this.#bin}`, binary], {
      encoding: 'utf8',
      input: stdin,
      env: { PATH: process.env['PATH'] ?? '', ...variables },
    });
    return { exitCode: exec.status ?? -1, stdout: exec.stdout.replaceAll(join(this.#bin, 'iptables'), IPTABLES) };
  }

  netnsName(netns: Side | 'missing'): string {
    return netns === 'missing' ? 'pw-cni-missing' : this.#names[netns];
  }

  change({ side, real }: Change): void {
    run('ip', ['netns', 'exec', this.#names[side], 'bash', '-ec', real]);
  }

  describe(): string {
    return [
      ...(['host', 'pod'] as const).flatMap((side) => this.#describeSide(side)),
      ...readdirSync(this.dataDir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => fileLine(join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')))
        .toSorted(),
    ].join('\n');
  }

  #describeSide(side: Side): string[] {
    const said = run('ip', ['netns', 'exec', this.#names[side], 'bash', '-ec', DESCRIBE]);
    const [addr = '', main = '', local = '', switches = '', nat = ''] = said.split(SEPARATOR);
    const links = JSON.parse(addr) as readonly IpLink[];
    const values = new Map(switches.split('\n').map((line) => [line.split(':')[0], line.split(':')[1]] as const));
    const value = (path: string): string | undefined => values.get(`/proc/sys/net/ipv4/${path}`);
    return [
      `${side}:`,
      ...links.map((link) =>
        linkLine({
          name: link.ifname,
          mac: hasNoPort(link, links) ? 'of no port' : link.address,
          mtu: link.mtu,
          txqlen: link.txqlen ?? 0,
          up: link.flags.includes('UP'),
          master: link.master,
          hairpin: link.linkinfo?.info_slave_data?.hairpin === true,
        }),
      ),
      ...links.flatMap(({ ifname, addr_info: addresses = [] }) =>
        addresses
          .filter(({ family }) => family === 'inet')
          .map(({ local: text, prefixlen, broadcast, scope }) =>
            addressLine(ifname, { text: `${text}/${prefixlen}`, broadcast, scope }),
          ),
      ),
      ...[main, local].flatMap((table) => routeLines(table.split('\n'))),
      switchLine('ip_forward', '-', value('ip_forward')),
      ...links.flatMap(({ ifname }) =>
        DEVICE_SWITCHES.map((key) => switchLine(key, ifname, value(`conf/${ifname}/${key}`))),
      ),
      ...natLines(nat),
    ];
  }

  close(): void {
    for (const name of Object.values(this.#names)) run('ip', ['netns', 'del', name]);
    for (const folder of [this.dataDir, this.#bin]) rmSync(folder, { recursive: true });
  }
}

function run(command: string, args: readonly string[]): string {
  const ran = spawnSync(command, args, { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${ran.stderr}${ran.error?.message ?? ''}`);
  return ran.stdout;
}

/** A machine out of this project, that calls its namespaces as the real one does. */
export class EmulatedMachine implements Machine {
  readonly dataDir: string;
  readonly host = new Host(new Emulation(), 'host');
  readonly #real: RealMachine;
  readonly #netns: Readonly<Record<Side, Netns>>;

  constructor(real: RealMachine) {
    this.#real = real;
    this.dataDir = real.dataDir;
    this.#netns = { host: this.host.netns, pod: this.host.addNetns(real.netnsName('pod')) };
    for (const netns of Object.values(this.#netns)) netns.links.set(netns.links.require('lo'), { up: true });
  }

  call({ plugin, env, netns, stdin }: Call): Answer {
    const binary = REFERENCE_PLUGINS.get(plugin);
    if (binary === undefined) throw new Error(`no plugin ${plugin}`);
    const variables = { ...env, CNI_NETNS: `/run/netns/${this.#real.netnsName(netns)}`, CNI_PATH: REAL_PLUGINS };
    const exit = execPlugin(binary, { env: variables, stdin }, pluginMachine(this.host, REFERENCE_PLUGINS));
    this.host.emulation.drain();
    return { exitCode: exit.exitCode, stdout: exit.stdout };
  }

  change({ side, emulated }: Change): void {
    emulated(this.#netns[side], this.host);
  }

  describe(): string {
    return [
      ...(['host', 'pod'] as const).flatMap((side) => [`${side}:`, ...describeNetns(this.#netns[side])]),
      ...[...this.host.files]
        .filter(([path]) => path.startsWith(this.dataDir))
        .map(([path, content]) => fileLine(path, content))
        .toSorted(),
    ].join('\n');
  }

  close(): void {
    this.host.files.clear();
  }
}

function describeNetns(netns: Netns): string[] {
  const devices = [...netns.devices];
  const routes = (table: number): FibRoute[] => [...netns.fib.routes(table)].filter((route) => route.table === table);
  return [
    ...devices.map(linkOf),
    ...devices.flatMap(({ name, addresses }) =>
      addresses.map(({ address, prefixLength, broadcast, scope }) =>
        addressLine(name, {
          text: `${formatIpv4(address)}/${prefixLength}`,
          broadcast: broadcast === undefined ? undefined : formatIpv4(broadcast),
          scope,
        }),
      ),
    ),
    ...[RT_TABLE.main, RT_TABLE.local].flatMap((table) => routeLines(routes(table).map((one) => formatRoute(one)))),
    switchLine('ip_forward', '-', netns.sysctl.get('net.ipv4.ip_forward')),
    ...devices.flatMap(({ name }) =>
      DEVICE_SWITCHES.map((key) => switchLine(key, name, netns.sysctl.get(`net.ipv4.conf.${name}.${key}`))),
    ),
    ...natLines(netns.netfilter.iptables.save({ table: 'nat' })),
  ];
}

const linkOf = (dev: Device): string =>
  linkLine({
    name: dev.name,
    mac: dev instanceof Bridge && dev.ports.length === 0 ? 'of no port' : formatMac(dev.mac),
    mtu: dev.mtu,
    txqlen: dev.txqlen,
    up: dev.up,
    master: dev.port?.bridge.name,
    hairpin: dev.port?.state.hairpin === true,
  });

/** The order among equals is the kernel's own affair, and linkdown comes when linkwatch gets to it. */
const routeLines = (lines: readonly string[]): string[] =>
  lines
    .map((line) => line.replace(/ linkdown\b/, '').trim())
    .filter((line) => line !== '')
    .map((line) => `route ${line}`)
    .toSorted();

/** Without counters and comments; a table with nothing in it is as good as none. */
const natLines = (text: string): string[] => {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const said = lines.filter((line) => line.startsWith('-A') || line.startsWith(':CNI'));
  return said.map((line) => line.replace(/ \[\d+:\d+\]$/, ''));
};

const fileLine = (path: string, content: string): string => `file ${path} ${JSON.stringify(content)}`;

/** Addresses that the cases give, and none. */
const GIVEN_MAC = /^(?:00:00:00:00:00|02:11:22:33:44|02:00:00:00:00):/;

/** Addresses and names that are drawn at random, numbered as they come up. */
export class Numbering {
  readonly #seen = new Map<string, string>();

  apply(text: string): string {
    return text.replaceAll(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\bveth[0-9a-f]{8}\b/g, (found) => {
      if (GIVEN_MAC.test(found)) return found;
      const there = this.#seen.get(found);
      if (there !== undefined) return there;
      const name = `<${found.startsWith('veth') ? 'veth' : 'mac'} ${this.#seen.size}>`;
      this.#seen.set(found, name);
      return name;
    });
  }
}

export const parseObject = (text: string): CniObject => {
  const value = JSON.parse(text) as CniJson;
  if (!isCniObject(value)) throw new Error(`no object: ${text}`);
  return value;
};
