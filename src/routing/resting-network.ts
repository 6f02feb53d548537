/**
 * The daemons of a large cluster: what their sessions come to, computed without messages for the machines that somebody
 * asks for. The same filters and decisions as those of daemons that speak; connections are tried, one of each kind.
 */

import {
  type BgpConfig,
  type ConfigProblem,
  ConvergedNetwork,
  formatProblem,
  type IpAddr,
  type LinkAddresses,
  type Net,
  restingBirdc,
  routeSpec,
  type Speaker as BirdSpeaker,
  type Withheld,
} from '../bird/index.js';
import { storedNodes } from '../calico/index.js';
import { type RoutingChange, type RoutingSite, startServer } from '../cluster/index.js';
import type { Host } from '../kernel/index.js';
import { INADDR_ANY } from '../packet/index.js';
import type { Underlay } from '../underlay/index.js';
import type { Causes } from './causes.js';
import type { Daemons, Session } from './daemons.js';
import { copyFaults } from './mirror.js';
import { Mesh } from './mesh.js';
import { builtSpeaker, type PlanContext, plannedCaller, plannedNode } from './planned-speaker.js';
import type { Described } from './program.js';
import { Reachability } from './reachability.js';
import type { RehearsalParts } from './rehearsal.js';
import type { Speaker } from './speakers.js';

const BGP_PORT = 179;

const callsSomebody = (speaker: BirdSpeaker, addresses: ReadonlySet<IpAddr>): boolean =>
  speaker.mesh !== undefined ||
  speaker.config.protocols.some((each) => each.kind === 'bgp' && addresses.has(each.remoteAddress));

function addressesOf({ interfaces }: BirdSpeaker): ReadonlySet<IpAddr> {
  return new Set([...interfaces].flatMap(({ addresses }) => addresses.map(({ ip }) => ip)));
}

/** Whose an address is: where a machine has two daemons, that of which a session leads to whoever asks. */
function speakerFinder(speakers: readonly BirdSpeaker[]) {
  const byAddress = new Map<IpAddr, BirdSpeaker[]>();
  for (const speaker of speakers)
    for (const address of addressesOf(speaker)) byAddress.set(address, [...(byAddress.get(address) ?? []), speaker]);
  return (address: IpAddr, from: BirdSpeaker): BirdSpeaker | undefined => {
    const [first, ...others] = byAddress.get(address) ?? [];
    if (others.length === 0) return first;
    const own = addressesOf(from);
    return [first, ...others].find((each) => each !== undefined && callsSomebody(each, own)) ?? first;
  };
}

export class RestingNetwork implements Daemons {
  #rest: Rest;
  readonly #site: RoutingSite;
  readonly #parts: RehearsalParts;
  /** What MetalLB's speakers announced when the routes were computed. */
  #texts: string;
  readonly #stopped = new Set<string>();
  /** `ADDRESS ADDRESS` of the ends of sessions that are disabled at either. */
  readonly #disabled = new Map<string, Link>();
  /** There are none: what is lost is lost at once. */
  readonly longestTimerNs = 0;

  constructor(site: RoutingSite, parts: RehearsalParts) {
    this.#site = site;
    this.#parts = parts;
    this.#texts = this.#announced();
    this.#rest = this.#compute();
  }

  #announced(): string {
    return [...this.#parts.speakers.values()].flatMap(({ text }) => text?.() ?? []).join('\n');
  }

  #compute(): Rest {
    const speakers = new Map([...this.#parts.speakers].filter(([name]) => !this.#stopped.has(name)));
    return new Rest(this.#site, { ...this.#parts, speakers }, [...this.#disabled.values()]);
  }

  get underlay(): Underlay {
    return this.#rest.underlay;
  }

  readonly wanted = (host: Host): readonly Described[] => this.#rest.wanted(host);
  readonly listen = (host: Host): void => this.#rest.listen(host);
  readonly problems = (name: string): readonly string[] => this.#rest.problems(name);
  readonly runs = (name: string): boolean => this.#rest.runs(name);
  readonly sessions = (name: string): readonly Session[] => this.#rest.sessions(name);
  readonly birdc = (name: string, command: string): string | undefined => this.#rest.birdc(name, command);

  /** Which filter keeps a route to a network from a neighbour. */
  withheld(from: string, to: string, net: Net): Withheld | undefined {
    return this.#rest.withheld(from, to, net);
  }

  readonly change = (changes: readonly RoutingChange[]): void => {
    for (const change of changes) {
      if (change.kind !== 'daemon') continue;
      if (change.event === 'started') this.#stopped.delete(change.name);
      else this.#stopped.add(change.name);
    }
    this.#rest = this.#compute();
  };

  readonly setSession = (name: string, { name: session, remoteAddress }: BgpConfig, enabled: boolean): void => {
    if (enabled) this.#disabled.delete(`${name} ${session}`);
    else this.#disabled.set(`${name} ${session}`, { speaker: name, neighbor: remoteAddress });
    this.#rest = this.#compute();
  };

  readonly faultsChanged = (): void => {
    this.#rest = this.#compute();
  };

  readonly refresh = (): boolean => {
    const texts = this.#announced();
    if (texts === this.#texts) return false;
    this.#texts = texts;
    this.#rest = this.#compute();
    return true;
  };

  readonly pass = (): void => undefined;
  readonly reboot = (): void => undefined;
}

/** A session, by one of its ends. */
interface Link {
  readonly speaker: string;
  readonly neighbor: IpAddr;
}

/** Whether a connection from one speaker to another's address would be that session's, from either end. */
const isOf = ({ speaker, neighbor }: Link, from: string, to: string, ends: LinkAddresses): boolean =>
  (speaker === from && neighbor === ends.destination) || (speaker === to && neighbor === ends.source);

/** All routes, as they are for one state of the cluster. */
class Rest {
  readonly underlay: Underlay;
  readonly #speakers: ReadonlyMap<string, Speaker>;
  readonly #causes: Causes;
  readonly #birds = new Map<string, BirdSpeaker>();
  readonly #problems = new Map<string, readonly ConfigProblem[]>();
  readonly #network: ConvergedNetwork;
  readonly #machine: RoutingSite['machine'];

  constructor(site: RoutingSite, of: RehearsalParts, disabled: readonly Link[]) {
    this.underlay = site.rehearse();
    copyFaults(site.underlay(), this.underlay);
    this.#machine = site.machine;
    this.#speakers = of.speakers;
    this.#causes = of.causes;
    const context: PlanContext = {
      site,
      confd: of.confd,
      mesh: of.confd && new Mesh(of.confd.cluster),
      nodes: new Map(of.confd === undefined ? [] : storedNodes(site.store).map((node) => [node.name, node])),
      underlay: this.underlay,
    };
    for (const speaker of of.speakers.values()) this.#add(speaker, context);
    const { why } = new Reachability(site, this.underlay, (name) => of.speakers.get(name)?.machine ?? name);
    const unreachable = (from: BirdSpeaker, to: BirdSpeaker, ends: LinkAddresses): string | undefined =>
      disabled.some((link) => isOf(link, from.name, to.name, ends)) ? 'Disabled' : why(from, to, ends);
    const speakerAt = speakerFinder([...this.#birds.values()]);
    this.#network = new ConvergedNetwork({ speakers: this.#birds.values(), unreachable, speakerAt });
  }

  #add({ name, machine, text }: Speaker, context: PlanContext): void {
    const plan = context.site.plan.machines.get(machine);
    if (plan === undefined) return;
    const planned =
      text !== undefined
        ? plannedCaller(plan, context, { name, text: text() })
        : plan.bird === undefined
          ? plannedNode(plan, context)
          : builtSpeaker(plan, context);
    if ('speaker' in planned) this.#birds.set(name, planned.speaker);
    else this.#problems.set(name, planned.problems);
  }

  readonly wanted = (host: Host): readonly Described[] => {
    if (!this.#birds.has(host.name)) return [];
    const deviceNamed = (name: string) => host.netns.devices.named(name);
    return this.#network.kernels(host.name).flatMap(({ config, routes }) =>
      routes.flatMap((route) => {
        const because = this.#causes.of(host.name, route);
        return routeSpec(route, config, { deviceNamed, because }) ?? [];
      }),
    );
  };

  readonly problems = (name: string): readonly string[] => (this.#problems.get(name) ?? []).map(formatProblem);

  readonly listen = (host: Host): void => {
    const bird = this.#birds.get(host.name);
    if (bird !== undefined) this.#open(host, bird);
  };

  /** 1.6 has one socket, BIRD 2 one for every port that its sessions name. */
  #open(host: Host, { config, mesh }: BirdSpeaker): void {
    const because = this.#speakers.get(host.name)?.because ?? [];
    const listen = (address: unknown, port: number): void => {
      const local = typeof address === 'number' ? (address as typeof INADDR_ANY) : INADDR_ANY;
      startServer(host.netns, { protocol: 'tcp', address: local, port, process: 'bird', because });
    };
    const sessions = config.protocols.filter((each) => each.kind === 'bgp' || each.kind === 'bgp-range');
    if (config.dialect === 'bird-2') {
      for (const { strictBind, localAddress, localPort } of sessions)
        listen(strictBind ? localAddress : undefined, localPort);
    } else if (sessions.length > 0 || mesh !== undefined)
      listen(config.listenBgpAddress, config.listenBgpPort || BGP_PORT);
  }

  readonly withheld = (from: string, to: string, net: Net): Withheld | undefined =>
    this.#network.withheld(from, to, net);

  readonly runs = (name: string): boolean => this.#birds.has(name);

  readonly sessions = (name: string): readonly Session[] =>
    this.#sessionsOf(name).map(({ config, state, bgpState, reason }) => ({
      config,
      up: state === 'up',
      bgpState,
      reason,
    }));

  #sessionsOf(name: string) {
    const bird = this.#birds.get(name);
    if (bird === undefined) return [];
    const sessions = this.#network.sessions(name);
    // bird.cfg lists them by name.
    return bird.mesh === undefined ? sessions : [...sessions].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  readonly birdc = (name: string, command: string): string | undefined => {
    const bird = this.#birds.get(name);
    const host = this.#machine(name);
    if (bird === undefined || host === undefined) return undefined;
    return restingBirdc(command, {
      netns: host.netns,
      config: bird.config,
      routerId: this.#network.routerId(name),
      sessions: this.#sessionsOf(name),
      routes: (table) => this.#network.routes(name, table).map(({ routes }) => routes),
    });
  };
}
