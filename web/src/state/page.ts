/** Everything that the page knows, as signals, and what its user can do to it. */

import { computed, effect, signal } from '@preact/signals';
import type {
  AnyFault,
  Clock,
  Cluster,
  Fault,
  Finding,
  Host,
  ListedObject,
  Pod,
  Scenario,
  ScenarioRun,
  TraceRequest,
  TraceSummary,
} from '../api-types.js';
import type { Language } from '../texts/language.js';
import { Api, ApiError, readCluster, type Source } from './api.js';
import type { Frame } from './frames.js';
import { Live } from './live.js';
import { ReadClock } from './clock.js';
import { InOrder, Repeated } from './in-order.js';
import { firstLanguage, firstTheme, keepLooks, type Theme } from './looks.js';
import { namesOf } from './names.js';
import { type Action, isAway, type Problem } from './problem.js';
import type { Answered, Asking, Printed, QueryAnswer } from './queries.js';
import type { Pane, Tool } from './panes.js';
import { formatRoute, type Missing, parseRoute, type Route } from './route.js';
import { NOTHING_TO_SEND, suggestFlow, withFlow } from './targets.js';

const TOKEN_KEY = 'podwire.token';

export class PageState {
  readonly token = signal(sessionStorage.getItem(TOKEN_KEY) ?? undefined);
  readonly api = new Api(() => this.token.value);
  readonly needsToken = signal(false);
  /** It was given one that it does not take. */
  readonly tokenRefused = signal(false);

  readonly route = signal<Route>(parseRoute(window.location.hash));
  readonly theme = signal<Theme>(firstTheme());
  readonly language = signal<Language>(firstLanguage());

  readonly clusters = signal<readonly Cluster[] | undefined>(undefined);
  readonly faultKinds = signal<ReadonlySet<string>>(new Set());
  readonly scenarios = signal<readonly Scenario[]>([]);
  /** How the scenario's expectations were met that was loaded last. */
  readonly scenarioRun = signal<ScenarioRun | undefined>(undefined);
  /** What a link named last that there is none of. */
  readonly #nothing = signal<Missing | undefined>(undefined);
  /** What the link names that is shown, if there is none. */
  readonly missing = computed(() => {
    const nothing = this.#nothing.value;
    return nothing !== undefined && this.route.value[nothing.kind] === nothing.name ? nothing : undefined;
  });
  /** A name while one is being loaded. */
  readonly loading = signal<string | undefined>(undefined);
  readonly problem = signal<Problem | undefined>(undefined);

  /** Name of the cluster that is shown. */
  readonly current = signal<string | undefined>(undefined);
  readonly hosts = signal<readonly Host[]>([]);
  readonly pods = signal<readonly Pod[]>([]);
  readonly services = signal<readonly ListedObject[]>([]);
  readonly faults = signal<readonly Fault[]>([]);
  /** What a real cluster would suffer from. */
  readonly findings = signal<readonly Finding[]>([]);
  readonly #time = new ReadClock({
    api: this.api,
    current: this.current,
    isLost: () => this.live.connection.value === 'lost',
  });
  readonly clock = this.#time.clock;
  readonly names = computed(() => namesOf(this.hosts.value, this.pods.value, this.services.value));

  /** What happens in the cluster that is shown. */
  readonly live = new Live({
    onChange: () => void this.#refreshed.again(),
    onTime: () => this.#time.changed(),
    onSeen: (timeNs) => this.#time.seen(timeNs),
    isThere: (name) => this.#isThere(name),
    onGone: (name) => this.#showMissing({ kind: 'cluster', name }),
  });

  readonly tool = signal<Tool>('answer');
  readonly pane = signal<Pane>('main');
  readonly frame = signal<Frame | undefined>(undefined);
  /** `node/NAME`, `pod/NS/NAME`: what is marked in the picture. */
  readonly place = signal<string | undefined>(undefined);
  readonly answer = signal<TraceSummary | undefined>(undefined);
  /** The trace that was shown until just now. */
  readonly leftTrace = signal<string | undefined>(undefined);
  /** What a command printed that was run beside the trace. */
  readonly commandAnswer = signal<Printed | undefined>(undefined);
  readonly sending = signal(false);
  /** Connections that were sent, the last first, without repetition. */
  readonly flows = signal<readonly TraceRequest[]>([]);
  readonly sender = signal<TraceRequest>(NOTHING_TO_SEND);
  /** What stands in the editor while it is not open. */
  readonly draft = signal('');
  readonly terminalTarget = signal<string | undefined>(undefined);

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route.value = parseRoute(window.location.hash);
    });
    keepLooks(this.theme, this.language);
    effect(() => {
      const wanted = this.route.value.cluster;
      if (wanted !== undefined) void this.#visit(wanted);
    });
    effect(() => {
      const wanted = this.route.value.scenario;
      if (wanted !== undefined) void this.#runScenario(wanted);
    });
    effect(() => {
      if (this.live.connection.value === 'open' && isAway(this.problem.peek())) this.problem.value = undefined;
    });
  }

  /** What the server has at the start. */
  async start(): Promise<void> {
    await this.attempt('open', async () => {
      this.clusters.value = await this.api.clusters();
      this.needsToken.value = false;
      const [first] = this.clusters.value;
      const { cluster, scenario } = this.route.value;
      if (cluster === undefined && scenario === undefined && first !== undefined)
        this.go({ cluster: first.name }, true);
    });
    // Not what was linked to at first: meanwhile it may be another.
    const { cluster, scenario } = this.route.value;
    if (cluster !== undefined) await this.#visit(cluster);
    if (scenario !== undefined) await this.#runScenario(scenario);
    await this.attempt('load', async () => {
      this.scenarios.value = await this.api.scenarios();
      this.faultKinds.value = await this.api.faultKinds();
    });
  }

  /** Whether there is a cluster of that name or id. @throws ApiError */
  async #isThere(wanted: string): Promise<boolean> {
    this.clusters.value = await this.api.clusters();
    return this.clusters.value.some(({ name, id }) => name === wanted || id === wanted);
  }

  #showMissing(missing: Missing): void {
    this.live.close();
    this.current.value = undefined;
    this.#nothing.value = missing;
  }

  /** Opens what a link names, or says that there is no such cluster. */
  async #visit(name: string): Promise<void> {
    if (name === this.current.peek()) return;
    await this.attempt('open', async () => {
      const there = await this.#isThere(name);
      // Meanwhile it may have been opened, or another been asked for.
      if (name === this.current.peek() || name !== this.route.peek().cluster) return;
      if (there) await this.open(name);
      else this.#showMissing({ kind: 'cluster', name });
    });
  }

  /** Does it, and shows what went wrong, instead of what the same ended with before. Answers whether it went well. */
  async attempt(action: Action, act: () => Promise<void>): Promise<boolean> {
    const before = this.problem.peek();
    try {
      await act();
      if (before?.action === action && this.problem.peek() === before) this.problem.value = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        this.needsToken.value = true;
        this.tokenRefused.value = this.token.value !== undefined;
      } else this.problem.value = { action, error };
      return false;
    }
  }

  /** Does it to the cluster that is shown. Of one that is shown no more nothing is shown, and no mistake told. */
  attemptHere<T>(action: Action, ask: (cluster: string) => Promise<T>, show: (answer: T) => void): Promise<boolean> {
    const { value: name } = this.current;
    const isShown = (): boolean => this.current.peek() === name;
    return this.attempt(action, async () => {
      try {
        const answer = await ask(name ?? '');
        if (isShown()) show(answer);
      } catch (error) {
        if (isShown()) throw error;
      }
    });
  }

  signIn(token: string): void {
    this.tokenRefused.value = false;
    this.token.value = token;
    sessionStorage.setItem(TOKEN_KEY, token);
    void this.start();
  }

  go(route: Route, replace = false): void {
    const hash = formatRoute(route);
    if (replace) {
      window.history.replaceState(undefined, '', hash);
      this.route.value = parseRoute(hash);
    } else window.location.hash = hash;
  }

  /** Shows a cluster: its machines first, then what happens in it. */
  async open(name: string): Promise<void> {
    this.current.value = name;
    this.#nothing.value = undefined;
    this.live.close();
    this.#forget();
    const opened = await this.attempt('open', async () => {
      await this.refresh();
      if (this.current.value === name) void suggestFlow(this.api, name, this);
    });
    // Meanwhile another may have been asked for.
    if (this.current.value !== name) return;
    if (!opened) {
      this.current.value = undefined;
      return;
    }
    if (this.route.value.packet !== undefined) this.tool.value = 'packet';
    this.live.open(name, this.token.value);
    const last = (await this.api.traces(name).catch(() => [])).toSorted((a, b) => b.timeNs - a.timeNs)[0];
    if (this.current.value === name) this.answer.value ??= last;
  }

  #forget(): void {
    this.hosts.value = [];
    this.pods.value = [];
    this.faults.value = [];
    this.findings.value = [];
    this.answer.value = undefined;
    this.commandAnswer.value = undefined;
    this.frame.value = undefined;
    this.place.value = undefined;
    this.flows.value = [];
    this.terminalTarget.value = undefined;
    this.clock.value = undefined;
    this.sender.value = NOTHING_TO_SEND;
    this.#asking = undefined;
    this.sending.value = false;
  }

  readonly #reads = new InOrder();
  readonly #refreshed = new Repeated(() => this.refresh().catch(() => undefined));

  /** Machines, pods, Services, faults, findings and the clock, as they are now. @throws ApiError */
  async refresh(): Promise<void> {
    const name = this.current.value;
    if (name === undefined) return;
    const read = this.#reads.show(
      () => readCluster(this.api, name),
      ({ hosts, pods, services, faults, findings }) => {
        if (this.current.value !== name) return;
        this.hosts.value = hosts;
        this.pods.value = pods;
        this.services.value = services;
        this.faults.value = faults;
        this.findings.value = findings;
      },
    );
    await Promise.all([read, this.#time.ask(name)]);
  }

  readClock(): Promise<void> {
    return this.#time.read();
  }

  /** Runs it, stops it, or moves it on. */
  async turnClock(turn: (cluster: string) => Promise<Clock>): Promise<void> {
    await this.attemptHere(
      'clock',
      (name) => this.#time.ask(name, turn),
      () => undefined,
    );
  }

  /** Sends a connection; its answer is shown. */
  send(request: TraceRequest): Promise<void> {
    return this.#ask(async (name) => ({ trace: await this.api.trace(name, request), request }));
  }

  /** Asks by DNS or HTTP: what became of the connection, and what the command prints. */
  query(from: string, query: (asking: Asking) => Promise<QueryAnswer>): Promise<void> {
    return this.#ask((name) =>
      query({
        trace: (wanted) => this.api.trace(name, wanted),
        exec: (words) => this.api.exec(name, from, words),
      }),
    );
  }

  /** The question that is under way, of the cluster that is shown. */
  #asking: object | undefined = undefined;

  /** One at a time; the tool that shows answers is opened. */
  async #ask(ask: (cluster: string) => Promise<Answered>): Promise<void> {
    if (this.current.value === undefined || this.sending.value || this.#knownAway) return;
    const asking = {};
    this.#asking = asking;
    this.sending.value = true;
    if (!isAway(this.problem.value)) this.problem.value = undefined;
    const went = await this.attemptHere('send', ask, ({ trace, request, printed }) => {
      if (this.#asking !== asking) return;
      this.answer.value = trace;
      this.commandAnswer.value = printed;
      this.flows.value = withFlow(this.flows.value, request);
      this.problem.value = undefined;
      this.tool.value = 'answer';
    });
    // Meanwhile another cluster may have been opened.
    if (this.#asking !== asking) return;
    this.sending.value = false;
    if (went) void this.readClock();
    else {
      // The former answer is not of what was asked.
      this.answer.value = undefined;
      this.commandAnswer.value = undefined;
    }
  }

  /** The server is away, and that is said already. */
  get #knownAway(): boolean {
    return isAway(this.problem.value) && this.live.connection.value === 'lost';
  }

  async load(name: string, sources: readonly Source[]): Promise<void> {
    const { value: route } = this.route;
    this.loading.value = name;
    this.problem.value = undefined;
    await this.attempt('load', async () => {
      const { name: given } = await this.api.load(name, sources);
      this.clusters.value = await this.api.clusters();
      // Where the user has gone elsewhere it is among the clusters.
      if (this.route.value === route) this.go({ cluster: given });
    });
    this.loading.value = undefined;
  }

  /** The scenario that is being loaded. */
  #scenario: string | undefined;

  /** Loads a scenario and sends what is expected of it; where it is loaded already it is only shown. */
  async #runScenario(name: string): Promise<void> {
    if (this.#scenario === name) return;
    this.#scenario = name;
    await this.attempt('load', async () => {
      this.scenarios.value = await this.api.scenarios();
      if (name !== this.route.peek().scenario) return;
      if (!this.scenarios.value.some((one) => one.name === name)) return this.#showMissing({ kind: 'scenario', name });
      if (!(await this.#isThere(name))) {
        this.loading.value = name;
        this.scenarioRun.value = await this.api.runScenario(name);
        this.clusters.value = await this.api.clusters();
      }
      if (name === this.route.peek().scenario) this.go({ cluster: name }, true);
    });
    if (this.#scenario !== name) return;
    this.loading.value = undefined;
    this.#scenario = undefined;
  }

  breakIt(fault: AnyFault): Promise<void> {
    return this.#changeFaults((name) => this.api.breakIt(name, fault));
  }

  mend(id: string): Promise<void> {
    return this.#changeFaults((name) => this.api.mend(name, id));
  }

  async #changeFaults(change: (cluster: string) => Promise<unknown>): Promise<void> {
    const act = (name: string): Promise<void> => change(name).then(() => this.refresh());
    await this.attemptHere('break', act, () => undefined);
  }

  select(place: string | undefined): void {
    this.place.value = place;
    if (place !== undefined) this.tool.value = 'place';
  }

  showFrame(frame: Frame): void {
    this.frame.value = frame;
    this.tool.value = 'packet';
    const { trace: _, ...route } = this.route.value;
    this.go({ ...route, packet: frame.message.seq }, true);
  }
}
