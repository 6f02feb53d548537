/** The routing daemons of a cluster, as `Cluster.bringRouting` wants them. */

import { type ConfigProblem, formatProblem, parseConfig } from '../bird/index.js';
import type { LostConnection, Routing, RoutingSite } from '../cluster/index.js';
import type { Host } from '../kernel/index.js';
import { type ConfigError, configError, type Finding, finding } from '../kubernetes/index.js';
import { BIRD_CONF } from '../underlay/index.js';
import { Causes } from './causes.js';
import { ConfdFiles } from './confd-files.js';
import { explainLost } from './explain.js';
import { copyListeners, copyRoutes } from './program.js';
import { Rehearsal } from './rehearsal.js';
import { type Speaker, speakersOf } from './speakers.js';

class BirdRouting implements Routing {
  readonly errors: readonly ConfigError[];
  readonly #site: RoutingSite;
  readonly #confd: ConfdFiles | undefined;
  readonly #causes: Causes;
  #speakers: ReadonlyMap<string, Speaker> | undefined = undefined;
  #rehearsal: Rehearsal | undefined = undefined;

  constructor(site: RoutingSite) {
    this.#site = site;
    this.#confd = site.ipam === undefined ? undefined : new ConfdFiles(site.store, site.ipam);
    this.#causes = new Causes(site);
    this.errors = routerErrors(site);
  }

  get speakers(): ReadonlyMap<string, Speaker> {
    this.#speakers ??= speakersOf(this.#site);
    return this.#speakers;
  }

  /** All daemons at rest; the first who asks for one waits for them. */
  get #daemons(): Rehearsal {
    this.#rehearsal ??= new Rehearsal(this.#site, {
      speakers: this.speakers.values(),
      confd: this.#confd,
      causes: this.#causes,
    });
    return this.#rehearsal;
  }

  readonly equip = (host: Host): readonly Finding[] => {
    const speaker = this.speakers.get(host.name);
    if (speaker === undefined) return [];
    this.refreshFiles(host);
    const daemons = this.#daemons;
    const twin = daemons.underlay.host(host.name);
    if (twin === undefined) return [];
    const kernels = (daemons.daemon(host.name)?.config?.protocols ?? []).filter((each) => each.kind === 'kernel');
    const refused = copyRoutes(twin, host, kernels);
    copyListeners(twin, host, speaker.because);
    return [
      ...refused.map((message) => this.#finding(host, message)),
      ...daemons.problems(host.name).map((problem) => this.#finding(host, formatProblem(problem))),
    ].flat();
  };

  #finding({ name }: Host, message: string): readonly Finding[] {
    const subject = this.#site.store.get('Node', '', name) ?? this.#site.network;
    const told = { code: 'bird', severity: 'warning', message: `BIRD on ${name}: ${message}` } as const;
    return subject === undefined ? [] : [finding(subject, [], told)];
  }

  readonly refreshFiles = (host: Host): void => {
    if (this.speakers.get(host.name)?.dialect === 'bird-1.6') this.#confd?.write(host);
  };

  readonly birdc = (host: Host, command: string): string | undefined =>
    this.speakers.has(host.name) ? this.#daemons.daemon(host.name)?.birdc(command) : undefined;

  readonly explain = (lost: LostConnection): readonly string[] =>
    this.speakers.size === 0
      ? []
      : explainLost(lost, {
          site: this.#site,
          daemons: this.#daemons,
          speakers: this.speakers,
          confd: this.#confd?.cluster,
          causes: this.#causes,
        });
}

/** Configurations that stand in the document of the network, read once to see whether they can be. */
function routerErrors({ plan, network }: RoutingSite): ConfigError[] {
  if (network === undefined) return [];
  const told = ({ line, column, message }: ConfigProblem): string => `line ${line}, column ${column}: ${message}`;
  return [...plan.machines.values()].flatMap(({ bird }) =>
    bird === undefined
      ? []
      : parseConfig(bird.text, { dialect: 'bird-2', file: BIRD_CONF }).errors.map((problem) =>
          configError(network, bird.path, { expected: 'a configuration of BIRD 2', got: told(problem) }),
        ),
  );
}

export const birdRouting = (site: RoutingSite): Routing => new BirdRouting(site);
