/**
 * A cloud's load balancer as a Linux machine in front of the nodes: it answers ARP for its addresses, asks nodes whether
 * they are well, and leads connections to those that are. In the mode VIP by routes to all of them, chosen by a hash of
 * both ends (net.ipv4.fib_multipath_hash_policy 1), so that packets reach a node with the balancer's address and answers
 * go their own way; in the mode Proxy by translating both addresses.
 */

import { KernelError, type Netns } from '../../../kernel/index.js';
import { formatIpv4, hostPrefix, type Ipv4Addr, prefixContains } from '../../../packet/index.js';
import { ArpResponder } from '../arp-responder.js';
import type { Check, Front, Target } from './front.js';
import { type CheckTiming, HealthCheck } from './health-check.js';
import { renderBalancer, type ServedFront } from './rules.js';

const PROCESS = 'load-balancer';

export interface BalancerRequest {
  readonly netns: Netns;
  readonly fronts: readonly Front[];
  readonly targets: readonly Target[];
  readonly timing: CheckTiming;
  /** Told of what the kernel refuses. */
  readonly refused: (message: string) => void;
}

/** What a balancer knows of one node behind an address. */
export interface TargetHealth {
  readonly node: string;
  readonly state: HealthCheck['state'];
  readonly reason: string;
}

const keyOf = ({ address }: Target, { kind, port }: Check): string => `${formatIpv4(address)} ${kind} ${port}`;

export class Balancer {
  readonly #request: BalancerRequest;
  readonly #checks = new Map<string, HealthCheck>();
  /** Addresses whose nodes are being asked. */
  readonly #asked = new Set<Ipv4Addr>();
  readonly #arp: ArpResponder;
  #dirty = false;

  constructor(request: BalancerRequest) {
    this.#request = request;
    const { netns, fronts } = request;
    netns.sysctl.set('net.ipv4.ip_forward', '1');
    netns.sysctl.set('net.ipv4.fib_multipath_hash_policy', '1');
    for (const name of ['all', 'default', ...[...netns.devices].map((dev) => dev.name)])
      netns.sysctl.set(`net.ipv4.conf.${name}.send_redirects`, '0');
    const own = new Set(fronts.map(({ address }) => address));
    this.#arp = new ArpResponder({ netns, process: PROCESS, answersFor: (address) => own.has(address) });
    this.#apply();
  }

  #frontsAt(address: Ipv4Addr): readonly Front[] {
    return this.#request.fronts.filter((front) => front.address === address);
  }

  #checkOf(target: Target, { check, because }: Front): HealthCheck {
    const key = keyOf(target, check);
    const known = this.#checks.get(key);
    if (known !== undefined) return known;
    const { netns, timing } = this.#request;
    const changed = (): void => this.#changed();
    const made = new HealthCheck({ netns, target, check, timing, process: PROCESS, because, changed });
    this.#checks.set(key, made);
    return made;
  }

  /** Begins, or goes on, to ask the nodes behind an address. */
  ask(address: Ipv4Addr): void {
    this.#asked.add(address);
    for (const front of this.#frontsAt(address))
      for (const target of this.#request.targets) this.#checkOf(target, front).start();
  }

  /** Goes on with all that was asked before. */
  resume(): void {
    for (const address of this.#asked) this.ask(address);
  }

  /** Its machine has no balancer any more. */
  stop(): void {
    this.pause();
    this.#arp.close();
  }

  pause(): void {
    for (const check of this.#checks.values()) check.stop();
  }

  /** Whether something can be said of every node behind an address. */
  settled(address: Ipv4Addr): boolean {
    return !this.#dirty && this.health(address).every(({ state }) => state !== 'initial');
  }

  health(address: Ipv4Addr): readonly TargetHealth[] {
    return this.#frontsAt(address).flatMap((front) =>
      this.#request.targets.map((target) => {
        const check = this.#checks.get(keyOf(target, front.check));
        return { node: target.node, state: check?.state ?? 'initial', reason: check?.reason ?? '' };
      }),
    );
  }

  /** What changes at one instant is written once. */
  #changed(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#request.netns.emulation.wake(() => {
      this.#dirty = false;
      this.#apply();
    });
  }

  #apply(): void {
    const { netns, fronts, targets, refused } = this.#request;
    const served = fronts.map((front): ServedFront => {
      const well = targets.filter((target) => this.#checks.get(keyOf(target, front.check))?.state === 'healthy');
      return { front, targets: front.ipMode === 'VIP' ? well.filter((target) => this.#onLink(target)) : well };
    });
    const { text, causes } = renderBalancer(served);
    for (const { line, message } of netns.netfilter.iptables.restore(text, { causes }))
      refused(`iptables-restore: line ${line}: ${message}`);
    for (const one of served) if (one.front.ipMode === 'VIP') this.#lead(one);
  }

  /** Nodes to which packets cannot be led unchanged: there is a router between. */
  get offLink(): readonly Target[] {
    const led = this.#request.fronts.some(({ ipMode }) => ipMode === 'VIP');
    return led ? this.#request.targets.filter((target) => !this.#onLink(target)) : [];
  }

  #onLink({ address }: Target): boolean {
    return [...this.#request.netns.devices].some((dev) =>
      dev.addresses.some((own) => prefixContains({ addr: own.address, length: own.prefixLength }, address)),
    );
  }

  /** Without a node there is no route: its firewall drops what comes before. */
  #lead({ front, targets }: ServedFront): void {
    const { fib } = this.#request.netns;
    const destination = hostPrefix(front.address);
    try {
      if (targets.length > 0) {
        const nextHops = targets.map(({ address }) => ({ via: address, dev: undefined }));
        fib.addRoute({ destination, nextHops, because: front.because }, 'replace');
      } else if (fib.routes().some((route) => isTo(route.destination, front.address))) fib.deleteRoute({ destination });
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#request.refused(`${front.name}: ${error.message}`);
    }
  }
}

const isTo = ({ addr, length }: { readonly addr: Ipv4Addr; readonly length: number }, address: Ipv4Addr): boolean =>
  length === 32 && addr === address;
