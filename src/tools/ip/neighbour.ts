/** `ip neigh` as iproute2 6.1 prints it (ip/ipneigh.c). */

import { type Neighbour, type Netns, NS_PER_S, parseAddressWord, parseNeighbourState } from '../../kernel/index.js';
import { compareIpv4, formatIpv4, formatMac, ipv4Network } from '../../packet/index.js';
import type { NeighbourState } from '../../trace/index.js';
import { failure, ok, type ToolResult } from '../tool.js';
import { type OutputForm, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, wrongArgument } from './selector.js';

const SELECTORS = {
  dev: 'value',
  master: 'value',
  nomaster: 'flag',
  unused: 'flag',
  nud: 'value',
  proxy: 'flag',
  to: 'value*',
} as const;

/** Entries that need no ARP say nothing, so they are left out unless they are asked for. */
const isShown = (state: NeighbourState): boolean => state !== 'noarp' && state !== 'none';

interface NeighbourForm extends OutputForm {
  /** `-s`. */
  readonly statistics: boolean;
  readonly brief: boolean;
}

const seconds = (netns: Netns, ns: number): number => Math.floor((netns.emulation.clock.nowNs - ns) / NS_PER_S);

/** NUD_IN_TIMER. */
const isTimed = ({ state, timer }: Neighbour): boolean =>
  state === 'reachable' || state === 'delay' || state === 'probe' || (state === 'incomplete' && timer !== undefined);

function statistics(row: Row, netns: Netns, entry: Neighbour): void {
  const [used, confirmed, updated] = [entry.usedNs, entry.confirmedNs, entry.updatedNs].map((ns) => seconds(netns, ns));
  // A timer holds it.
  if (isTimed(entry)) row.add('refcnt', 1, ' ref 1');
  row.say(` used ${used}/${confirmed}/${updated}probes ${entry.probes} `);
  row
    .note('used', used ?? 0)
    .note('confirmed', confirmed ?? 0)
    .note('updated', updated ?? 0)
    .note('probes', entry.probes);
}

function neighbourRow(netns: Netns, entry: Neighbour, form: { hideDev: boolean; statistics: boolean }): Row {
  const row = new Row();
  const { state } = entry;
  row.add('dst', formatIpv4(entry.address), `${formatIpv4(entry.address)} `);
  if (!form.hideDev) row.add('dev', entry.dev.name, `dev ${entry.dev.name} `);
  if (entry.valid) row.add('lladdr', formatMac(entry.mac), `lladdr ${formatMac(entry.mac)} `);
  if (form.statistics) statistics(row, netns, entry);
  if (state !== 'none') row.add('state', [state.toUpperCase()], `${state.toUpperCase()} `);
  return row;
}

/** print_neigh_brief(). */
function briefRow({ address, dev, valid, mac }: Neighbour): Row {
  const row = new Row().add('dst', formatIpv4(address), `${formatIpv4(address).padEnd(39)} `);
  row.add('dev', dev.name, `${dev.name.padEnd(16)} `);
  return valid ? row.add('lladdr', formatMac(mac), formatMac(mac)) : row;
}

function proxyRow({ address, dev }: Pick<Neighbour, 'dev' | 'address'>, hideDev: boolean): Row {
  const row = new Row().add('dst', formatIpv4(address), `${formatIpv4(address)} `);
  if (!hideDev) row.add('dev', dev.name, `dev ${dev.name} `);
  return row.add('proxy', null, 'proxy ');
}

/** `ip neigh [show] [ADDRESS] [dev D] [nud STATE] [proxy]`. */
export function showNeighbours(netns: Netns, words: readonly string[], form: NeighbourForm): ToolResult {
  const selector = readSelector(words, SELECTORS, { word: 'to', again: 'instead' });
  if (isResult(selector)) return selector;
  const { values, flags } = selector;
  const dev = values.get('dev');
  if (dev !== undefined && netns.devices.named(dev) === undefined) return failure(255, `Cannot find device "${dev}"`);
  const wanted = words.filter((_, i) => words[i - 1] === 'nud');
  const bad = wanted.find((nud) => nud !== 'all' && parseNeighbourState(nud) === undefined);
  if (bad !== undefined) return wrongArgument(bad, 'nud state is bad');
  const master = values.get('master');
  if (master !== undefined && netns.devices.named(master) === undefined)
    return wrongArgument(master, 'Device does not exist\n');
  const to = values.get('to');
  const prefix = to === undefined ? undefined : parsePrefix(to);
  if (to !== undefined && prefix === undefined) return noPrefix(to);
  const chosen = (entry: Pick<Neighbour, 'dev' | 'address'>): boolean =>
    (dev === undefined || entry.dev.name === dev) &&
    (master === undefined || entry.dev.port?.bridge.name === master) &&
    (!flags.has('nomaster') || entry.dev.port === undefined) &&
    (prefix === undefined || ipv4Network(entry.address, prefix.length) === prefix.addr);
  const hideDev = dev !== undefined;
  if (flags.has('proxy')) {
    const rows = [...netns.neighbours.proxies()].filter(chosen).map((entry) => proxyRow(entry, hideDev));
    return ok(printRows(rows, form));
  }
  const shown = (state: NeighbourState): boolean =>
    wanted.length === 0 ? isShown(state) : wanted.some((nud) => nud === 'all' || parseNeighbourState(nud) === state);
  const entries = [...netns.neighbours.entries()]
    .filter((entry) => shown(entry.state) && chosen(entry))
    .sort((a, b) => a.dev.ifindex - b.dev.ifindex || compareIpv4(a.address, b.address));
  const rows = entries.map((entry) =>
    form.brief ? briefRow(entry) : neighbourRow(netns, entry, { hideDev, statistics: form.statistics }),
  );
  return ok(printRows(rows, form));
}

const GET = { dev: 'value', proxy: 'value', to: 'value*' } as const;

/** `ip neigh get { ADDRESS | proxy ADDRESS } dev D`. iproute2 6.1 forgets `-j` here. */
export function getNeighbour(netns: Netns, words: readonly string[], form: NeighbourForm): ToolResult {
  const selector = readSelector(words, GET, 'to');
  if (isResult(selector)) return selector;
  const { values } = selector;
  const [proxy, name] = [values.get('proxy'), values.get('dev')];
  const text = proxy ?? values.get('to');
  if (text === undefined || name === undefined) return failure(1, 'Device and address are required arguments.');
  const address = parseAddressWord(text);
  if (address === undefined) return noPrefix(text, 'any valid address');
  const dev = netns.devices.named(name);
  if (dev === undefined) return failure(1, `Cannot find device "${name}"`);
  const isMeant = (entry: Pick<Neighbour, 'dev' | 'address'>): boolean =>
    entry.dev === dev && entry.address === address;
  const plain = { ...form, json: false };
  const proxied = proxy === undefined ? undefined : [...netns.neighbours.proxies()].find(isMeant);
  const entry = proxy === undefined ? [...netns.neighbours.entries()].find(isMeant) : undefined;
  if (proxied !== undefined) return ok(printRows([proxyRow(proxied, false)], plain));
  if (entry === undefined)
    return failure(2, `Error: ${proxy === undefined ? 'Neighbour' : 'Proxy neighbour'} entry not found.`);
  return ok(printRows([neighbourRow(netns, entry, { hideDev: false, statistics: form.statistics })], plain));
}
