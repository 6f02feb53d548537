/**
 * Calico's CNI plugins against recorded calls of upstream's: exit code, output to the byte, links, addresses,
 * routes and switches of both sides, annotations, and IPAM's objects after each call. Of links, addresses, routes and
 * switches the IPv4 half: the emulated kernel has no other.
 */

import t, { type Test } from 'tap';
import { calicoIpam, calicoPlugin, ipamContext, printIpam, storedIpam } from '../../../src/calico/index.js';
import { execPlugin, pluginMachine, REFERENCE_PLUGINS, type Plugin } from '../../../src/cni/index.js';
import { Emulation, type FibRoute, formatRouteProtocol, Host, type Netns } from '../../../src/kernel/index.js';
import { loadCluster, type Store } from '../../../src/kubernetes/index.js';
import { formatIpv4, formatMac } from '../../../src/packet/index.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

/** 2025-01-01: any time does, the recording leaves it out. */
const NOW_NS = 1_735_689_600_000_000_000n;

const RECORDED_NETNS = '/run/netns/zcpod';

const prefix = ({ destination }: FibRoute): string => {
  const text = formatIpv4(destination.addr);
  if (destination.length === 0) return 'default';
  return destination.length === 32 ? text : `${text}/${destination.length}`;
};

/** `ip -d route`, as the recording has it: on the host without the device, which was asked for. */
const routeDetail = (route: FibRoute, withDev: 'with-dev' | 'without-dev'): string => {
  const [hop] = route.nextHops;
  const via = hop?.via === undefined ? '' : ` via ${formatIpv4(hop.via)}`;
  const dev = withDev === 'with-dev' ? ` dev ${hop?.dev?.name ?? ''}` : '';
  return `${route.type} ${prefix(route)}${via}${dev} proto ${formatRouteProtocol(route.protocol)} scope ${route.scope} `;
};

const mainRoutes = (netns: Netns, dev: string): FibRoute[] =>
  [...netns.fib.routes()].filter(({ table, nextHops }) => table === 254 && nextHops[0]?.dev?.name === dev);

const linkOf = (netns: Netns, name: string): object | undefined => {
  const dev = netns.devices.named(name);
  return dev && { ifname: dev.name, mtu: dev.mtu, address: formatMac(dev.mac) };
};

const wantedLink = (link: Json, mac: string): object => ({
  ifname: link.get('ifname').text(),
  mtu: link.get('mtu').number(),
  address: link.get('address').text().replace('<pod-mac>', mac),
});

/** A cluster's node with both plugins, as one case has it. */
class Bed {
  readonly store: Store;
  readonly host: Host;
  readonly plugins: ReadonlyMap<string, Plugin>;
  readonly ipam: ReturnType<typeof storedIpam>;

  constructor(initial: Json) {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: initial.value });
    const { store, errors } = loadCluster([{ file: 'initial.json', text }], { seed: 1 });
    // A pool annotation that is wrong is an error of the loader's and, as here, of the plugin's.
    const others = errors.filter(({ path }) => !path.includes('ipv4pools'));
    t.same(others, [], 'the objects load');
    this.store = store;
    this.ipam = storedIpam(store);
    const datastore = { store, ipam: this.ipam, ipamContext: () => ipamContext(store, () => NOW_NS) };
    this.plugins = new Map([
      ...REFERENCE_PLUGINS,
      ['calico', calicoPlugin(datastore)] as const,
      ['calico-ipam', calicoIpam(datastore)] as const,
    ]);
    this.host = new Host(new Emulation(), 'host');
  }

  netns(path: string): Netns {
    const name = path.split('/').at(-1) ?? '';
    const there = this.host.namedNetns(name);
    if (there !== undefined) return there;
    const made = this.host.addNetns(name);
    made.links.set(made.links.require('lo'), { up: true });
    return made;
  }
}

function checkDataplane(t: Test, bed: Bed, { step, netns }: { step: Json; netns: Netns }): void {
  const plane = step.get('dataplane');
  if (plane.absent) return;
  const ifName = step.get('env').get('CNI_IFNAME').text();
  const pod = netns.devices.named(ifName);
  const mac = pod === undefined ? '' : formatMac(pod.mac);
  for (const link of plane.get('hostLinkJson').list()) {
    const wanted = wantedLink(link, mac);
    t.same(linkOf(bed.host.netns, link.get('ifname').text()), wanted, 'the host end');
    const name = link.get('ifname').text();
    const routes = mainRoutes(bed.host.netns, name).map((route) => routeDetail(route, 'without-dev'));
    t.same(
      routes,
      plane
        .get('hostRoutes4Detail')
        .list()
        .map((row) => row.text()),
      'routes of the host',
    );
  }
  const podLinks = plane
    .get('podLinks')
    .list()
    .filter((link) => link.get('ifname').text() !== 'lo');
  t.same(
    podLinks.map((link) => linkOf(netns, link.get('ifname').text())),
    podLinks.map((link) => {
      const wanted = wantedLink(link, mac);
      // Recordings of old result forms, which carry no MAC, have the one that was drawn.
      return step.get('stdoutRaw').text().includes('mac') ? wanted : { ...wanted, address: mac };
    }),
    'links of the pod',
  );
  t.same(
    [...netns.devices].flatMap((dev) =>
      dev.addresses.map((one) => `${dev.name} ${formatIpv4(one.address)}/${one.prefixLength} ${one.scope}`),
    ),
    plane
      .get('podAddrs')
      .list()
      .filter((one) => one.get('family').text() === 'inet')
      .map(
        (one) =>
          `${one.get('ifname').text()} ${one.get('local').text()}/${one.get('prefixlen').number()} ${one.get('scope').text()}`,
      ),
    'addresses of the pod',
  );
  const podRoutes = mainRoutes(netns, ifName).map((route) => routeDetail(route, 'with-dev'));
  t.same(
    podRoutes,
    plane
      .get('podRoutes4Detail')
      .list()
      .map((row) => row.text()),
    'routes of the pod',
  );
  for (const [side, space] of [
    ['hostSysctls', bed.host.netns],
    ['podSysctls', netns],
  ] as const) {
    for (const [path, value] of plane.get(side).entries()) {
      if (path.startsWith('net.ipv4.')) t.equal(space.sysctl.get(path), value.text(), path);
    }
  }
}

const withoutTime = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      key === 'timestamp' ? '<time>' : typeof one === 'bigint' ? Number(one) : one,
    ),
  );

function checkDatastore(t: Test, bed: Bed, after: Json): void {
  if (after.absent) return;
  const printed = printIpam(bed.ipam);
  const ofKind = (kind: string) => printed.filter((object) => object.kind === kind);
  const blocks = ofKind('IPAMBlock').map(({ metadata, spec }) => {
    const allocations = Array.isArray(spec['allocations']) ? spec['allocations'] : [];
    return {
      name: metadata.name,
      cidr: spec['cidr'],
      affinity: spec['affinity'],
      allocations: Object.fromEntries(
        allocations.flatMap((one: unknown, i) => (one === null ? [] : [[String(i), one]])),
      ),
      unallocated: spec['unallocated'],
      attributes: withoutTime(spec['attributes']),
    };
  });
  t.same(
    blocks,
    after
      .get('ipamblocks')
      .list()
      .map((block) => ({
        name: block.get('metadata.name').text(),
        cidr: block.get('cidr').text(),
        affinity: block.get('affinity').absent ? undefined : block.get('affinity').text(),
        allocations: block.get('allocations').value,
        unallocated: block.get('unallocated').value,
        attributes: block.get('attributes').value,
      })),
    'blocks',
  );
  for (const [kind, key] of [
    ['BlockAffinity', 'blockaffinities'],
    ['IPAMHandle', 'ipamhandles'],
  ] as const) {
    t.same(
      ofKind(kind).map(({ metadata, spec }) => ({ name: metadata.name, spec: withoutTime(spec) })),
      after
        .get(key)
        .list()
        .map((object) => ({ name: object.get('metadata.name').text(), spec: object.get('spec').value })),
      kind,
    );
  }
  for (const pod of after.get('pods').list()) {
    const found = bed.store.list('Pod').find(({ name }) => name === pod.get('name').text());
    t.same(found?.annotations, pod.get('annotations').value, 'annotations of the pod');
  }
}

/** All calls were made on a machine without calico-node, with this in the configuration. */
const CALLED_WITHOUT_NODE = '{"nodename_file_optional":true,';

function checkStep(t: Test, bed: Bed, { step, recordedNetns }: { step: Json; recordedNetns: Netns }): void {
  const variable = (name: string): string => {
    const value = step.get('env').get(name);
    return value.absent ? '' : value.text();
  };
  const binary = step.get('binary').text();
  const plugin = bed.plugins.get(binary);
  if (plugin === undefined) throw new Error(`no plugin ${binary}`);
  const netns = bed.netns(variable('CNI_NETNS'));
  const env = {
    CNI_COMMAND: variable('CNI_COMMAND'),
    CNI_CONTAINERID: variable('CNI_CONTAINERID'),
    CNI_NETNS: variable('CNI_NETNS'),
    CNI_IFNAME: variable('CNI_IFNAME'),
    CNI_ARGS: variable('CNI_ARGS'),
    CNI_PATH: variable('CNI_PATH') || '/opt/cni/bin',
  };
  const exit = execPlugin(
    plugin,
    { env, stdin: JSON.stringify(step.get('stdin').value).replace(/^\{/, CALLED_WITHOUT_NODE) },
    pluginMachine(bed.host, bed.plugins),
  );
  const pod = netns.devices.named(env.CNI_IFNAME);
  const mac = pod === undefined ? '' : formatMac(pod.mac);
  t.equal(exit.exitCode, step.get('exitCode').number(), `exit code; ${exit.stdout}`);
  if (!step.get('stdoutRaw').absent)
    t.equal(exit.stdout, step.get('stdoutRaw').text().replaceAll('<pod-mac>', mac), 'output');
  checkDataplane(t, bed, { step, netns: recordedNetns });
  if (!step.get('hostLinksAfter').absent) {
    const left = [...bed.host.netns.devices].map(({ name }) => name).filter((name) => name.startsWith('cali'));
    t.same(
      left,
      step
        .get('hostLinksAfter')
        .list()
        .map((link) => link.value),
      'links of the host afterwards',
    );
  }
  checkDatastore(t, bed, step.get('datastoreAfter'));
}

function checkCase(summary: Json): void {
  const name = summary.get('name').text();
  const recorded = loadVector(`cni/${name}.json`);
  t.test(`${name}: ${recorded.get('description').text()}`, (t) => {
    const bed = new Bed(recorded.get('initial'));
    // The recording looked into this namespace, whichever sandbox a call was about.
    const recordedNetns = bed.netns(RECORDED_NETNS);
    recorded
      .get('steps')
      .list()
      .forEach((step, i) => {
        t.test(`call ${i + 1}, ${step.get('command').text()}`, (t) => {
          checkStep(t, bed, { step, recordedNetns });
          t.end();
        });
      });
    t.end();
  });
}

if (NEEDS_VECTORS.skip === undefined) loadVector('cni/index.json').list().forEach(checkCase);
else t.test('calls of the CNI plugins', NEEDS_VECTORS, (t) => t.end());
