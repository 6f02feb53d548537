/**
 * The physical network at work: switches and cables, and machines that are built when somebody asks for
 * them or a first frame reaches them.
 */

import { DEFAULT_PREFIX, type Ipv4Addr, type Mac } from '../packet/index.js';
import {
  deviceMac,
  type Emulation,
  Host,
  KernelError,
  type SleepingHost,
  Switch,
  type SwitchPort,
} from '../kernel/index.js';
import type { InterfacePlan, MachinePlan, NetworkPlan, RoutePlan } from './plan.js';

/** Does to a machine what its role wants, after its interfaces have come up. */
export type Equip = (host: Host, plan: MachinePlan) => void;

/** Whether a program on a machine that is not built yet would answer for an address that the machine does not have. */
export type Announces = (plan: MachinePlan, nic: InterfacePlan, address: Ipv4Addr) => boolean;

/** Told of what the kernel of a machine refused of its plan. */
export type Refused = (plan: MachinePlan, message: string) => void;

export class Underlay {
  readonly emulation: Emulation;
  #plan: NetworkPlan;
  readonly #equip: Equip;
  readonly #refused: Refused;
  readonly #announces: Announces;
  readonly #switches = new Map<string, Switch>();
  readonly #ports = new Map<string, SwitchPort>();
  readonly #hosts = new Map<string, Host>();

  constructor(
    emulation: Emulation,
    plan: NetworkPlan,
    listeners: { readonly equip: Equip; readonly refused: Refused; readonly announces?: Announces },
  ) {
    this.emulation = emulation;
    this.#plan = plan;
    this.#equip = listeners.equip;
    this.#refused = listeners.refused;
    this.#announces = listeners.announces ?? (() => false);
    for (const { name, ...options } of plan.switches) this.#switches.set(name, new Switch(emulation, name, options));
    for (const { from, to, cable } of plan.trunks) {
      const other = this.#switches.get(to);
      if (other !== undefined) this.#switches.get(from)?.connect(other, cable);
    }
    for (const machine of plan.machines.values()) this.#plugSleeping(machine);
  }

  get plan(): NetworkPlan {
    return this.#plan;
  }

  get switches(): Iterable<Switch> {
    return this.#switches.values();
  }

  /** Machines that have been built so far. */
  get built(): Iterable<Host> {
    return this.#hosts.values();
  }

  /** The machine of that name, built now if it was not; undefined where there is none. */
  host(name: string): Host | undefined {
    const there = this.#hosts.get(name);
    if (there !== undefined) return there;
    const plan = this.plan.machines.get(name);
    return plan && this.#build(plan);
  }

  /** Which machine has an address on one of its physical interfaces. */
  ownerOf(address: Ipv4Addr): MachinePlan | undefined {
    for (const machine of this.plan.machines.values()) {
      if (machine.interfaces.some((nic) => nic.address === address)) return machine;
    }
    return undefined;
  }

  /** Forgets a machine, so that it is built anew when it is next asked for. */
  discard(name: string): void {
    const plan = this.plan.machines.get(name);
    if (plan === undefined || !this.#hosts.delete(name)) return;
    for (const nic of plan.interfaces) {
      const port = this.#ports.get(`${name}/${nic.name}`);
      if (port !== undefined) {
        port.nic = undefined;
        port.sleeping = this.#sleeping(plan, nic);
      }
    }
  }

  /** Machines come and go; those that stay must be cabled as they were. */
  replan(plan: NetworkPlan): void {
    const before = this.#plan;
    this.#plan = plan;
    for (const machine of before.machines.values()) if (!plan.machines.has(machine.name)) this.#remove(machine);
    for (const machine of plan.machines.values()) if (!before.machines.has(machine.name)) this.#plugSleeping(machine);
  }

  /** The machine is carried away. */
  #remove({ name, interfaces }: MachinePlan): void {
    for (const netns of this.#hosts.get(name)?.namespaces ?? []) netns.sockets.destroy();
    this.#hosts.delete(name);
    for (const nic of interfaces) {
      const port = this.#ports.get(`${name}/${nic.name}`);
      this.#ports.delete(`${name}/${nic.name}`);
      if (port !== undefined) this.#switches.get(nic.switch)?.removePort(port);
    }
  }

  #plugSleeping(machine: MachinePlan): void {
    for (const nic of machine.interfaces) {
      const port = this.#switches
        .get(nic.switch)
        ?.addSleepingPort(`${machine.name} ${nic.name}`, this.#sleeping(machine, nic), nic.cable);
      if (port !== undefined) this.#ports.set(`${machine.name}/${nic.name}`, port);
    }
  }

  #sleeping(machine: MachinePlan, nic: InterfacePlan): SleepingHost {
    return {
      mac: this.#mac(machine, nic),
      // With arp_ignore 0, as the kernel begins, whatever device has the address.
      answersFor: (address) =>
        machine.interfaces.some((one) => one.address === address) || this.#announces(machine, nic, address),
      wake: () => {
        this.host(machine.name);
      },
    };
  }

  #mac(machine: MachinePlan, nic: InterfacePlan): Mac {
    return deviceMac(this.emulation.seed, { host: machine.name, netns: '', name: nic.name });
  }

  #build(plan: MachinePlan): Host {
    const host = new Host(this.emulation, plan.name);
    this.#hosts.set(plan.name, host);
    const { links, sysctl } = host.netns;
    links.set(links.require('lo'), { up: true });
    for (const nic of plan.interfaces) this.#attempt(plan, () => this.#addInterface(host, plan, nic));
    for (const route of plan.routes) this.#attempt(plan, () => addRoute(host, plan, route));
    if (plan.role === 'router') sysctl.set('net.ipv4.ip_forward', '1');
    this.#equip(host, plan);
    return host;
  }

  /** A document may ask for what the kernel refuses; the rest of the machine works on. */
  #attempt(plan: MachinePlan, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#refused(plan, error.message);
    }
  }

  #addInterface(host: Host, plan: MachinePlan, nic: InterfacePlan): void {
    const { links, fib } = host.netns;
    const { because } = plan;
    const dev = links.addEthernet({ name: nic.name, mtu: nic.mtu, mac: this.#mac(plan, nic), because });
    this.#ports.get(`${plan.name}/${nic.name}`)?.plug(dev);
    links.set(dev, { up: true });
    if (nic.address !== undefined)
      fib.addAddress(dev, { address: nic.address, prefixLength: nic.prefixLength, because });
  }
}

function addRoute(host: Host, { because }: MachinePlan, { to, via, dev, metric }: RoutePlan): void {
  const { links, fib } = host.netns;
  const nextHop = { via, dev: dev === undefined ? undefined : links.require(dev) };
  const destination = to.length === 0 ? DEFAULT_PREFIX : to;
  fib.addRoute({ destination, metric, nextHops: [nextHop], because }, 'append');
}
