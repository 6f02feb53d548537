/** `ip addr` as iproute2 6.1 prints it. */

import { fnmatchExpression } from '../fnmatch.js';
import type { Device, InterfaceAddress, Netns } from '../../kernel/index.js';
import { formatIpv4, ipv4Network } from '../../packet/index.js';
import { ok, type ToolResult } from '../tool.js';
import {
  addHead,
  addLinkLayer,
  chosenDevices,
  DEVICE_SELECTORS,
  displayName,
  noteName,
  operstateOf,
} from './device.js';
import { addDetails, type LinkForm } from './link.js';
import { type Names, namesOf, parseScope } from './names.js';
import { type JsonValue, printRows, Row } from './row.js';
import { addStatistics } from './statistics.js';
import { isResult, noPrefix, parsePrefix, readSelector, refuse, type Selector, wrongArgument } from './selector.js';

const SELECTORS = { ...DEVICE_SELECTORS, scope: 'value', to: 'value', label: 'value' } as const;

/** get_filter(): which addresses have the flag; a dash before it means those that have it not. Others nobody has here. */
const ADDRESS_FLAGS: Readonly<Record<string, Chosen>> = {
  primary: ({ secondary }) => !secondary,
  secondary: ({ secondary }) => secondary,
  temporary: ({ secondary }) => secondary,
  permanent: () => true,
  dynamic: () => false,
  noprefixroute: ({ noPrefixRoute }) => noPrefixRoute,
  ...Object.fromEntries(
    ['nodad', 'optimistic', 'dadfailed', 'home', 'deprecated', 'tentative', 'mngtmpaddr', 'autojoin'].map((flag) => [
      flag,
      () => false,
    ]),
  ),
};

function flagFilter(word: string): Chosen | undefined {
  const name = word.replace(/^-/, '');
  const holds = Object.hasOwn(ADDRESS_FLAGS, name) ? ADDRESS_FLAGS[name] : undefined;
  return holds === undefined || name === word ? holds : (address) => !holds(address);
}

const FOREVER = 4_294_967_295;

interface AddressForm extends LinkForm {
  /** `inet`: nothing of the link layer, and no device without an address; `link`: nothing else. */
  readonly family: string;
}

type Chosen = (address: InterfaceAddress) => boolean;

interface Choice {
  readonly chosen: Chosen;
  /** With a label asked for, devices are not named. */
  readonly byLabel: boolean;
}

/** @throws Refused */
function choiceOf({ values }: Selector, flags: readonly Chosen[]): Choice {
  const [scopeText, to, label] = [values.get('scope'), values.get('to'), values.get('label')];
  const scope = scopeText === undefined || scopeText === 'all' ? undefined : parseScope(scopeText);
  if (scopeText !== undefined && scopeText !== 'all' && scope === undefined)
    refuse(wrongArgument(scopeText, 'invalid "scope"\n'));
  const prefix = to === undefined ? undefined : (parsePrefix(to) ?? refuse(noPrefix(to)));
  const labels = label === undefined ? undefined : fnmatchExpression(label);
  const chosen: Chosen = (address) =>
    (scope === undefined || address.scope === scope) &&
    (prefix === undefined || ipv4Network(address.address, prefix.length) === prefix.addr) &&
    (labels === undefined || labels.test(address.label)) &&
    flags.every((holds) => holds(address));
  return { chosen, byLabel: labels !== undefined };
}

/** print_addrinfo(). */
function addressRow(entry: InterfaceAddress, names: Names): Row {
  const { address, peer, prefixLength, broadcast, scope, label } = entry;
  const row = new Row().note('family', 'inet').say('    inet ');
  row.add('local', formatIpv4(address), formatIpv4(address));
  if (peer !== address) row.add('address', formatIpv4(peer), ` peer ${formatIpv4(peer)}`);
  row.add('prefixlen', prefixLength, `/${prefixLength} `);
  if (broadcast !== undefined) row.add('broadcast', formatIpv4(broadcast), `brd ${formatIpv4(broadcast)} `);
  row.add('scope', names.scope(scope), `scope ${names.scope(scope)} `);
  if (entry.secondary) row.add('secondary', true, 'secondary ');
  if (entry.noPrefixRoute) row.add('noprefixroute', true, 'noprefixroute ');
  row.add('label', label, label).say('\n       valid_lft forever preferred_lft forever');
  return row.note('valid_life_time', FOREVER).note('preferred_life_time', FOREVER);
}

interface Shown {
  readonly dev: Device;
  /** All that it has, and whether each is to be shown: to `-j` the others are empty records. */
  readonly addresses: readonly (readonly [address: InterfaceAddress, shown: boolean])[];
  readonly byLabel: boolean;
}

const EMPTY: JsonValue = {};

function briefRow({ dev, addresses, byLabel }: Shown): Row {
  const row = new Row();
  if (!byLabel) {
    noteName(row, dev);
    row.say(`${displayName(dev).padEnd(16)} `).add('operstate', operstateOf(dev), `${operstateOf(dev).padEnd(14)} `);
  }
  const infos = addresses.map(([{ address, peer, prefixLength }, shown]): JsonValue => {
    if (!shown) return EMPTY;
    const other = peer === address ? undefined : formatIpv4(peer);
    row.say(`${formatIpv4(address)}${other === undefined ? '' : ` peer ${other}`}/${prefixLength} `);
    return {
      local: formatIpv4(address),
      ...(other === undefined ? {} : { address: other }),
      prefixlen: prefixLength,
    };
  });
  return row.note('addr_info', infos);
}

/** `-j -o`: as in print_addrinfo() each address names its device, of which nothing else is said. */
function addressRecords({ dev, addresses }: Shown, names: Names): Row {
  const infos = addresses.map(
    ([address, shown]): JsonValue =>
      shown ? { index: dev.ifindex, dev: dev.name, ...addressRow(address, names).json } : EMPTY,
  );
  return new Row().note('addr_info', infos);
}

function deviceRow(one: Shown, form: AddressForm): Row {
  const { dev, byLabel } = one;
  if (form.brief) return briefRow(one);
  const row = new Row();
  const names = namesOf(form);
  if (form.oneLine && form.json && form.family !== 'link') return addressRecords(one, names);
  if (!byLabel) {
    addHead(row, dev, { object: 'addr', group: names.group });
    if (form.family !== 'inet') addLinkLayer(row, dev, form.numeric);
    if (form.details && form.family !== 'inet') addDetails(row, dev, 'addr');
  }
  const infos = one.addresses.map(([address, shown]) => (shown ? addressRow(address, names) : undefined));
  for (const info of infos) if (info !== undefined) row.say(`${row.text === '' ? '' : '\n'}${info.text}`);
  if (form.family !== 'link')
    row.note(
      'addr_info',
      infos.map((info) => info?.json ?? EMPTY),
    );
  if (form.statistics > 0 && !byLabel) addStatistics(row, dev, form);
  return row;
}

/** `-o`: a line an address. */
function addressLines({ dev, addresses }: Shown, form: AddressForm): Row[] {
  return addresses
    .filter(([, shown]) => shown)
    .map(([address]) => new Row().say(`${dev.ifindex}: ${dev.name}${addressRow(address, namesOf(form)).text}`));
}

/** ipaddr_filter(): a device without addresses is shown unless a family is asked for, one without a fitting one is not. */
function shownDevices(devices: readonly Device[], { chosen, byLabel }: Choice, family: string): Shown[] {
  return devices
    .map((dev) => ({
      dev,
      byLabel,
      addresses: family === 'link' ? [] : dev.addresses.map((address) => [address, chosen(address)] as const),
    }))
    .filter(({ dev, addresses }) =>
      family === 'link' || dev.addresses.length === 0 ? family !== 'inet' : addresses.some(([, shown]) => shown),
    );
}

/** `ip addr [show] …`. @throws Refused */
export function showAddresses(netns: Netns, words: readonly string[], form: AddressForm): ToolResult {
  const flags = words.map(flagFilter);
  const others = words.filter((_, i) => flags[i] === undefined);
  const selector = readSelector(others, SELECTORS, 'dev');
  if (isResult(selector)) return selector;
  const devices = chosenDevices(netns, selector);
  if (isResult(devices)) return devices;
  const choice = choiceOf(
    selector,
    flags.filter((flag) => flag !== undefined),
  );
  if (form.family === 'inet6') return ok(form.json ? '[]\n' : '');
  // A prefix is one of a family, which leaves out what has none of that family.
  const family = selector.values.has('to') ? 'inet' : form.family;
  const shown = shownDevices(devices, choice, family);
  const rows =
    form.oneLine && !form.json && !form.brief && family !== 'link'
      ? shown.flatMap((one) => addressLines(one, form))
      : shown.map((one) => deviceRow(one, { ...form, family }));
  const silent = choice.byLabel && !form.json && !form.brief;
  return ok(printRows(silent ? rows.filter(({ text }) => text !== '') : rows, form));
}
