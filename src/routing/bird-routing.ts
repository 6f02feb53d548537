/** The routing daemons of a cluster, as `Cluster.bringRouting` wants them. */

import { type ConfigProblem, formatIp, parseConfig } from '../bird/index.js';
import type {
  LostConnection,
  MakeRouting,
  RouteEvent,
  Routing,
  RoutingChange,
  RoutingSession,
  RoutingSite,
} from '../cluster/index.js';
import { type Host, NS_PER_S, type Timer } from '../kernel/index.js';
import { type ConfigError, configError, type Finding, finding } from '../kubernetes/index.js';
import type { TracePacket } from '../trace/index.js';
import { BIRD_CONF } from '../underlay/index.js';
import { detectAddress } from './address-monitor.js';
import { Causes } from './causes.js';
import { ConfdFiles } from './confd-files.js';
import { explainDetour, explainLost } from './explain.js';
import type { Daemons } from './daemons.js';
import { copyFaults, hasFaults } from './mirror.js';
import { programRoutes } from './program.js';
import { Rehearsal } from './rehearsal.js';
import { RestingNetwork } from './resting-network.js';
import type { ExplainFacts } from './session-story.js';
import { type Speaker, speakersOf } from './speakers.js';

/** Up to so many daemons speak to one another; a mesh of more costs seconds, and its square. */
const MOST_BY_MESSAGES = 24;
/** How often tables are brought up to what daemons have learned while time passes. */
const TICK_NS = NS_PER_S;

class BirdRouting implements Routing {
  readonly errors: readonly ConfigError[];
  readonly findings: readonly Finding[];
  readonly #site: RoutingSite;
  readonly #confd: ConfdFiles | undefined;
  readonly #causes: Causes;
  #speakers: ReadonlyMap<string, Speaker> | undefined = undefined;
  #held: Daemons | undefined = undefined;
  /** Machines as they were when they were given their routes: one that is another now has booted since. */
  readonly #equipped = new Map<string, Host>();
  /** Sessions that somebody has disabled, by machine and name. */
  readonly #disabled = new Map<string, { readonly host: string; readonly session: string }>();
  /** Until then something may still come of what has changed. */
  #restlessUntilNs = 0;
  readonly #mostByMessages: number;

  constructor(site: RoutingSite, mostByMessages: number) {
    this.#site = site;
    this.#mostByMessages = mostByMessages;
    this.#confd = site.ipam === undefined ? undefined : new ConfdFiles(site.store, site.ipam);
    this.#causes = new Causes(site);
    const { errors, findings } = readRouters(site);
    this.errors = errors;
    this.findings = findings;
  }

  get speakers(): ReadonlyMap<string, Speaker> {
    this.#speakers ??= speakersOf(this.#site);
    return this.#speakers;
  }

  /** All daemons at rest; the first who asks for one waits for them. */
  get #daemons(): Daemons {
    if (this.#held === undefined) {
      this.#held = this.#make();
      this.#disable();
    }
    return this.#held;
  }

  /** Daemons that have begun anew, or read their files anew, do not know of it. */
  #disable(): void {
    for (const { host, session } of this.#disabled.values()) this.#tell(host, session, false);
  }

  #tell(host: string, name: string, enabled: boolean): void {
    const found = this.#held?.sessions(host).find(({ config }) => config.name === name);
    if (found !== undefined) this.#held?.setSession(host, found.config, enabled);
  }

  #make(): Daemons {
    const { speakers } = this;
    const of = { speakers, confd: this.#confd, causes: this.#causes };
    return speakers.size > this.#mostByMessages ? new RestingNetwork(this.#site, of) : new Rehearsal(this.#site, of);
  }

  readonly equip = (host: Host): readonly Finding[] => {
    if (!this.#machines.has(host.name)) return [];
    // The files of one node in a large mesh are megabytes: written when somebody reads them.
    if (this.speakers.size <= this.#mostByMessages) this.refreshFiles(host);
    const daemons = this.#daemons;
    const before = this.#equipped.get(host.name);
    this.#equipped.set(host.name, host);
    if (before !== undefined && before !== host) {
      this.#copyFaults();
      daemons.reboot(host.name);
    }
    daemons.listen(host);
    const { refused } = programRoutes(host, daemons.wanted(host));
    return [...refused, ...daemons.problems(host.name)].flatMap((message) => this.#finding(host, message));
  };

  // Changes.

  readonly reconverge = (given: readonly RoutingChange[]): readonly RouteEvent[] => {
    const looked = given.filter((change) => change.kind === 'machine').map(({ name }) => this.#detect(name));
    const moved = looked.includes(true);
    const changes: readonly RoutingChange[] = moved ? [...given, { kind: 'objects' }] : given;
    if (changes.some(({ kind }) => kind === 'objects')) {
      this.#causes.forget();
      this.#forgetSpeakers();
    }
    const daemons = this.#held;
    if (daemons === undefined) return this.#equipped.size === 0 ? [] : this.#program();
    this.#copyFaults();
    daemons.change(changes);
    this.#disable();
    this.#restless();
    for (const host of this.#there()) daemons.listen(host);
    return this.#program();
  };

  /** calico-node on a machine that has changed looks for its address anew. */
  #detect(name: string): boolean {
    const host = this.speakers.get(name)?.dialect === 'bird-1.6' ? this.#site.machine(name) : undefined;
    return host !== undefined && detectAddress(this.#site.store, host);
  }

  /** Another set of machines that speak is another network: nobody has a machine that was not planned. */
  #forgetSpeakers(): void {
    const fresh = speakersOf(this.#site);
    const same = fresh.size === this.speakers.size && [...fresh.keys()].every((name) => this.speakers.has(name));
    if (same) return;
    this.#speakers = fresh;
    this.#held = undefined;
  }

  #restless(): void {
    this.#restlessUntilNs = this.#nowNs + (this.#held?.longestTimerNs ?? 0);
  }

  get #nowNs(): number {
    return this.#site.underlay().emulation.clock.nowNs;
  }

  /** Machines that have been given routes, and are there. */
  #there(): readonly Host[] {
    return [...this.#site.underlay().built].filter(({ name }) => this.#equipped.has(name));
  }

  /** What the daemons know now, in the tables of the machines that are there. */
  #program(): readonly RouteEvent[] {
    return this.#there().flatMap((host) => programRoutes(host, this.#daemons.wanted(host)).events);
  }

  #copyFaults(): void {
    const { underlay } = this.#daemons;
    if (!copyFaults(this.#site.underlay(), underlay)) return;
    this.#daemons.faultsChanged();
    this.#restless();
    this.#program();
  }

  /** Endpoints that have become ready, or are no more, are nobody's call. */
  #refresh(): void {
    if (this.#held?.refresh() !== true) return;
    this.#restless();
    this.#program();
  }

  // Time.

  readonly live = (pass: () => void): void => {
    const underlay = this.#site.underlay();
    if (this.#held !== undefined || hasFaults(underlay)) this.#copyFaults();
    this.#refresh();
    if (this.#nowNs >= this.#restlessUntilNs) return pass();
    const { clock } = underlay.emulation;
    let lastNs = clock.nowNs;
    const catchUp = (): void => {
      this.#daemons.pass(clock.nowNs - lastNs);
      lastNs = clock.nowNs;
      this.#refresh();
      this.#program();
    };
    const tick = (): Timer | undefined =>
      clock.nowNs >= this.#restlessUntilNs
        ? undefined
        : clock.schedule(TICK_NS, () => {
            catchUp();
            timer = tick();
          });
    let timer = tick();
    try {
      pass();
    } finally {
      timer?.cancel();
    }
    catchUp();
  };

  #finding({ name }: Host, message: string): readonly Finding[] {
    const subject = this.#site.store.get('Node', '', name) ?? this.#site.network;
    const told = { code: 'bird', severity: 'warning', message: `BIRD on ${name}: ${message}` } as const;
    return subject === undefined ? [] : [finding(subject, [], told)];
  }

  /** Machines with a daemon. */
  get #machines(): ReadonlySet<string> {
    return new Set(Array.from(this.speakers.values(), ({ machine }) => machine));
  }

  readonly refreshFiles = (host: Host): void => {
    if (this.speakers.get(host.name)?.dialect === 'bird-1.6') this.#confd?.write(host);
  };

  readonly birdc = (host: Host, command: string): string | undefined =>
    this.speakers.has(host.name) ? this.#daemons.birdc(host.name, command) : undefined;

  readonly sessions = ({ name }: Host): readonly RoutingSession[] =>
    this.speakers.has(name)
      ? this.#daemons
          .sessions(name)
          .map(({ config }) => ({ name: config.name, neighbor: formatIp(config.remoteAddress) }))
      : [];

  readonly setSession = ({ name: host }: Host, session: string, enabled: boolean): void => {
    const key = `${host} ${session}`;
    if (enabled !== this.#disabled.has(key)) return;
    if (enabled) this.#disabled.delete(key);
    else this.#disabled.set(key, { host, session });
    if (this.#held === undefined && !enabled) void this.#daemons;
    else this.#tell(host, session, enabled);
    this.#restless();
    this.#program();
  };

  readonly explain = (lost: LostConnection): readonly string[] => this.#explained((facts) => explainLost(lost, facts));

  readonly explainDetour = (packets: readonly TracePacket[]): readonly string[] =>
    this.#explained((facts) => explainDetour(packets, facts));

  #explained(explain: (facts: ExplainFacts) => readonly string[]): readonly string[] {
    const { speakers } = this;
    if (speakers.size === 0) return [];
    const [site, daemons, causes] = [this.#site, this.#daemons, this.#causes];
    let resting: RestingNetwork | undefined;
    const withheld: ExplainFacts['withheld'] = (...route) => {
      // Those that speak have forgotten what they refused: their filters are asked again.
      resting ??=
        daemons instanceof RestingNetwork
          ? daemons
          : new RestingNetwork(site, { speakers, confd: this.#confd, causes });
      return resting.withheld(...route);
    };
    return explain({ site, daemons, speakers, confd: this.#confd?.cluster, causes, withheld });
  }
}

/** Configurations that stand in the document of the network, read once to see whether they can be. */
function readRouters({ plan, network }: RoutingSite): Pick<Routing, 'errors' | 'findings'> {
  const errors: ConfigError[] = [];
  const findings: Finding[] = [];
  const told = ({ line, column, message }: ConfigProblem): string => `line ${line}, column ${column}: ${message}`;
  for (const { name, bird } of plan.machines.values()) {
    if (bird === undefined || network === undefined) continue;
    const read = parseConfig(bird.text, { dialect: 'bird-2', file: BIRD_CONF });
    const place = ({ line }: ConfigProblem) => network.source.lineOf(bird.path, line);
    for (const problem of read.errors) {
      const error = configError(network, bird.path, { expected: 'a configuration of BIRD 2', got: told(problem) });
      errors.push({ ...error, ...place(problem) });
    }
    for (const problem of read.findings) {
      const message = `BIRD on ${name}: ${told(problem)}`;
      findings.push({
        ...finding(network, bird.path, { code: 'bird', severity: 'warning', message }),
        ...place(problem),
      });
    }
  }
  return { errors, findings };
}

/** Routing whose daemons speak to one another where there are so many of them at most, and are computed where there are more. */
export const birdRoutingUpTo =
  (mostByMessages: number): MakeRouting =>
  (site) =>
    new BirdRouting(site, mostByMessages);

export const birdRouting: MakeRouting = birdRoutingUpTo(MOST_BY_MESSAGES);
