/** What the physical network consists of, resolved: every interface knows its switch, subnet and cable. */

import {
  formatIpv4,
  formatPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4Network,
  prefixContains,
} from '../packet/index.js';
import type { Cause } from '../trace/index.js';
import { type Cidr, type IpAddress, isIpv4, isIpv4Cidr } from '../kubernetes/index.js';
import {
  durationNs,
  type HostSpec,
  type InterfaceSpec,
  type MachineSpec,
  type PhysicalNetworkSpec,
  type RouterSpec,
} from './document.js';

export interface CablePlan {
  readonly mtu?: number;
  readonly delayNs?: number;
  readonly loss?: number;
}

export interface InterfacePlan {
  readonly name: string;
  readonly switch: string;
  readonly subnet: string;
  /** Undefined for an interface without an address. */
  readonly address: Ipv4Addr | undefined;
  readonly prefixLength: number;
  readonly mtu: number;
  readonly cable: CablePlan;
}

export interface RoutePlan {
  readonly to: Ipv4Prefix;
  readonly via: Ipv4Addr | undefined;
  readonly dev: string | undefined;
  readonly metric: number | undefined;
}

export interface ListenPlan {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly address: Ipv4Addr | undefined;
}

/** Where Debian's package of BIRD 2 looks for its configuration. */
export const BIRD_CONF = '/etc/bird/bird.conf';

/** The configuration of a machine's own BIRD, and where in the document it stands. */
export interface BirdPlan {
  readonly text: string;
  readonly path: readonly (string | number)[];
}

export type MachineRole = 'node' | 'router' | 'host' | 'balancer';

export interface MachinePlan {
  readonly name: string;
  readonly role: MachineRole;
  readonly interfaces: readonly InterfacePlan[];
  readonly routes: readonly RoutePlan[];
  readonly listen: readonly ListenPlan[];
  readonly bird: BirdPlan | undefined;
  readonly because: readonly Cause[];
}

export interface NetworkPlan {
  readonly switches: readonly { readonly name: string }[];
  readonly trunks: readonly { readonly from: string; readonly to: string; readonly cable: CablePlan }[];
  readonly machines: ReadonlyMap<string, MachinePlan>;
}

/** Whether some cable loses frames by chance. */
export const losesFrames = ({ trunks, machines }: NetworkPlan): boolean =>
  [...trunks, ...[...machines.values()].flatMap(({ interfaces }) => interfaces)].some(
    ({ cable }) => (cable.loss ?? 0) > 0,
  );

/** What is wrong with a physical network, and where in the document. */
export interface PlanProblem {
  readonly severity: 'error' | 'warning';
  readonly path: readonly (string | number)[];
  readonly expected: string;
  readonly got: string;
}

/** What the plan must know of a cluster's node. */
export interface NodePlace {
  readonly name: string;
  readonly internalIp: Ipv4Addr | undefined;
  /** From Calico's own record of the node's address, where there is one. */
  readonly prefixLength: number | undefined;
}

const DEFAULT_MTU = 1500;

const ipv4Of = (addr: IpAddress | undefined): Ipv4Addr | undefined =>
  addr !== undefined && isIpv4(addr) ? addr : undefined;
const prefixOf = (cidr: Cidr): Ipv4Prefix => (isIpv4Cidr(cidr) ? cidr : { addr: 0 as Ipv4Addr, length: 0 });

interface SubnetPlan {
  readonly name: string;
  readonly cidr: Ipv4Prefix;
  readonly switch: string;
  readonly gateway: Ipv4Addr | undefined;
  readonly mtu: number | undefined;
  readonly cable: CablePlan;
}

const cableOf = (spec: {
  mtu: number | undefined;
  delay: string | undefined;
  loss: number | undefined;
}): CablePlan => ({
  ...(spec.mtu === undefined ? {} : { mtu: spec.mtu }),
  ...(spec.delay === undefined ? {} : { delayNs: durationNs(spec.delay) }),
  ...(spec.loss === undefined ? {} : { loss: spec.loss }),
});

/** Turns a document into a plan. Problems are collected; what they are about is left out. */
export class Planner {
  readonly problems: PlanProblem[] = [];
  readonly #spec: PhysicalNetworkSpec;
  readonly #because: readonly Cause[];
  readonly #subnets: readonly SubnetPlan[];
  readonly #machines = new Map<string, MachinePlan>();

  constructor(spec: PhysicalNetworkSpec, cause: Cause) {
    this.#spec = spec;
    this.#because = [cause];
    this.#subnets = spec.subnets.map((subnet) => ({
      name: subnet.name,
      cidr: prefixOf(subnet.cidr),
      switch: subnet.switch ?? subnet.name,
      gateway: ipv4Of(subnet.gateway),
      mtu: subnet.mtu,
      cable: cableOf(subnet),
    }));
  }

  plan(nodes: readonly NodePlace[]): NetworkPlan {
    const { routers, hosts, nodes: placed, loadBalancer } = this.#spec;
    routers.forEach((spec, i) =>
      this.#add(spec, { role: 'router', path: ['spec', 'routers', i], listen: [], bird: spec.bird }),
    );
    placed.forEach((spec, i) => {
      const node = nodes.find(({ name }) => name === spec.name);
      if (node === undefined)
        this.#problem('warning', ['spec', 'nodes', i, 'name'], 'a Node of the cluster', spec.name);
      this.#add(this.#withInternalIp(spec, node), { role: 'node', path: ['spec', 'nodes', i], listen: [] });
    });
    for (const node of nodes) if (!this.#machines.has(node.name)) this.#placeNode(node);
    hosts.forEach((spec, i) =>
      this.#add(spec, { role: 'host', path: ['spec', 'hosts', i], listen: spec.listen, bird: spec.bird }),
    );
    if (loadBalancer?.provider === 'cloud')
      this.#add(loadBalancer, { role: 'balancer', path: ['spec', 'loadBalancer'], listen: [] });
    this.#checkGateways();
    return { switches: this.#switches(), trunks: this.#trunks(), machines: this.#machines };
  }

  #problem(severity: 'error' | 'warning', path: PlanProblem['path'], expected: string, got: string): void {
    this.problems.push({ severity, path, expected, got });
  }

  #switches(): { name: string }[] {
    const names = new Set([
      ...this.#spec.switches.map(({ name }) => name),
      ...this.#subnets.map((subnet) => subnet.switch),
    ]);
    return [...names].map((name) => ({ name }));
  }

  /** Trunks, without those that would close a loop: there is no spanning tree. */
  #trunks(): NetworkPlan['trunks'] {
    const group = new Map<string, string>(this.#switches().map(({ name }) => [name, name]));
    const find = (name: string): string => {
      let at = name;
      for (let up = group.get(at); up !== undefined && up !== at; up = group.get(at)) at = up;
      return at;
    };
    return this.#spec.links.flatMap((link, i) => {
      for (const end of ['from', 'to'] as const) {
        if (!group.has(link[end]))
          this.#problem('error', ['spec', 'links', i, end], 'the name of a switch or subnet', link[end]);
      }
      const [from, to] = [find(link.from), find(link.to)];
      if (from === to) {
        this.#problem(
          'error',
          ['spec', 'links', i],
          'links without a loop',
          `${link.from} and ${link.to} are joined already`,
        );
        return [];
      }
      group.set(from, to);
      return [{ from: link.from, to: link.to, cable: cableOf(link) }];
    });
  }

  #add(
    spec: MachineSpec,
    about: { role: MachineRole; path: (string | number)[]; listen: HostSpec['listen']; bird?: RouterSpec['bird'] },
  ): void {
    const { role, path, listen, bird } = about;
    if (this.#machines.has(spec.name)) {
      this.#problem('error', [...path, 'name'], 'a name that no other machine has', spec.name);
      return;
    }
    const interfaces = spec.interfaces.flatMap((nic, i) => {
      const plan = this.#interface(nic, i, [...path, 'interfaces', i]);
      return plan === undefined ? [] : [plan];
    });
    const routes = spec.routes.map((route) => ({
      to: prefixOf(route.to),
      via: ipv4Of(route.via),
      dev: route.dev,
      metric: route.metric,
    }));
    this.#machines.set(spec.name, {
      name: spec.name,
      role,
      interfaces,
      routes: role === 'router' ? routes : this.#withDefaultRoute(interfaces, routes),
      listen: listen.map((one) => ({ protocol: one.protocol, port: one.port, address: ipv4Of(one.address) })),
      bird: bird === undefined ? undefined : { text: bird, path: [...path, 'bird'] },
      because: this.#because,
    });
  }

  #interface(nic: InterfaceSpec, index: number, path: (string | number)[]): InterfacePlan | undefined {
    const subnet = this.#subnets.find(({ name }) => name === nic.subnet);
    if (subnet === undefined) {
      this.#problem(
        'error',
        [...path, 'subnet'],
        `one of ${this.#subnets.map(({ name }) => name).join(', ')}`,
        nic.subnet,
      );
      return undefined;
    }
    const address = ipv4Of(nic.address);
    if (address !== undefined && !prefixContains(subnet.cidr, address)) {
      this.#problem('warning', [...path, 'address'], `an address of ${formatPrefix(subnet.cidr)}`, formatIpv4(address));
    }
    return {
      name: nic.name ?? `eth${index}`,
      switch: subnet.switch,
      subnet: subnet.name,
      address,
      prefixLength: subnet.cidr.length,
      mtu: nic.mtu ?? subnet.mtu ?? DEFAULT_MTU,
      cable: { ...subnet.cable, ...cableOf(nic) },
    };
  }

  /** A node whose first interface has no address takes the one that Kubernetes knows. */
  #withInternalIp(spec: MachineSpec, node: NodePlace | undefined): MachineSpec {
    const [first, ...others] = spec.interfaces;
    const known = spec.interfaces.some(({ address }) => ipv4Of(address) === node?.internalIp);
    if (first === undefined || first.address !== undefined || known || node?.internalIp === undefined) return spec;
    return { ...spec, interfaces: [{ ...first, address: node.internalIp }, ...others] };
  }

  /** A node that the document does not place: eth0 on the subnet that holds its InternalIP. */
  #placeNode(node: NodePlace): void {
    const { internalIp } = node;
    const subnet =
      internalIp === undefined ? undefined : this.#subnets.find(({ cidr }) => prefixContains(cidr, internalIp));
    if (subnet === undefined) {
      this.#problem(
        'warning',
        ['spec', 'subnets'],
        `a subnet for Node ${node.name}`,
        internalIp === undefined ? 'no InternalIP' : formatIpv4(internalIp),
      );
    }
    const nic: InterfaceSpec | undefined = subnet && {
      name: 'eth0',
      subnet: subnet.name,
      address: internalIp,
      mtu: undefined,
      delay: undefined,
      loss: undefined,
    };
    const spec = { name: node.name, interfaces: nic === undefined ? [] : [nic], routes: [] };
    this.#add(spec, { role: 'node', path: ['spec', 'subnets'], listen: [] });
  }

  #withDefaultRoute(interfaces: readonly InterfacePlan[], routes: readonly RoutePlan[]): readonly RoutePlan[] {
    if (routes.some(({ to }) => to.length === 0)) return routes;
    for (const nic of interfaces) {
      const gateway = this.#subnets.find(({ name }) => name === nic.subnet)?.gateway;
      if (gateway === undefined || nic.address === undefined || nic.address === gateway) continue;
      return [
        ...routes,
        { to: { addr: ipv4Network(gateway, 0), length: 0 }, via: gateway, dev: nic.name, metric: undefined },
      ];
    }
    return routes;
  }

  #checkGateways(): void {
    const owned = new Set(
      [...this.#machines.values()].flatMap(({ interfaces }) => interfaces.map(({ address }) => address)),
    );
    this.#subnets.forEach(({ gateway }, i) => {
      if (gateway === undefined || owned.has(gateway)) return;
      this.#problem(
        'warning',
        ['spec', 'subnets', i, 'gateway'],
        'an address that a machine has',
        `${formatIpv4(gateway)}, which nobody answers for`,
      );
    });
  }
}
