/** A machine: its namespaces, its files, and the emulation that it lives in. */

import type { Emulation } from './emulation.js';
import { KernelError } from './errors.js';
import { Netns } from './netns.js';

/** NET_NS_INIT_INO of include/uapi/linux/nsfs.h. */
const FIRST_INODE = 4_026_531_833;
/** The first number that was free on a Linux 6.18 for a namespace, and how many its /proc/net takes with it. */
const OTHER_INODES = 4_026_532_177;
const INODES_OF_NETNS = 69;

/** Kernel modules that make a difference by being loaded. */
export type KernelModule = 'ipip' | 'sctp';

export class Host {
  readonly name: string;
  readonly emulation: Emulation;
  /** The namespace that the machine boots with. */
  readonly netns: Netns;
  /** Path to content: what `cat` prints. */
  readonly files = new Map<string, string>();
  readonly #named = new Map<string, Netns>();
  readonly #modules = new Set<KernelModule>();

  constructor(emulation: Emulation, name: string) {
    this.emulation = emulation;
    this.name = name;
    this.netns = new Netns(this, '', FIRST_INODE);
  }

  /** All namespaces, the host's own first. */
  get namespaces(): readonly Netns[] {
    return [this.netns, ...this.#named.values()];
  }

  hasModule(module: KernelModule): boolean {
    return this.#modules.has(module);
  }

  /** `modprobe`: a module that is loaded is there in all namespaces, and in those that come. */
  loadModule(module: KernelModule): void {
    if (this.#modules.has(module)) return;
    this.#modules.add(module);
    if (module === 'ipip') for (const netns of this.namespaces) netns.links.initIpip();
  }

  /** `ip netns add`. @throws KernelError EEXIST */
  addNetns(name: string): Netns {
    if (this.#named.has(name)) throw new KernelError('EEXIST', `netns add ${name}`);
    const netns = new Netns(this, name, this.#freeInode());
    this.#named.set(name, netns);
    return netns;
  }

  /** proc_alloc_inum(): the lowest that nobody has. */
  #freeInode(): number {
    const taken = new Set([...this.#named.values()].map(({ inode }) => inode));
    let inode = OTHER_INODES;
    while (taken.has(inode)) inode += INODES_OF_NETNS;
    return inode;
  }

  /** By the name under /run/netns. */
  namedNetns(name: string): Netns | undefined {
    return this.#named.get(name);
  }

  /** By path: `/run/netns/x` or `/var/run/netns/x`; `/proc/1/ns/net` is the host's own. */
  netnsAt(path: string): Netns | undefined {
    if (path === '/proc/1/ns/net') return this.netns;
    const match = /^(?:\/var)?\/run\/netns\/([^/]+)$/.exec(path);
    return match?.[1] === undefined ? undefined : this.#named.get(match[1]);
  }

  /** `ip netns del`: devices go with it, and with a veth its peer. @throws KernelError ENOENT */
  deleteNetns(name: string): void {
    const netns = this.#named.get(name);
    if (netns === undefined) throw new KernelError('ENOENT', `netns del ${name}`);
    netns.sockets.destroy();
    for (const dev of Array.from(netns.devices)) netns.links.unregister(dev);
    this.#named.delete(name);
  }
}
