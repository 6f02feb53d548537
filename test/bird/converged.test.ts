import fc from 'fast-check';
import t from 'tap';
import {
  type BirdDaemon,
  ConvergedNetwork,
  netnsSpeaker,
  parseConfig,
  type Route,
  type Speaker,
} from '../../src/bird/index.js';
import { Fabric } from './fabric.js';
import { addressOf, configOf, nameOf, SIDE_KERNEL_TABLE, type Topology, topology } from './topologies.js';

const SETTLE_S = 60;
const MAIN = 254;
const REJECTED: ReadonlySet<string> = new Set(['blackhole', 'unreachable']);

interface Running {
  readonly fabric: Fabric;
  readonly daemons: readonly BirdDaemon[];
}

function run(of: Topology): Running {
  const fabric = new Fabric();
  const indices = of.speakers.map((_, index) => index);
  for (const index of indices) fabric.plug(nameOf(index), 'eth0', 'lan', `${addressOf(index)}/24`);
  const daemons = indices.map((index) => {
    const { dialect = 'bird-2' } = of.speakers[index] ?? {};
    return fabric.bird(nameOf(index), configOf(of, index), { dialect, file: '/etc/bird.conf' });
  });
  fabric.run(SETTLE_S);
  return { fabric, daemons };
}

function converge(of: Topology, { fabric }: Running): ConvergedNetwork {
  const speakers = of.speakers.map(({ dialect }, index): Speaker => {
    const { config, errors } = parseConfig(configOf(of, index), { dialect });
    if (config === undefined) throw new Error(JSON.stringify(errors));
    return netnsSpeaker(nameOf(index), fabric.machine(nameOf(index)), config);
  });
  return new ConvergedNetwork({ speakers });
}

/** All that can be seen of a route, but times and numbers of paths. */
const seen = (route: Route) => ({
  from: route.origin.name,
  kind: route.origin.kind,
  dest: route.dest,
  gateway: route.gateway,
  iface: route.iface,
  hops: route.hops,
  preference: route.preference,
  igpMetric: route.igpMetric,
  attributes: Object.entries(route.attributes).toSorted(([a], [b]) => (a < b ? -1 : 1)),
});

function tableOf(nets: readonly (readonly Route[])[]): Record<string, unknown> {
  const sorted = nets.map((routes) => {
    const [best, ...others] = routes.map(seen).map((each) => JSON.stringify(each));
    return [routes[0]?.net.toString() ?? '', [best, ...others.toSorted()]] as const;
  });
  return Object.fromEntries(sorted.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const programmed = (network: ConvergedNetwork, name: string, table: number): string[] =>
  network
    .kernels(name)
    .filter(({ config }) => config.kernelTable === table)
    .flatMap(({ routes }) => routes.map(({ net, dest }) => `${REJECTED.has(dest) ? `${dest} ` : ''}${net.toString()}`))
    .toSorted();

/** Networks with the word before them that says what becomes of packets. */
const inKernel = (lines: readonly string[]): string[] =>
  lines
    .filter((line) => line.includes('proto bird'))
    .map((line) =>
      line
        .split(' ')
        .slice(0, REJECTED.has(line.split(' ')[0] ?? '') ? 2 : 1)
        .join(' '),
    )
    .toSorted();

t.test('what is computed is what messages come to', (t) => {
  fc.assert(
    fc.property(topology, (of) => {
      const running = run(of);
      const network = converge(of, running);
      running.daemons.forEach((daemon, index) => {
        const name = nameOf(index);
        for (const table of daemon.config?.tables ?? []) {
          const computed = network.routes(name, table.name).map(({ routes }) => routes);
          t.strictSame(tableOf(computed), tableOf(daemon.routes(table.name)), `${table.name} of ${name}`);
        }
        const up = daemon.protocols
          .filter(({ kind, state }) => kind === 'BGP' && state === 'up')
          .map((each) => each.name);
        const also = network.sessions(name).filter(({ state }) => state === 'up');
        t.strictSame(
          also.map((each) => each.name),
          up,
          `sessions of ${name}`,
        );
        for (const table of [MAIN, SIDE_KERNEL_TABLE]) {
          const kernel = inKernel(running.fabric.machine(name).fib.listRoutes(table));
          t.strictSame(programmed(network, name, table), kernel, `table ${table} of the kernel of ${name}`);
        }
      });
      t.strictSame(network.unstable, []);
      running.fabric.end();
      return t.passing();
    }),
    { numRuns: Number(process.env['RUNS'] ?? 40), endOnFailure: true },
  );
  t.end();
});
