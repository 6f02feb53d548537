/**
 * Whether the connections of a large network's sessions can be made. A connection of each kind is tried through the
 * kernels of two machines that are built for it; two pairs are of one kind where nothing in the input can tell them
 * apart: the same subnets and routes, the same HostConfigs and host endpoints, and the same place in every network that
 * a rule of the input names.
 */

import type { BgpConfig, LinkAddresses, Speaker as BirdSpeaker } from '../bird/index.js';
import { type RoutingSite, startServer } from '../cluster/index.js';
import { ERRNO_TEXT } from '../kernel/index.js';
import { type Ipv4Addr, type Ipv4Prefix, parseIpv4, parseIpv4Prefix, prefixContains } from '../packet/index.js';
import type { MachinePlan, Underlay } from '../underlay/index.js';
import { tryConnection } from './probe.js';

const ADDRESSES = /\b\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?/g;

/** Networks that stand anywhere in a document: in texts, and as what the loader has made of them. */
function* networksIn(value: unknown): Iterable<Ipv4Prefix> {
  if (typeof value === 'string') {
    for (const [text] of value.matchAll(ADDRESSES)) {
      const addr = parseIpv4(text);
      const network = addr === undefined ? parseIpv4Prefix(text) : { addr, length: 32 };
      if (network !== undefined) yield network;
    }
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if ('addr' in value && 'length' in value && typeof value.addr === 'number' && typeof value.length === 'number')
    yield { addr: value.addr as Ipv4Addr, length: value.length };
  for (const each of Object.values(value)) yield* networksIn(each);
}

const POLICY_KINDS = ['GlobalNetworkPolicy', 'GlobalNetworkSet', 'NetworkSet'] as const;

/** Machines of which a cable is pulled: each is a kind of its own. */
function machinesCutOff({ switches, plan }: Underlay): ReadonlySet<string> {
  const down = new Set(
    Array.from(switches, ({ ports }) => ports.filter((port) => port.down))
      .flat()
      .map(({ name }) => name),
  );
  const isCut = ({ name, interfaces }: MachinePlan): boolean =>
    interfaces.some((nic) => down.has(`${name} ${nic.name}`));
  return new Set(down.size === 0 ? [] : [...plan.machines.values()].filter(isCut).map(({ name }) => name));
}

export class Reachability {
  readonly #site: RoutingSite;
  readonly #underlay: Underlay;
  readonly #kinds = new Map<string, string>();
  readonly #results = new Map<string, string | undefined>();
  #networks: readonly Ipv4Prefix[] | undefined = undefined;
  readonly #cut: ReadonlySet<string>;
  readonly #machineOf: (speaker: string) => string;

  constructor(site: RoutingSite, underlay: Underlay, machineOf: (speaker: string) => string) {
    this.#machineOf = machineOf;
    this.#site = site;
    this.#underlay = underlay;
    this.#cut = machinesCutOff(underlay);
  }

  /** Networks that rules of the input name: what lies in the same of them is told apart by none. */
  get #named(): readonly Ipv4Prefix[] {
    if (this.#networks !== undefined) return this.#networks;
    const { store, plan } = this.#site;
    const documents: unknown[] = [...plan.machines.values()].flatMap(({ name, role, routes }) => [
      ...this.#site.hostConfigs(name).map(({ body }) => body.spec),
      // A node's own are part of its kind.
      ...(role === 'node' ? [] : routes),
    ]);
    for (const kind of POLICY_KINDS) documents.push(...store.list(kind).map(({ spec }) => spec));
    const found = new Map<string, Ipv4Prefix>();
    for (const document of new Set(documents))
      for (const network of networksIn(document)) found.set(`${network.addr}/${network.length}`, network);
    this.#networks = [...found.values()];
    return this.#networks;
  }

  #kindOf(name: string): string {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    const plan = this.#site.plan.machines.get(name);
    const alone = plan === undefined || plan.role !== 'node' || this.#cut.has(name);
    const kind = alone ? name : this.#nodeKind(plan);
    this.#kinds.set(name, kind);
    return kind;
  }

  #nodeKind({ name, interfaces, routes }: MachinePlan): string {
    const { store } = this.#site;
    const endpoints = store.list('HostEndpoint').filter(({ spec }) => spec.node === name);
    const addresses = interfaces.flatMap(({ address }) => address ?? []);
    return JSON.stringify([
      interfaces.map(({ switch: fabric, subnet, prefixLength, mtu, cable }) => [
        fabric,
        subnet,
        prefixLength,
        mtu,
        cable,
      ]),
      routes,
      this.#site.hostConfigs(name).map((config) => config.name),
      endpoints.map(({ labels, spec: { interfaceName, profiles } }) => [labels, interfaceName, profiles]),
      addresses.map((address) => this.#named.flatMap((network, i) => (prefixContains(network, address) ? [i] : []))),
    ]);
  }

  /** Why a connection is not made, in a daemon's words: empty where nothing comes back; undefined where it is. */
  readonly why = (
    from: BirdSpeaker,
    to: BirdSpeaker,
    { source, destination, port }: LinkAddresses,
  ): string | undefined => {
    if (typeof source !== 'number' || typeof destination !== 'number') return undefined;
    const own = from.interfaces.neighbor(source)?.self === true;
    const [caller, called] = [from, to].map(({ name }) => this.#machineOf(name)) as [string, string];
    const key = `${own} ${port} ${this.#kindOf(caller)} > ${this.#kindOf(called)}`;
    if (!this.#results.has(key)) {
      this.#results.set(
        key,
        this.#try(caller, called, { localAddress: source, remoteAddress: destination, remotePort: port }),
      );
    }
    return this.#results.get(key);
  };

  #try(
    from: string,
    to: string,
    connection: Pick<BgpConfig, 'localAddress' | 'remoteAddress' | 'remotePort'>,
  ): string | undefined {
    const listener = this.#underlay.host(to);
    if (listener !== undefined) {
      startServer(listener.netns, { protocol: 'tcp', port: connection.remotePort, process: 'bird', because: [] });
    }
    const outcome = tryConnection(this.#underlay, from, connection);
    if (outcome === undefined || outcome.connected) return undefined;
    return outcome.errno === undefined ? '' : `Socket: ${ERRNO_TEXT[outcome.errno]}`;
  }
}
