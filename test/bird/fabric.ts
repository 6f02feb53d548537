/** Networks for daemons: machines on segments, with routers between them, and files that they read. */

import { type Device, Emulation, Host, type Netns, NS_PER_S, RT_PROTOCOL } from '../../src/kernel/index.js';
import { BirdDaemon, type BirdOptions } from '../../src/bird/index.js';
import {
  DEFAULT_PREFIX,
  ipv4BroadcastOf,
  type Ipv4Addr,
  parseIpv4,
  parseIpv4Network,
  parseIpv4Prefix,
} from '../../src/packet/index.js';

function ip(text: string): Ipv4Addr {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new TypeError(`no address: ${text}`);
  return addr;
}

export function network(text: string) {
  const prefix = parseIpv4Network(text);
  if (prefix === undefined) throw new TypeError(`no network: ${text}`);
  return prefix;
}

/** Machines and the segments that they are on; each segment is a bridge of its own. */
export class Fabric {
  readonly emulation: Emulation;
  readonly #switches: Host;
  readonly #machines = new Map<string, Netns>();
  readonly #daemons: BirdDaemon[] = [];
  #cables = 0;

  constructor(seed = 7) {
    this.emulation = new Emulation({ seed });
    this.#switches = new Host(this.emulation, 'switches');
  }

  machine(name: string): Netns {
    const known = this.#machines.get(name);
    if (known !== undefined) return known;
    const { netns } = new Host(this.emulation, name);
    netns.links.set(netns.links.require('lo'), { up: true });
    this.#machines.set(name, netns);
    return netns;
  }

  /** Plugs a machine into a segment: `plug('node1', 'eth0', 'rack1', '172.18.0.2/24')`. */
  plug(machine: string, dev: string, segment: string, address: string): Device {
    const switches = this.#switches.netns;
    const bridge = switches.devices.named(segment) ?? switches.links.addBridge({ name: segment });
    if (!bridge.up) switches.links.set(bridge, { up: true });
    const netns = this.machine(machine);
    const port = `p${(this.#cables += 1)}`;
    const near = netns.links.addVeth({ name: dev }, { name: port, netns: switches });
    netns.links.set(near, { up: true });
    const far = switches.links.require(port);
    if (bridge.kind === 'bridge') switches.links.set(far, { up: true, master: bridge as never });
    this.address(machine, dev, address);
    return near;
  }

  /** `ip address add`. */
  address(machine: string, dev: string, text: string): void {
    const netns = this.machine(machine);
    const prefix = parseIpv4Prefix(text);
    if (prefix === undefined) throw new TypeError(`no address with a length: ${text}`);
    const broadcast = prefix.length < 31 ? ipv4BroadcastOf(prefix.addr, prefix.length) : undefined;
    netns.fib.addAddress(netns.links.require(dev), { address: prefix.addr, prefixLength: prefix.length, broadcast });
  }

  /** A device that leads nowhere, up. */
  device(machine: string, name: string): Device {
    const netns = this.machine(machine);
    const dev = netns.links.addDummy({ name });
    netns.links.set(dev, { up: true });
    return dev;
  }

  /** `ip route add default via …`. */
  defaultRoute(machine: string, via: string): void {
    this.machine(machine).fib.addRoute({
      destination: DEFAULT_PREFIX,
      protocol: RT_PROTOCOL.boot,
      nextHops: [{ via: ip(via) }],
    });
  }

  forward(machine: string): void {
    this.machine(machine).sysctl.set('net.ipv4.ip_forward', '1');
  }

  /** A daemon on a machine, started; its files are the machine's. */
  bird(machine: string, config: string, options: Partial<BirdOptions> = {}): BirdDaemon {
    const netns = this.machine(machine);
    const file = options.file ?? '/etc/bird.conf';
    netns.host.files.set(file, config);
    const daemon = new BirdDaemon(netns, { dialect: 'bird-2', ...options, file });
    const errors = daemon.start();
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Runs for so many seconds. */
  run(seconds: number): void {
    this.emulation.advance(seconds * NS_PER_S);
  }

  /** Runs until it holds, a second at a time; false where it does not within the limit. */
  runUntil(holds: () => boolean, limitSeconds = 120): boolean {
    for (let second = 0; second < limitSeconds; second++) {
      if (holds()) return true;
      this.run(1);
    }
    return holds();
  }

  /** The lines of `ip route`. */
  routes(machine: string): string[] {
    return this.machine(machine).fib.listRoutes(254);
  }

  /** All daemons end at once, so that nothing is left to happen. */
  end(): void {
    for (const daemon of this.#daemons) if (daemon.running) daemon.kill();
  }
}
