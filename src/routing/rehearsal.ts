/**
 * The daemons of a cluster by messages, in an emulation of their own: all machines that run one are built once more,
 * their daemons are started, and virtual time runs until they are at rest. Sessions come up or do not for the reasons
 * that real ones have: packets through the kernels of both ends and of all between. What changes in the cluster is
 * changed here, and the daemons go on from where they are.
 */

import { BirdDaemon, type BgpConfig, type ConfigProblem, formatProblem } from '../bird/index.js';
import type { RoutingChange, RoutingSite } from '../cluster/index.js';
import { type Host, NS_PER_S, RT_PROTOCOL } from '../kernel/index.js';
import type { Underlay } from '../underlay/index.js';
import type { Causes } from './causes.js';
import type { ConfdFiles } from './confd-files.js';
import type { Daemons, Session } from './daemons.js';
import { mirrorMachine } from './mirror.js';
import { copyListeners, type Described } from './program.js';
import type { Speaker } from './speakers.js';

/** Longer than an error keeps a session from its next attempt, and than two of those. */
const LIMIT_S = 60;
/** All sessions are up for so long: tables are told, and the kernel was looked at twice. */
const REST_S = 5;
/** After the last timer: what was withdrawn is told on, and kernels are scanned. */
const MARGIN_S = 60;

export interface RehearsalParts {
  readonly speakers: ReadonlyMap<string, Speaker>;
  readonly confd: ConfdFiles | undefined;
  readonly causes: Causes;
}

export class Rehearsal implements Daemons {
  readonly underlay: Underlay;
  readonly #site: RoutingSite;
  readonly #parts: RehearsalParts;
  readonly #daemons = new Map<string, BirdDaemon>();
  readonly #problems = new Map<string, readonly ConfigProblem[]>();

  constructor(site: RoutingSite, parts: RehearsalParts) {
    this.#site = site;
    this.#parts = parts;
    this.underlay = site.rehearse();
    for (const name of parts.speakers.keys()) this.#start(name);
    this.#settle();
  }

  /** calico-node starts its BIRD with `-R`: neighbours may have kept the routes of the one that was there before. */
  #start(name: string, recover = false): void {
    const { speakers, confd, causes } = this.#parts;
    const speaker = speakers.get(name);
    const host = speaker && this.underlay.host(speaker.machine);
    if (host === undefined || speaker === undefined) return;
    const { machine, dialect, file, text, because } = speaker;
    if (dialect === 'bird-1.6') confd?.write(host);
    const becauseOf: BirdDaemon['options']['becauseOf'] = (route) => causes.of(machine, route);
    const own = text === undefined ? {} : { files: { read: text }, listens: false };
    const daemon = new BirdDaemon(host.netns, { dialect, file, because, becauseOf, recover, ...own });
    this.#began(name, daemon, daemon.start());
  }

  #began(name: string, daemon: BirdDaemon, problems: readonly ConfigProblem[]): void {
    if (problems.length > 0) this.#problems.set(name, problems);
    else {
      this.#problems.delete(name);
      this.#daemons.set(name, daemon);
    }
  }

  #settle(): void {
    const { emulation } = this.underlay;
    let rested = 0;
    for (let second = 0; second < LIMIT_S && rested < REST_S; second += 1) {
      emulation.advance(NS_PER_S);
      const all = [...this.#daemons.values()].every(({ protocols }) =>
        protocols.every(({ session, state }) => session === undefined || state === 'up'),
      );
      rested = all ? rested + 1 : 0;
    }
  }

  readonly pass = (ns: number): void => this.underlay.emulation.advance(ns);

  readonly faultsChanged = (): void => undefined; // kernels see it by themselves

  get longestTimerNs(): number {
    const protocols = [...this.#daemons.values()].flatMap((daemon) => daemon.protocols);
    const sessions = protocols.flatMap(({ session }) => session ?? []);
    const longest = sessions.map(({ holdTime, gracefulRestartTime }) => holdTime + gracefulRestartTime);
    return (Math.max(0, ...longest) + MARGIN_S) * NS_PER_S;
  }

  // Changes.

  readonly change = (changes: readonly RoutingChange[]): void => {
    for (const { name } of changes.filter((change) => change.kind === 'machine')) this.#mirror(name);
    if (changes.some(({ kind }) => kind === 'objects')) this.#objectsChanged();
    for (const change of changes) if (change.kind === 'daemon') this.#daemonEvent(change.name, change.event);
    this.#settle();
  };

  #mirror(name: string): void {
    const from = this.#site.machine(name);
    const to = this.underlay.host(name);
    if (from !== undefined && to !== undefined) mirrorMachine(from, to);
  }

  /** What components have made of the objects on machines, and confd of their files. */
  #objectsChanged(): void {
    for (const { name, machine, dialect, text } of this.#parts.speakers.values()) {
      if (text !== undefined) continue;
      this.#mirror(machine);
      const host = this.underlay.host(machine);
      if (dialect === 'bird-1.6' && host !== undefined && this.#parts.confd?.write(host) === true) this.#reload(name);
    }
    this.refresh();
  }

  readonly refresh = (): boolean => {
    const reloaded = [...this.#parts.speakers.values()]
      .filter(({ text }) => text !== undefined)
      .map(({ name }) => this.#reload(name));
    return reloaded.includes(true);
  };

  /** `birdctl configure`, and whether there was anything new. One that did not start for its files is started again. */
  #reload(name: string): boolean {
    const daemon = this.#daemons.get(name);
    if (daemon === undefined) {
      if (this.#problems.has(name)) this.#start(name);
      return this.#daemons.has(name);
    }
    const outcome = daemon.configure();
    if (outcome.kind === 'refused') this.#problems.set(name, outcome.errors);
    else this.#problems.delete(name);
    return outcome.kind === 'reconfigured';
  }

  #daemonEvent(name: string, event: 'killed' | 'stopped' | 'started'): void {
    const daemon = this.#daemons.get(name);
    if (event === 'started') {
      if (daemon === undefined) this.#start(name, true);
      return;
    }
    if (event === 'killed') daemon?.kill();
    else daemon?.stop();
    this.#daemons.delete(name);
  }

  readonly reboot = (name: string): void => {
    const own = [...this.#parts.speakers.values()].filter(({ machine }) => machine === name);
    for (const speaker of own) this.#daemonEvent(speaker.name, 'killed');
    this.underlay.discard(name);
    for (const speaker of own) this.#start(speaker.name, speaker.dialect === 'bird-1.6');
    this.#settle();
  };

  // What came of it.

  readonly wanted = ({ name }: Host): readonly Described[] =>
    (this.underlay.host(name)?.netns.fib.routes() ?? []).filter(({ protocol }) => protocol === RT_PROTOCOL.bird);

  readonly listen = (host: Host): void => {
    const twin = this.underlay.host(host.name);
    const speaker = this.#parts.speakers.get(host.name);
    if (twin !== undefined && speaker !== undefined) copyListeners(twin, host, speaker.because);
  };

  readonly problems = (name: string): readonly string[] =>
    [...this.#parts.speakers.values()]
      .filter(({ machine }) => machine === name)
      .flatMap((speaker) => this.#problems.get(speaker.name) ?? [])
      .map(formatProblem);

  readonly runs = (name: string): boolean => this.#daemons.has(name);

  /** The neighbour hears of it within a moment. */
  readonly setSession = (name: string, { name: session }: BgpConfig, enabled: boolean): void => {
    this.#daemons.get(name)?.birdc(`${enabled ? 'enable' : 'disable'} ${session}`);
    this.pass(NS_PER_S);
  };

  readonly birdc = (name: string, command: string): string | undefined => this.#daemons.get(name)?.birdc(command);

  readonly sessions = (name: string): readonly Session[] => {
    const daemon = this.#daemons.get(name);
    return (daemon?.protocols ?? []).flatMap((protocol): Session[] => {
      const { session: config, bgpState = 'Down', reason, state } = protocol;
      if (config === undefined) return [];
      return [{ config, up: state === 'up', bgpState, reason }];
    });
  };
}
