/** `bridge fdb`, `bridge link` and `bridge vlan` as iproute2 6.1 prints them (bridge/fdb.c, link.c, vlan.c). */

import { Bridge, type BridgeVlan, type Device, type Netns, NS_PER_S, Vxlan } from '../kernel/index.js';
import { formatIpv4, formatMac, MAC_ZERO, parseMac } from '../packet/index.js';
import { linkGroupsOf } from './groups.js';
import { devicesOf, displayName, flagsOf, noteName } from './ip/device.js';
import { formatJson, type JsonValue, type OutputForm, printRows, Row } from './ip/row.js';
import { isResult, readSelector, type Selector, wrongArgument } from './ip/selector.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

interface BridgeForm extends OutputForm {
  readonly details: boolean;
  readonly statistics: boolean;
}

interface FdbLine {
  readonly mac: string;
  readonly dev: string;
  readonly vlan: number;
  readonly remote?: string;
  /** Undefined for an entry of the device's own table. */
  readonly master: string | undefined;
  /** `permanent`, `static`, or '' for a learned one. */
  readonly state: '' | 'permanent' | 'static';
  /** Where the table keeps times. */
  readonly usedNs?: number;
}

/** net/core/rtnetlink.c:ndo_dflt_fdb_dump(); a VXLAN device has a dump of its own. */
const groupsOf = (dev: Device): readonly string[] => (dev instanceof Vxlan ? [] : linkGroupsOf(dev));

function* vxlanLines(dev: Vxlan): Generator<FdbLine, void> {
  for (const { mac, remote, permanent, usedNs } of dev.entries())
    yield {
      mac: formatMac(mac),
      dev: dev.name,
      vlan: 0,
      remote: formatIpv4(remote),
      master: undefined,
      state: permanent ? 'permanent' : '',
      usedNs,
    };
}

/** Differs: the kernel does not keep when a bridge's own addresses were set; from the start of time here. */
function* bridgeLines(bridge: Bridge): Generator<FdbLine, void> {
  const own = { master: bridge.name, vlan: 0, state: 'permanent', usedNs: 0 } as const;
  if (bridge.mac !== MAC_ZERO) yield { ...own, mac: formatMac(bridge.mac), dev: bridge.name };
  for (const { dev: port } of bridge.ports) yield { ...own, mac: formatMac(port.mac), dev: port.name };
  for (const { mac, vlan, port, permanent, usedNs } of bridge.entries())
    yield {
      mac: formatMac(mac),
      dev: port.dev.name,
      vlan,
      master: bridge.name,
      state: permanent ? 'static' : '',
      usedNs,
    };
}

function* fdbLines(netns: Netns): Generator<FdbLine, void> {
  for (const dev of devicesOf(netns)) {
    for (const mac of groupsOf(dev)) yield { mac, dev: dev.name, vlan: 0, master: undefined, state: 'permanent' };
    if (dev instanceof Vxlan) yield* vxlanLines(dev);
    if (dev instanceof Bridge) yield* bridgeLines(dev);
  }
}

function fdbRow(netns: Netns, line: FdbLine, form: { hideDev: boolean; statistics: boolean }): Row {
  const row = new Row().add('mac', line.mac, `${line.mac} `);
  if (!form.hideDev) row.add('ifname', line.dev, `dev ${line.dev} `);
  if (line.remote !== undefined) row.add('dst', line.remote, `dst ${line.remote} `);
  if (line.vlan !== 0) row.add('vlan', line.vlan, `vlan ${line.vlan} `);
  if (form.statistics && line.usedNs !== undefined) {
    const seconds = Math.floor((netns.emulation.clock.nowNs - line.usedNs) / NS_PER_S);
    row.say(`used ${seconds}/${seconds} `).note('used', seconds).note('updated', seconds);
  }
  row.add('flags', line.master === undefined ? ['self'] : [], line.master === undefined ? 'self ' : '');
  if (line.master !== undefined) row.add('master', line.master, `master ${line.master} `);
  return row.add('state', line.state, line.state);
}

/** In fdb_show()'s order. */
const FDB = {
  brport: 'value',
  br: 'value',
  dev: 'value',
  vlan: 'value',
  state: 'value',
  dynamic: 'flag',
} as const;

type HasState = (line: FdbLine) => boolean;
const learned: HasState = ({ state }) => state === '';
/** NUD_NOARP: entries of a VXLAN device have it beside NUD_PERMANENT. */
const withoutArp: HasState = ({ state, remote }) => state === 'static' || (state !== '' && remote !== undefined);

/** What `state` may ask for (bridge/fdb.c:state_a2n()). */
const STATES: Readonly<Record<string, HasState>> = {
  permanent: ({ state }) => state === 'permanent',
  static: withoutArp,
  temp: withoutArp,
  dynamic: learned,
  reachable: learned,
  stale: () => false,
  all: () => true,
};

/** The bridge itself, and what is plugged into it. */
const isOf = (netns: Netns, { dev, master }: FdbLine, bridge: string): boolean =>
  master === bridge || dev === bridge || netns.devices.named(dev)?.port?.bridge.name === bridge;

/** `bridge fdb [show] [[br]dev D | br B] [vlan N] [state S] [dynamic]`: other words are a device that nobody looks at. */
function fdb(netns: Netns, words: readonly string[], form: BridgeForm): ToolResult {
  const selector = readSelector(words, FDB, { word: 'nobody', again: 'instead' });
  if (isResult(selector)) return selector;
  const { values, flags } = selector;
  for (const word of ['dev', 'brport', 'br'] as const) {
    const name = values.get(word);
    if (name !== undefined && netns.devices.named(name) === undefined)
      return failure(255, `Cannot find ${word === 'br' ? 'bridge ' : ''}device "${name}"`);
  }
  const state = values.get('state');
  const hasState = STATES[state ?? 'all'];
  if (state !== undefined && hasState === undefined) return wrongArgument(state, 'invalid state');
  const dev = values.get('dev') ?? values.get('brport');
  const [br, vlan] = [values.get('br'), values.get('vlan')];
  const lines = [...fdbLines(netns)].filter(
    (line) =>
      (dev === undefined || line.dev === dev) &&
      (br === undefined || isOf(netns, line, br)) &&
      (vlan === undefined || line.vlan === Number(vlan)) &&
      (hasState === undefined || hasState(line)) &&
      (!flags.has('dynamic') || line.state !== 'permanent'),
  );
  const style = { hideDev: dev !== undefined, statistics: form.statistics };
  return ok(
    printRows(
      lines.map((line) => fdbRow(netns, line, style)),
      form,
    ),
  );
}

const FDB_GET = {
  brport: 'value',
  br: 'value',
  dev: 'value',
  vlan: 'value',
  to: 'value*',
  self: 'flag*',
  master: 'flag*',
  dynamic: 'flag*',
} as const;

/** What the kernel answers to RTM_GETNEIGH (net/core/rtnetlink.c:rtnl_fdb_get()). */
const kernelSays = (why: string): ToolResult => failure(254, `Error: ${why}.`);

/** `bridge fdb get MAC { dev D [master | self] | br B } [vlan N]`. */
function fdbGet(netns: Netns, words: readonly string[], form: BridgeForm): ToolResult {
  const selector = readSelector(words, FDB_GET, 'to');
  if (isResult(selector)) return selector;
  const { values, flags } = selector;
  const [mac, name, br] = [values.get('to'), values.get('dev') ?? values.get('brport'), values.get('br')];
  if (mac === undefined || (name === undefined && br === undefined))
    return failure(255, 'Device or master and address are required arguments.');
  if (parseMac(mac) === undefined) return failure(255, `Invalid mac address ${mac}`);
  const dev = name === undefined ? undefined : netns.devices.named(name);
  if (name !== undefined && dev === undefined) return failure(255, `Cannot find device "${name}"`);
  const bridge = br === undefined ? undefined : netns.devices.named(br);
  if (br !== undefined && bridge === undefined) return failure(255, `Cannot find bridge device "${br}"`);
  if (dev !== undefined && bridge !== undefined) return kernelSays('Master and device are mutually exclusive');
  const own = flags.has('self');
  if (own && !(dev instanceof Vxlan || dev instanceof Bridge))
    return kernelSays('Fdb get operation not supported by device');
  if (!own && dev !== undefined && dev.port === undefined) return kernelSays('Device is not a bridge port');
  const table = own ? dev : (bridge ?? dev?.port?.bridge);
  const lines = table instanceof Vxlan ? vxlanLines(table) : table instanceof Bridge ? bridgeLines(table) : [];
  const vlan = Number(values.get('vlan') ?? 0);
  const found = [...lines].find((line) => line.mac === mac.toLowerCase() && line.vlan === vlan);
  if (found === undefined) return kernelSays('Fdb entry not found');
  return ok(printRows([fdbRow(netns, found, { hideDev: false, statistics: form.statistics })], form));
}

function chosenPorts(netns: Netns, { values }: Selector): readonly Device[] | ToolResult {
  const dev = values.get('dev');
  if (dev !== undefined && netns.devices.named(dev) === undefined) return failure(1, `Cannot find device "${dev}"`);
  return devicesOf(netns).filter((one) => one.port !== undefined && (dev === undefined || one.name === dev));
}

const PORT_FLAGS = ['guard', 'root_block', 'fastleave'] as const;

function linkRow(dev: Device, { details }: BridgeForm): Row {
  const { port } = dev;
  const row = new Row().note('ifindex', dev.ifindex);
  noteName(row, dev);
  row.say(`${dev.ifindex}: ${displayName(dev)}: `).add('flags', flagsOf(dev), `<${flagsOf(dev).join(',')}> `);
  row.add('mtu', dev.mtu, `mtu ${dev.mtu} `);
  if (port === undefined) return row;
  const state = port.bridge.up && dev.up && dev.carrier ? 'forwarding' : 'disabled';
  row.add('master', port.bridge.name, `master ${port.bridge.name} `).add('state', state, `state ${state} `);
  row.add('priority', 32, 'priority 32 ').add('cost', 2, 'cost 2 ');
  if (!details) return row;
  const { hairpin, learning, flood, isolated } = port.state;
  const flag = (key: string, value: boolean): Row => row.add(key, value, `${key} ${value ? 'on' : 'off'} `);
  row.say('\n    ');
  flag('hairpin', hairpin);
  for (const key of PORT_FLAGS) flag(key, false);
  flag('learning', learning);
  flag('flood', flood);
  flag('mcast_flood', true);
  flag('bcast_flood', true);
  row.add('mcast_router', 1, 'mcast_router 1 ');
  for (const key of ['mcast_to_unicast', 'neigh_suppress', 'vlan_tunnel'] as const) flag(key, false);
  flag('isolated', isolated);
  return flag('locked', false);
}

/** `bridge link [show] [dev D]`. */
function link(netns: Netns, words: readonly string[], form: BridgeForm): ToolResult {
  const selector = readSelector(words, { dev: 'value' }, 'dev');
  if (isResult(selector)) return selector;
  const ports = chosenPorts(netns, selector);
  if (isResult(ports)) return ports;
  return ok(
    printRows(
      ports.map((dev) => linkRow(dev, form)),
      form,
    ),
  );
}

const vlanText = ({ vlan, pvid, untagged }: BridgeVlan): string =>
  ` ${vlan}${pvid ? ' PVID' : ''}${untagged ? ' Egress Untagged' : ''}`;

const vlanJson = ({ vlan, pvid, untagged }: BridgeVlan): JsonValue => {
  const flags = [...(pvid ? ['PVID'] : []), ...(untagged ? ['Egress Untagged'] : [])];
  return { vlan, ...(flags.length === 0 ? {} : { flags }) };
};

/** `bridge vlan [show] [dev D]`. */
function vlan(netns: Netns, words: readonly string[], form: BridgeForm): ToolResult {
  const selector = readSelector(words, { dev: 'value' }, 'dev');
  if (isResult(selector)) return selector;
  const dev = selector.values.get('dev');
  if (dev !== undefined && netns.devices.named(dev) === undefined) return failure(255, `Cannot find device "${dev}"`);
  const entries = devicesOf(netns)
    .filter((one) => dev === undefined || one.name === dev)
    .map((one) => ({ name: one.name, vlans: (one instanceof Bridge ? one.vlans : one.port?.vlans)?.list() ?? [] }))
    .filter(({ vlans }) => vlans.length > 0);
  if (form.json)
    return ok(
      `${formatJson(
        entries.map(({ name, vlans }) => ({ ifname: name, vlans: vlans.map(vlanJson) })),
        form.pretty,
      )}\n`,
    );
  const rows = entries.flatMap(({ name, vlans }) =>
    vlans.map((one, i) => `${(i === 0 ? name : '').padEnd(17)}${vlanText(one)} \n`),
  );
  return ok(`port              vlan-id  \n${rows.join('')}`);
}

const FLAGS: Readonly<Record<string, keyof BridgeForm | 'nothing'>> = {
  statistics: 'statistics',
  stats: 'statistics',
  details: 'details',
  oneline: 'oneLine',
  timestamp: 'nothing',
  force: 'nothing',
  color: 'nothing',
  compressvlans: 'nothing',
  json: 'json',
  pretty: 'pretty',
};

const USAGE = `Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }
       bridge [ -force ] -batch filename
where  OBJECT := { link | fdb | mdb | vlan | monitor }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] |
                    -o[neline] | -t[imestamp] | -n[etns] name |
                    -c[ompressvlans] -color -p[retty] -j[son] }`;

type Show = (netns: Netns, words: readonly string[], form: BridgeForm) => ToolResult;

/** The commands of an object; the first is meant where none is given. */
const OBJECTS: Readonly<Record<string, Readonly<Record<string, Show | 'changes'>>>> = {
  link: { show: link, list: link, lst: link, set: 'changes', change: 'changes' },
  fdb: {
    show: fdb,
    list: fdb,
    lst: fdb,
    add: 'changes',
    append: 'changes',
    delete: 'changes',
    get: fdbGet,
    replace: 'changes',
    flush: 'changes',
  },
  vlan: { show: vlan, list: vlan, lst: vlan, add: 'changes', delete: 'changes', set: 'changes' },
};

const beginning = <T>(table: Readonly<Record<string, T>>, word: string): readonly [string, T] | undefined =>
  word === '' ? undefined : Object.entries(table).find(([name]) => name.startsWith(word));

export const bridge: Tool = ({ netns }, args) => {
  const form: Record<string, boolean> = {};
  let place = netns;
  let at = 0;
  for (; args[at]?.startsWith('-') === true; at++) {
    const word = (args[at] ?? '').replace(/^--?/, '');
    if (word !== '' && 'help'.startsWith(word)) return failure(255, USAGE);
    if (word !== '' && 'Version'.startsWith(word)) return ok('bridge utility, 6.1.0\n');
    if (word !== '' && 'netns'.startsWith(word)) {
      at += 1;
      const named = netns.host.namedNetns(args[at] ?? '');
      if (named === undefined)
        return failure(255, `Cannot open network namespace "${args[at] ?? ''}": No such file or directory`);
      place = named;
      continue;
    }
    const option = beginning(FLAGS, word)?.[1];
    if (option === undefined) return failure(255, `Option "${args[at]}" is unknown, try "bridge help".`);
    form[option] = true;
  }
  const [word = '', ...words] = args.slice(at);
  if (word === '' || 'help'.startsWith(word)) return failure(255, USAGE);
  const object = beginning(OBJECTS, word);
  if (object === undefined) return failure(255, `Object "${word}" is unknown, try "bridge help".`);
  const [name, verbs] = object;
  const verb = beginning(verbs, words[0] ?? 'show');
  if (verb === undefined) return failure(255, `Command "${words[0] ?? ''}" is unknown, try "bridge ${name} help".`);
  if (verb[1] === 'changes') return failure(255, `bridge ${name} ${verb[0]}: only what shows is offered here.`);
  const plain = { json: false, pretty: false, oneLine: false, details: false, statistics: false };
  return verb[1](place, words.slice(1), { ...plain, ...form });
};
