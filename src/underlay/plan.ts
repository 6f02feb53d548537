/** What the physical network consists of, resolved: every interface knows its switch, subnet and cable. */

import {
  formatIpv4,
  formatPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4Network,
  prefixContains,
} from '../packet/index.js';
import { assert } from '../kernel/index.js';
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
import { ipv6Fields } from './ipv6.js';

export interface CablePlan {
  readonly mtu?: number;
  readonly delayNs?: number;
  readonly loss?: number;
}

interface SwitchPlan {
  readonly name: string;
  readonly mtu?: number;
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
  readonly protocol: 'tcp' | 'udp' | 'sctp';
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
  readonly switches: readonly SwitchPlan[];
  readonly trunks: readonly { readonly from: string; readonly to: string; readonly cable: CablePlan }[];
  readonly machines: ReadonlyMap<string, MachinePlan>;
}

/** Whether some cable loses frames by chance. */
export const losesFrames = ({ trunks, machines }: NetworkPlan): boolean =>
  [...trunks, ...[...machines.values()].flatMap(({ interfaces }) => interfaces)].some(
    ({ cable }) => (cable.loss ?? 0) > 0,
  );

/** What is wrong with a physical network, or left out of it, and where in the document. */
export interface PlanProblem {
  readonly severity: 'error' | 'warning' | 'unmodelled';
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
/** Of an IPv4 address in a subnet of IPv6. */
const HOST_PREFIX = 32;

const ipv4Of = (addr: IpAddress | undefined): Ipv4Addr | undefined =>
  addr !== undefined && isIpv4(addr) ? addr : undefined;
const prefixOf = (cidr: Cidr): Ipv4Prefix | undefined => (isIpv4Cidr(cidr) ? cidr : undefined);

interface SubnetPlan {
  readonly name: string;
  /** Undefined for one of IPv6: its switch is there, and no addresses. */
  readonly cidr: Ipv4Prefix | undefined;
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

/** Two prefixes are apart, or one holds the other. */
const prefixesOverlap = (a: Ipv4Prefix, b: Ipv4Prefix): boolean =>
  a.length <= b.length ? prefixContains(a, b.addr) : prefixContains(b, a.addr);

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
    this.#checkOverlaps();
    this.#checkAddresses();
    this.#checkSwitches();
    for (const path of ipv6Fields(this.#spec))
      this.#problem('unmodelled', path, 'IPv4', 'IPv6, which is not modelled yet: it is left out');
    return { switches: this.#switches(), trunks: this.#trunks(), machines: this.#machines };
  }

  #problem(severity: PlanProblem['severity'], path: PlanProblem['path'], expected: string, got: string): void {
    this.problems.push({ severity, path, expected, got });
  }

  #switches(): SwitchPlan[] {
    const written = this.#spec.switches.map(({ name, mtu }) => ({ name, ...(mtu === undefined ? {} : { mtu }) }));
    const known = new Set(written.map(({ name }) => name));
    const others = new Set(this.#subnets.map((subnet) => subnet.switch).filter((name) => !known.has(name)));
    return [...written, ...[...others].map((name) => ({ name }))];
  }

  /** What links join, and that they close no loop, has been checked of the document (references.ts). */
  #trunks(): NetworkPlan['trunks'] {
    return this.#spec.links.map((link) => ({ from: link.from, to: link.to, cable: cableOf(link) }));
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
    const interfaces = spec.interfaces.map((nic, i) => this.#interface(nic, i, [...path, 'interfaces', i]));
    const routes = spec.routes.flatMap(({ to, via, dev, metric }) => {
      const prefix = prefixOf(to);
      return prefix === undefined ? [] : [{ to: prefix, via: ipv4Of(via), dev, metric }];
    });
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

  #interface(nic: InterfaceSpec, index: number, path: (string | number)[]): InterfacePlan {
    const subnet = this.#subnets.find(({ name }) => name === nic.subnet);
    assert(subnet !== undefined, `there is no subnet ${nic.subnet}`);
    const address = ipv4Of(nic.address);
    if (address !== undefined && subnet.cidr !== undefined && !prefixContains(subnet.cidr, address)) {
      this.#problem('warning', [...path, 'address'], `an address of ${formatPrefix(subnet.cidr)}`, formatIpv4(address));
    }
    return {
      name: nic.name ?? `eth${index}`,
      switch: subnet.switch,
      subnet: subnet.name,
      address,
      prefixLength: subnet.cidr?.length ?? HOST_PREFIX,
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
    const holds = ({ cidr }: SubnetPlan): boolean =>
      internalIp !== undefined && cidr !== undefined && prefixContains(cidr, internalIp);
    const subnet = this.#subnets.find(holds);
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

  /** A packet to an address in both goes by the more specific route of whoever sends it. */
  #checkOverlaps(): void {
    this.#subnets.forEach(({ name, cidr }, i) => {
      const other = this.#subnets.slice(0, i).find((one) => cidr && one.cidr && prefixesOverlap(cidr, one.cidr));
      if (cidr === undefined || other?.cidr === undefined) return;
      const expected = `a network apart from ${formatPrefix(other.cidr)} of subnet ${other.name}`;
      this.#problem('warning', ['spec', 'subnets', i, 'cidr'], expected, `${formatPrefix(cidr)} of subnet ${name}`);
    });
  }

  /** Two machines answer for one address where they share a wire: who is asked by ARP takes the first answer. */
  #checkAddresses(): void {
    const holders = new Map<string, string>();
    for (const { name, interfaces } of this.#machines.values()) {
      for (const { address, switch: fabric } of interfaces) {
        if (address === undefined) continue;
        const key = `${fabric} ${address}`;
        const holder = holders.get(key);
        if (holder === undefined) holders.set(key, name);
        else
          this.#problem(
            'warning',
            this.#pathOf(name),
            `an address that ${holder} has not`,
            `${formatIpv4(address)} on ${name} too`,
          );
      }
    }
  }

  /** Longer packets than a switch takes are lost without a word; told of the first machine on it. */
  #checkSwitches(): void {
    this.#spec.switches.forEach(({ name, mtu }, i) => {
      if (mtu === undefined) return;
      for (const machine of this.#machines.values()) {
        const nic = machine.interfaces.find((one) => one.switch === name && one.mtu > mtu);
        if (nic === undefined) continue;
        const got = `${mtu}, where ${nic.name} of ${machine.name} has ${nic.mtu}: longer packets are lost`;
        this.#problem(
          'warning',
          ['spec', 'switches', i, 'mtu'],
          'an MTU no less than those of the interfaces on it',
          got,
        );
        return;
      }
    });
  }

  /** Where a machine is written; a node that the document does not place has its subnet. */
  #pathOf(machine: string): PlanProblem['path'] {
    for (const list of ['routers', 'nodes', 'hosts'] as const) {
      const index = this.#spec[list].findIndex(({ name }) => name === machine);
      if (index >= 0) return ['spec', list, index, 'name'];
    }
    return machine === this.#spec.loadBalancer?.name ? ['spec', 'loadBalancer'] : ['spec', 'subnets'];
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
