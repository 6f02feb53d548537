/**
 * The daemons of a cluster by messages, in an emulation of their own: all machines that run one are built once more,
 * their daemons are started, and virtual time runs until they are at rest. Sessions come up or do not for the reasons
 * that real ones have: packets through the kernels of both ends and of all between.
 */

import { BirdDaemon, type BgpConfig, type ConfigProblem, formatProblem } from '../bird/index.js';
import type { RoutingSite } from '../cluster/index.js';
import { type Host, NS_PER_S } from '../kernel/index.js';
import type { Underlay } from '../underlay/index.js';
import type { Causes } from './causes.js';
import type { ConfdFiles } from './confd-files.js';
import type { Daemons, Session } from './daemons.js';
import { copyListeners, copyRoutes } from './program.js';
import type { Speaker } from './speakers.js';

/** Longer than an error keeps a session from its next attempt, and than two of those. */
const LIMIT_S = 60;
/** All sessions are up for so long: tables are told, and the kernel was looked at twice. */
const REST_S = 5;

const isBgp = (config: { readonly kind: string }): config is BgpConfig => config.kind === 'bgp';

export class Rehearsal implements Daemons {
  readonly underlay: Underlay;
  readonly #daemons = new Map<string, BirdDaemon>();
  readonly #problems = new Map<string, readonly ConfigProblem[]>();
  readonly #speakers: ReadonlyMap<string, Speaker>;

  constructor(
    site: RoutingSite,
    of: {
      readonly speakers: ReadonlyMap<string, Speaker>;
      readonly confd: ConfdFiles | undefined;
      readonly causes: Causes;
    },
  ) {
    this.underlay = site.rehearse();
    this.#speakers = of.speakers;
    for (const speaker of of.speakers.values()) {
      const host = this.underlay.host(speaker.name);
      if (host === undefined) continue;
      if (speaker.dialect === 'bird-1.6') of.confd?.write(host);
      this.#start(host, speaker, of.causes);
    }
    this.#settle();
  }

  #start(host: Host, { name, dialect, file, because }: Speaker, causes: Causes): void {
    const becauseOf: BirdDaemon['options']['becauseOf'] = (route) => causes.of(name, route);
    const daemon = new BirdDaemon(host.netns, { dialect, file, because, becauseOf });
    const problems = daemon.start();
    if (problems.length > 0) this.#problems.set(name, problems);
    else this.#daemons.set(name, daemon);
  }

  #settle(): void {
    const { emulation } = this.underlay;
    let rested = 0;
    for (let second = 0; second < LIMIT_S && rested < REST_S; second += 1) {
      emulation.advance(NS_PER_S);
      const all = [...this.#daemons.values()].every(({ protocols }) =>
        protocols.every(({ kind, state }) => kind !== 'BGP' || state === 'up'),
      );
      rested = all ? rested + 1 : 0;
    }
  }

  readonly equip = (host: Host): readonly string[] => {
    const twin = this.underlay.host(host.name);
    const speaker = this.#speakers.get(host.name);
    if (twin === undefined || speaker === undefined) return [];
    const kernels = (this.#daemons.get(host.name)?.config?.protocols ?? []).filter((each) => each.kind === 'kernel');
    const refused = copyRoutes(twin, host, kernels);
    copyListeners(twin, host, speaker.because);
    return [...refused, ...(this.#problems.get(host.name) ?? []).map(formatProblem)];
  };

  readonly runs = (name: string): boolean => this.#daemons.has(name);

  readonly birdc = (name: string, command: string): string | undefined => this.#daemons.get(name)?.birdc(command);

  readonly sessions = (name: string): readonly Session[] => {
    const daemon = this.#daemons.get(name);
    const configs = new Map((daemon?.config?.protocols ?? []).filter(isBgp).map((config) => [config.name, config]));
    return (daemon?.protocols ?? []).flatMap((protocol): Session[] => {
      const config = configs.get(protocol.name);
      if (config === undefined) return [];
      const { bgpState = 'Down', reason, state } = protocol;
      return [{ config, up: state === 'up', bgpState, reason }];
    });
  };
}
