/**
 * A node's BIRD as the converged computation wants it, without building the node: its configuration of confd's texts,
 * its interfaces and routes of what is planned and recorded. A node of which a HostConfig with links or routes speaks is
 * built, since nobody else knows what it has then.
 */

import {
  type BgpConfig,
  type BirdConfig,
  type ConfigProblem,
  Interfaces,
  type KernelRoute,
  netnsSpeaker,
  parseConfig,
  plannedIface,
  type Speaker as BirdSpeaker,
} from '../bird/index.js';
import { CONFD_FOLDER, nodeConfig, renderBird } from '../calico/confd/index.js';
import { type CalicoNode, type FelixRoute, ipv4Of, ipv4PrefixOf } from '../calico/index.js';
import type { RoutingSite } from '../cluster/index.js';
import { RT_PROTOCOL } from '../kernel/index.js';
import { BIRD_CONF, type MachinePlan, type Underlay } from '../underlay/index.js';
import type { ConfdFiles } from './confd-files.js';
import type { Mesh } from './mesh.js';

export interface PlanContext {
  readonly site: RoutingSite;
  readonly confd: ConfdFiles | undefined;
  readonly mesh: Mesh | undefined;
  /** By name. */
  readonly nodes: ReadonlyMap<string, CalicoNode>;
  /** Machines that have to be built. */
  readonly underlay: Underlay;
}

export type Planned = { readonly speaker: BirdSpeaker } | { readonly problems: readonly ConfigProblem[] };

/** Whether a machine's links, addresses or routes are not those of the plan. */
const isChangedByHand = ({ site }: PlanContext, name: string): boolean =>
  site.hostConfigs(name).some(({ body }) => body.spec.ip !== undefined || body.spec.routes.length > 0);

const isBgp = (config: BirdConfig['protocols'][number]): config is BgpConfig => config.kind === 'bgp';

function interfacesOf(plan: MachinePlan, node: CalicoNode | undefined): Interfaces {
  const found = plan.interfaces.map(({ name, address, prefixLength, mtu }, i) =>
    plannedIface(name, address === undefined ? [] : [{ address, prefixLength }], { index: i + 2, mtu }),
  );
  const tunnels = [
    { name: 'tunl0', address: node?.ipv4IpipTunnelAddress, mtu: 1480, pointToPoint: true },
    { name: 'vxlan.calico', address: node?.ipv4VxlanTunnelAddress, mtu: 1450, pointToPoint: false },
  ];
  for (const { name, address, mtu, pointToPoint } of tunnels) {
    if (address === undefined) continue;
    const index = found.length + 2;
    found.push(plannedIface(name, [{ address: ipv4Of(address), prefixLength: 32 }], { index, mtu, pointToPoint }));
  }
  const interfaces = new Interfaces();
  interfaces.replace(new Map(found.map((iface) => [iface.name, iface])));
  return interfaces;
}

const plannedRoute = (plan: MachinePlan, { to, via, dev, metric }: MachinePlan['routes'][number]): KernelRoute => {
  const gateway = via === undefined ? undefined : plan.interfaces.find((nic) => isOn(nic, via))?.name;
  const name = dev ?? gateway;
  return {
    destination: to,
    type: 'unicast',
    tos: 0,
    metric: metric ?? 0,
    scope: via === undefined ? 'link' : 'global',
    protocol: RT_PROTOCOL.boot,
    prefSrc: undefined,
    mtu: undefined,
    nextHops: [{ dev: name === undefined ? undefined : { name }, via, weight: 1, onlink: false }],
  };
};

const isOn = (
  { address, prefixLength }: MachinePlan['interfaces'][number],
  other: NonNullable<MachinePlan['routes'][number]['via']>,
): boolean => address !== undefined && (address ^ other) >>> Math.min(31, 32 - prefixLength) === 0;

const podRoute = ({ destination, dev, metric, protocol, scope }: FelixRoute): KernelRoute => ({
  destination: ipv4PrefixOf(destination),
  type: 'unicast',
  tos: 0,
  metric: metric ?? 0,
  scope: scope ?? 'link',
  protocol,
  prefSrc: undefined,
  mtu: undefined,
  nextHops: [{ dev: dev === undefined ? undefined : { name: dev }, via: undefined, weight: 1, onlink: false }],
});

/** The configuration of a node's `bird`, and its sessions of the mesh that are not in it. */
function configOf(name: string, context: PlanContext): Pick<BirdSpeaker, 'config' | 'mesh'> | readonly ConfigProblem[] {
  const { confd, mesh } = context;
  const host = confd?.hostOf(name);
  const config = host && confd && nodeConfig(confd.cluster, host, 4);
  if (host === undefined || config === undefined || mesh === undefined) return [];
  const { rendered, like } = mesh.partsOf(config);
  const files = renderBird(config, host, rendered);
  const file = `${CONFD_FOLDER}/bird.cfg`;
  const parsed = parseConfig(files.get(file) ?? '', {
    dialect: 'bird-1.6',
    family: 'ipv4',
    file,
    files: { read: (path) => files.get(path) },
  });
  if (parsed.config === undefined) return parsed.errors;
  const standsForAll = parsed.config.protocols.filter(isBgp).find((each) => each.name === like);
  if (standsForAll === undefined) return { config: parsed.config };
  const protocols = parsed.config.protocols.filter((each) => each !== standsForAll);
  return { config: { ...parsed.config, protocols }, mesh: mesh.sessionsOf(config, standsForAll) };
}

/** A node that runs BIRD. */
export function plannedNode(plan: MachinePlan, context: PlanContext): Planned {
  const { name } = plan;
  const read = configOf(name, context);
  if (!('config' in read)) return { problems: read };
  const built = isChangedByHand(context, name) ? context.underlay.host(name) : undefined;
  if (built !== undefined) return { speaker: { ...netnsSpeaker(name, built.netns, read.config), ...read } };
  const node = context.nodes.get(name);
  const kernelRoutes = (): Iterable<KernelRoute> => [
    ...plan.routes.map((route) => plannedRoute(plan, route)),
    ...context.site.workloadRoutes(name).map(podRoute),
  ];
  return { speaker: { name, interfaces: interfacesOf(plan, node), kernelRoutes, ...read } };
}

/** A daemon beside a node's BIRD that calls its neighbours and is not called: MetalLB's speaker. */
export function plannedCaller(
  plan: MachinePlan,
  { nodes }: PlanContext,
  { name, text }: { readonly name: string; readonly text: string },
): Planned {
  const { config, errors } = parseConfig(text, { dialect: 'bird-2', file: BIRD_CONF });
  if (config === undefined) return { problems: errors };
  const protocols = config.protocols.map((each) => (isBgp(each) ? { ...each, localPort: NO_PORT } : each));
  const interfaces = interfacesOf(plan, nodes.get(plan.name));
  return { speaker: { name, interfaces, kernelRoutes: () => [], config: { ...config, protocols } } };
}

/** Nobody listens there. */
const NO_PORT = 0;

/** A machine with a configuration of its own: there are few, and they are built. */
export function builtSpeaker({ name, bird }: MachinePlan, { underlay }: PlanContext): Planned {
  const host = underlay.host(name);
  if (host === undefined || bird === undefined) return { problems: [] };
  const { config, errors } = parseConfig(bird.text, { dialect: 'bird-2', file: BIRD_CONF });
  return config === undefined ? { problems: errors } : { speaker: netnsSpeaker(name, host.netns, config) };
}
