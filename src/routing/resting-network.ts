/**
 * The daemons of a large cluster: what their sessions come to, computed without messages for the machines that somebody
 * asks for. The same filters and decisions as those of daemons that speak; connections are tried, one of each kind.
 */

import {
  type ConfigProblem,
  ConvergedNetwork,
  formatProblem,
  restingBirdc,
  routeSpec,
  type Speaker as BirdSpeaker,
} from '../bird/index.js';
import { storedNodes } from '../calico/index.js';
import { type RoutingSite, startServer } from '../cluster/index.js';
import { type Host, KernelError } from '../kernel/index.js';
import { INADDR_ANY } from '../packet/index.js';
import type { Underlay } from '../underlay/index.js';
import type { Causes } from './causes.js';
import type { ConfdFiles } from './confd-files.js';
import type { Daemons, Session } from './daemons.js';
import { Mesh } from './mesh.js';
import { builtSpeaker, type PlanContext, plannedNode } from './planned-speaker.js';
import { Reachability } from './reachability.js';
import type { Speaker } from './speakers.js';

const BGP_PORT = 179;

export class RestingNetwork implements Daemons {
  readonly underlay: Underlay;
  readonly #speakers: ReadonlyMap<string, Speaker>;
  readonly #causes: Causes;
  readonly #birds = new Map<string, BirdSpeaker>();
  readonly #problems = new Map<string, readonly ConfigProblem[]>();
  readonly #network: ConvergedNetwork;
  readonly #machine: RoutingSite['machine'];

  constructor(
    site: RoutingSite,
    of: {
      readonly speakers: ReadonlyMap<string, Speaker>;
      readonly confd: ConfdFiles | undefined;
      readonly causes: Causes;
    },
  ) {
    this.underlay = site.rehearse();
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
    for (const name of of.speakers.keys()) this.#add(name, context);
    const { why } = new Reachability(site, this.underlay);
    this.#network = new ConvergedNetwork({ speakers: this.#birds.values(), unreachable: why });
  }

  #add(name: string, context: PlanContext): void {
    const plan = context.site.plan.machines.get(name);
    if (plan === undefined) return;
    const planned = plan.bird === undefined ? plannedNode(plan, context) : builtSpeaker(plan, context);
    if ('speaker' in planned) this.#birds.set(name, planned.speaker);
    else this.#problems.set(name, planned.problems);
  }

  readonly equip = (host: Host): readonly string[] => {
    const bird = this.#birds.get(host.name);
    if (bird === undefined) return (this.#problems.get(host.name) ?? []).map(formatProblem);
    this.#listen(host, bird);
    const deviceNamed = (name: string) => host.netns.devices.named(name);
    return this.#network.kernels(host.name).flatMap(({ config, routes }) =>
      routes.flatMap((route) => {
        const because = this.#causes.of(host.name, route);
        const spec = routeSpec(route, config, { deviceNamed, because });
        if (spec === undefined) return [];
        try {
          host.netns.fib.addRoute(spec);
          return [];
        } catch (error) {
          if (!(error instanceof KernelError)) throw error;
          return [error.message];
        }
      }),
    );
  };

  /** 1.6 has one socket, BIRD 2 one for every port that its sessions name. */
  #listen(host: Host, { config, mesh }: BirdSpeaker): void {
    const because = this.#speakers.get(host.name)?.because ?? [];
    const listen = (address: unknown, port: number): void => {
      const local = typeof address === 'number' ? (address as typeof INADDR_ANY) : INADDR_ANY;
      startServer(host.netns, { protocol: 'tcp', address: local, port, process: 'bird', because });
    };
    const sessions = config.protocols.filter((each) => each.kind === 'bgp');
    if (config.dialect === 'bird-2') {
      for (const { strictBind, localAddress, localPort } of sessions)
        listen(strictBind ? localAddress : undefined, localPort);
    } else if (sessions.length > 0 || mesh !== undefined)
      listen(config.listenBgpAddress, config.listenBgpPort || BGP_PORT);
  }

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
    const written = bird.config.protocols.filter((each) => each.kind === 'bgp');
    // bird.cfg lists them by name.
    const configs =
      bird.mesh === undefined
        ? written
        : [...written, ...bird.mesh.sessions()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const states = new Map(this.#network.sessions(name).map((session) => [session.name, session]));
    return configs.flatMap((config) => {
      const found = states.get(config.name);
      return found === undefined ? [] : [{ ...found, config }];
    });
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
