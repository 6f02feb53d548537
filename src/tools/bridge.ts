/** `bridge fdb`, `bridge link` and `bridge vlan` as iproute2 6.1 prints them (bridge/fdb.c, link.c, vlan.c). */

import { Bridge, type BridgeVlan, type Device, type Netns, Vxlan } from '../kernel/index.js';
import { formatIpv4, formatMac, MAC_ZERO } from '../packet/index.js';
import { devicesOf, displayName, flagsOf, noteName } from './ip/device.js';
import { formatJson, type JsonValue, type OutputForm, printRows, Row } from './ip/row.js';
import { isResult, readSelector, type Selector } from './ip/selector.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

interface BridgeForm extends OutputForm {
  readonly details: boolean;
}

interface FdbLine {
  readonly mac: string;
  readonly dev: string;
  readonly vlan: number;
  readonly remote?: string;
  /** Undefined for an entry of the device's own table. */
  readonly master: string | undefined;
  /** `permanent`, `static`, or '' for a learned one. */
  readonly state: string;
}

/** Differs: the entries that every device has for multicast groups are left out. */
function* fdbLines(netns: Netns): Generator<FdbLine, void> {
  for (const dev of devicesOf(netns)) {
    if (dev instanceof Vxlan) {
      for (const { mac, remote, permanent } of dev.entries())
        yield {
          mac: formatMac(mac),
          dev: dev.name,
          vlan: 0,
          remote: formatIpv4(remote),
          master: undefined,
          state: permanent ? 'permanent' : '',
        };
    }
    if (!(dev instanceof Bridge)) continue;
    const own = { master: dev.name, vlan: 0, state: 'permanent' } as const;
    if (dev.mac !== MAC_ZERO) yield { ...own, mac: formatMac(dev.mac), dev: dev.name };
    for (const { dev: port } of dev.ports) yield { ...own, mac: formatMac(port.mac), dev: port.name };
    for (const { mac, vlan, port, permanent } of dev.entries())
      yield { mac: formatMac(mac), dev: port.dev.name, vlan, master: dev.name, state: permanent ? 'static' : '' };
  }
}

function fdbRow(line: FdbLine, hideDev: boolean): Row {
  const row = new Row().add('mac', line.mac, `${line.mac} `);
  if (!hideDev) row.add('ifname', line.dev, `dev ${line.dev} `);
  if (line.remote !== undefined) row.add('dst', line.remote, `dst ${line.remote} `);
  if (line.vlan !== 0) row.add('vlan', line.vlan, `vlan ${line.vlan} `);
  row.add('flags', line.master === undefined ? ['self'] : [], line.master === undefined ? 'self ' : '');
  if (line.master !== undefined) row.add('master', line.master, `master ${line.master} `);
  return row.add('state', line.state, line.state);
}

const FDB = { dev: 'value', brport: 'value', br: 'value', vlan: 'value', state: 'value' } as const;

/** `bridge fdb [show] [dev D | br B] [vlan N]`. */
function fdb(netns: Netns, words: readonly string[], form: BridgeForm): ToolResult {
  const selector = readSelector(words, FDB, 'brport');
  if (isResult(selector)) return selector;
  const { values } = selector;
  for (const word of ['dev', 'brport', 'br'] as const) {
    const name = values.get(word);
    if (name !== undefined && netns.devices.named(name) === undefined)
      return failure(255, `Cannot find ${word === 'br' ? 'bridge ' : ''}device "${name}"`);
  }
  const dev = values.get('dev') ?? values.get('brport');
  const [br, vlan] = [values.get('br'), values.get('vlan')];
  const lines = [...fdbLines(netns)].filter(
    (line) =>
      (dev === undefined || line.dev === dev) &&
      (br === undefined || line.master === br) &&
      (vlan === undefined || line.vlan === Number(vlan)),
  );
  return ok(
    printRows(
      lines.map((line) => fdbRow(line, dev !== undefined)),
      form,
    ),
  );
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
  row.add('master', port.bridge.name, `master ${port.bridge.name} `).add('state', 'forwarding', 'state forwarding ');
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
  j: 'json',
  json: 'json',
  p: 'pretty',
  pretty: 'pretty',
  o: 'oneLine',
  oneline: 'oneLine',
  d: 'details',
  details: 'details',
  c: 'nothing',
  color: 'nothing',
  s: 'nothing',
  statistics: 'nothing',
};

const OBJECTS = { link, fdb, vlan } as const;

export const bridge: Tool = ({ netns }, args) => {
  const form: Record<string, boolean> = {};
  let at = 0;
  for (; args[at]?.startsWith('-') === true; at++) {
    const word = (args[at] ?? '').replace(/^--?/, '');
    const option = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined;
    if (option === undefined) return failure(255, `Option "${args[at]}" is unknown, try "bridge help".`);
    form[option] = true;
  }
  const [word = '', verb = '', ...rest] = args.slice(at);
  const found = Object.entries(OBJECTS).find(([name]) => word !== '' && name.startsWith(word));
  if (found === undefined) return failure(255, `Object "${word}" is unknown, try "bridge help".`);
  if (['add', 'append', 'replace', 'del', 'delete', 'set', 'flush'].includes(verb))
    return failure(255, `bridge ${found[0]} ${verb}: only what shows is offered here.`);
  const isShow = verb === '' || ['show', 'list', 'lst'].some((one) => one.startsWith(verb));
  const words = isShow ? rest : [verb, ...rest];
  return found[1](netns, words, { json: false, pretty: false, oneLine: false, details: false, ...form });
};
