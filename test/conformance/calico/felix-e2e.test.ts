/** Whole nodes: what upstream's calculation and dataplane made of the same resources. */

import t, { type Test } from 'tap';
import { formatAddress, formatCidr } from '../../../src/calico/cidr.js';
import { computeFelix } from '../../../src/calico/felix/felix.js';
import { formatIpsets } from '../../../src/calico/felix/format.js';
import type { ChainText } from '../../../src/calico/felix/rules/iptables-text.js';
import type { FelixIpset, FelixRoute, FelixState } from '../../../src/calico/felix/state.js';
import { formatMac } from '../../../src/packet/index.js';
import { E2E_LEFT_OUT, e2eNodes } from './e2e-cases.js';
import { loadE2eCase } from './e2e-input.js';
import { type Json, listVectors, loadVector, NEEDS_VECTORS, readVector } from './vectors.js';

const TABLES = ['raw', 'mangle', 'nat', 'filter'] as const;

const rulesOf = (chain: string, rules: readonly { readonly text: string }[]): string[] =>
  rules.map(({ text }) => `-A ${chain} ${text}`);

const chainsOf = (chains: readonly ChainText[]): Record<string, string[]> =>
  Object.fromEntries(chains.map(({ name, rules }) => [name, rulesOf(name, rules)]));

function kernelRules({ tables }: FelixState): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const table of TABLES) {
    for (const { chain, inserts, appends } of tables[table].kernelChains) {
      if (inserts.length > 0) found[`${table} ${chain} (insert)`] = rulesOf(chain, inserts);
      if (appends.length > 0) found[`${table} ${chain} (append)`] = rulesOf(chain, appends);
    }
  }
  return found;
}

/** How the recording called the kinds of routes. */
const UPSTREAM_TYPE = {
  'local-workload': '',
  'vxlan-same-subnet': 'noencap',
  'vxlan-tunnel': 'vxlan',
  'ipip-same-subnet': 'noencap',
  'ipip-tunnel': 'onlink',
  'no-encap': 'noencap',
  'block-drop': 'blackhole',
} as const;

/** The device and the route; the recording leaves out what is default: protocol 3, metric 0. */
function printRoute(route: FelixRoute): string {
  const { destination, dev = '*NoOIF*', via, mtu, metric, protocol } = route;
  const details = {
    dst: formatCidr(destination),
    ...(via && { gw: formatAddress(via) }),
    ...(mtu !== undefined && { mtu }),
    ...(metric !== 0 && { priority: metric }),
    ...(protocol !== 3 && { protocol }),
    type: UPSTREAM_TYPE[route.class],
  };
  return `${dev} ${JSON.stringify(details)}`;
}

const expectedRoutes = (routes: Json): string[] =>
  routes
    .entries()
    .flatMap(([where, list]) => list.list().map((route) => `${where.split(' ')[1]} ${JSON.stringify(route.value)}`));

function vtepsOf({ vxlan }: FelixState): unknown[] {
  return (vxlan?.vteps ?? []).map((vtep) => ({
    hostIP: formatAddress(vtep.hostAddress),
    tunnelIP: formatAddress(vtep.tunnelAddress),
    tunnelMAC: formatMac(vtep.mac),
  }));
}

/** `net.ipv4.conf.cali….forwarding` of a device, as a file. */
const sysctlsOf = ({ sysctls }: FelixState): Record<string, string> =>
  Object.fromEntries(
    sysctls
      .filter(({ path }) => path.includes('cali'))
      .map(({ path, value }) => [`/proc/sys/${path.replaceAll('.', '/')}`, value]),
  );

/** Sets of policies were recorded as messages: a kind, and each address with its length. */
const MESSAGE_KIND = { 'hash:net': 'NET', 'hash:ip': 'IP', 'hash:ip,port': 'IP_AND_PORT' } as const;

function printSet({ id, type, members }: FelixIpset): object {
  const none = members.length === 0 ? null : members;
  if (!id.includes(':')) return { id, members: none, type };
  const texts = members.map((text) => (type === 'hash:net' && !text.includes('/') ? `${text}/32` : text));
  return { id, members: texts.length === 0 ? null : texts.toSorted(), protoType: MESSAGE_KIND[type] };
}

const sortedLines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();

function compareNode(t: Test, name: string, node: string): void {
  const { cluster, host } = loadE2eCase(name);
  const state = computeFelix(cluster, host(node));
  const expected = loadVector(`e2e/${name}/expected-${node}-iptables.json`);
  const family = expected.get('ipv4');
  for (const table of TABLES) {
    const { chains, unreferenced } = state.tables[table];
    t.same(chainsOf([...chains, ...unreferenced]), family.get('tables').get(table).value, `table ${table}`);
    const idle = unreferenced.map((chain) => chain.name);
    t.same(idle, family.get('unreferencedChains').get(table).value, `chains of ${table} that nothing jumps to`);
  }
  t.same(kernelRules(state), family.get('baseChainRules').value, "rules in the kernel's chains");
  const ipsets = Object.fromEntries(state.ipsets.map((set) => [set.name, printSet(set)]));
  t.same(ipsets, family.get('ipsets').value, 'IP sets');
  t.same(
    sortedLines(formatIpsets(state.ipsets)),
    sortedLines(readVector(`e2e/${name}/expected-${node}-ipset-save.txt`)),
    'ipset save',
  );
  t.same(state.routes.map(printRoute).toSorted(), expectedRoutes(family.get('routes')).toSorted(), 'routes');
  t.same(vtepsOf(state), family.get('vteps').value, 'VTEPs');
  t.same(sysctlsOf(state), family.get('sysctls').value, 'sysctls');
  const { ipip, vxlan, pod } = state.mtu;
  t.same(
    [ipip, vxlan, pod],
    ['ipipMTU', 'vxlanMTU', 'podMTU'].map((key) => expected.get(key).number()),
    'MTUs',
  );
}

t.test('a node is programmed as upstream programs it', NEEDS_VECTORS, async (t) => {
  for (const { name, node } of e2eNodes()) t.test(`${name} on ${node}`, async (t) => compareNode(t, name, node));
});

t.test('every file of a case is compared, or left out for a reason', NEEDS_VECTORS, async (t) => {
  for (const name of new Set(e2eNodes().map((one) => one.name))) {
    const nodes = e2eNodes().flatMap((one) => (one.name === name ? [one.node] : []));
    const compared = nodes.flatMap((node) =>
      ['iptables.json', 'iptables-save.txt', 'ipset-save.txt'].map((kind) => `expected-${node}-${kind}`),
    );
    const others = listVectors(`e2e/${name}`).filter(
      (file) => !['input.yaml', 'meta.json', ...compared].includes(file),
    );
    const unexplained = others.filter((file) => !E2E_LEFT_OUT.some(({ files }) => files.test(file)));
    t.same(unexplained, [], name);
  }
  for (const { files, because } of E2E_LEFT_OUT) t.comment(`left out: ${files.source}: ${because}`);
});
