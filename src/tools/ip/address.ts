/** `ip addr` as iproute2 6.1 prints it. */

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
import type { LinkForm } from './link.js';
import { type JsonValue, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, type Selector } from './selector.js';

const SELECTORS = { ...DEVICE_SELECTORS, scope: 'value', to: 'value', label: 'value' } as const;

const FOREVER = 4_294_967_295;

interface AddressForm extends LinkForm {
  /** `-4`: nothing of the link layer, and no device without an address. */
  readonly onlyIpv4: boolean;
}

type Chosen = (address: InterfaceAddress) => boolean;

function chosenAddresses({ values }: Selector): Chosen | ToolResult {
  const [scope, to, label] = [values.get('scope'), values.get('to'), values.get('label')];
  const prefix = to === undefined ? undefined : parsePrefix(to);
  if (to !== undefined && prefix === undefined) return noPrefix(to);
  return (address) =>
    (scope === undefined || scope === 'all' || address.scope === scope) &&
    (prefix === undefined || ipv4Network(address.address, prefix.length) === prefix.addr) &&
    (label === undefined || address.label === label);
}

/** print_addrinfo(). */
function addressRow(entry: InterfaceAddress): Row {
  const { address, peer, prefixLength, broadcast, scope, label } = entry;
  const row = new Row().note('family', 'inet').say('    inet ');
  row.add('local', formatIpv4(address), formatIpv4(address));
  if (peer !== address) row.add('address', formatIpv4(peer), ` peer ${formatIpv4(peer)}`);
  row.add('prefixlen', prefixLength, `/${prefixLength} `);
  if (broadcast !== undefined) row.add('broadcast', formatIpv4(broadcast), `brd ${formatIpv4(broadcast)} `);
  row.add('scope', scope, `scope ${scope} `);
  if (entry.secondary) row.add('secondary', true, 'secondary ');
  if (entry.noPrefixRoute) row.add('noprefixroute', true, 'noprefixroute ');
  row.add('label', label, label).say('\n       valid_lft forever preferred_lft forever');
  return row.note('valid_life_time', FOREVER).note('preferred_life_time', FOREVER);
}

function briefRow(dev: Device, addresses: readonly InterfaceAddress[]): Row {
  const row = new Row();
  noteName(row, dev);
  row.say(`${displayName(dev).padEnd(16)} `).add('operstate', operstateOf(dev), `${operstateOf(dev).padEnd(14)} `);
  const infos = addresses.map(({ address, peer, prefixLength }): JsonValue => {
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

function deviceRow(dev: Device, addresses: readonly InterfaceAddress[], form: AddressForm): Row {
  if (form.brief) return briefRow(dev, addresses);
  const row = new Row();
  addHead(row, dev, 'addr');
  if (!form.onlyIpv4) addLinkLayer(row, dev);
  const rows = addresses.map(addressRow);
  for (const { text } of rows) row.say(`\n${text}`);
  return row.note(
    'addr_info',
    rows.map(({ json }) => json),
  );
}

/** `-o`: a line an address. */
function addressLines(dev: Device, addresses: readonly InterfaceAddress[]): Row[] {
  return addresses.map((entry) => new Row().say(`${dev.ifindex}: ${dev.name}${addressRow(entry).text}`));
}

/** `ip addr [show] …`. */
export function showAddresses(netns: Netns, words: readonly string[], form: AddressForm): ToolResult {
  const selector = readSelector(words, SELECTORS, 'dev');
  if (isResult(selector)) return selector;
  const devices = chosenDevices(netns, selector);
  if (isResult(devices)) return devices;
  const chosen = chosenAddresses(selector);
  if (typeof chosen !== 'function') return chosen;
  // A prefix is one of a family, which leaves out what has none of that family.
  const onlyIpv4 = form.onlyIpv4 || selector.values.has('to');
  const shown = devices
    .map((dev) => ({ dev, addresses: dev.addresses.filter(chosen) }))
    .filter(({ dev, addresses }) => addresses.length > 0 || (!onlyIpv4 && dev.addresses.length === 0));
  if (form.oneLine && !form.json && !form.brief)
    return ok(
      printRows(
        shown.flatMap(({ dev, addresses }) => addressLines(dev, addresses)),
        form,
      ),
    );
  return ok(
    printRows(
      shown.map(({ dev, addresses }) => deviceRow(dev, addresses, { ...form, onlyIpv4 })),
      form,
    ),
  );
}
