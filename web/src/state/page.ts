/** Everything that the page knows, as signals, and what its user can do to it. */

import { computed, effect, signal } from '@preact/signals';
import type {
  Clock,
  Cluster,
  ExecAnswer,
  Fault,
  FaultRequest,
  Host,
  ListedObject,
  Pod,
  TraceRequest,
  TraceSummary,
} from '../api-types.js';
import type { EventMessage, StepMessage, StreamMessage } from '../../../src/server/stream/messages.js';
import { isLanguage, type Language } from '../texts/language.js';
import { Api, ApiError, type Source, type Topology } from './api.js';
import { Frame, FrameLog } from './frames.js';
import { namesOf } from './names.js';
import { formatRoute, parseRoute, type Route } from './route.js';
import { type ConnectionState, Stream } from './stream.js';

export type Theme = 'light' | 'dark';
export type Tool = 'answer' | 'packet' | 'place' | 'change' | 'faults';

/** What the picture is told of. */
export interface Watcher {
  onFrames(frames: readonly Frame[]): void;
  onDrop(step: StepMessage): void;
  onReset(): void;
}

const TOKEN_KEY = 'podwire.token';
const THEME_KEY = 'podwire.theme';
const LANGUAGE_KEY = 'podwire.language';
const EVENTS_KEPT = 200;

function firstLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY) ?? navigator.language.slice(0, 2);
  return isLanguage(kept) ? kept : 'en';
}

function firstTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export class PageState {
  readonly token = signal(sessionStorage.getItem(TOKEN_KEY) ?? undefined);
  readonly api = new Api(() => this.token.value);
  readonly needsToken = signal(false);

  readonly route = signal<Route>(parseRoute(window.location.hash));
  readonly theme = signal<Theme>(firstTheme());
  readonly language = signal<Language>(firstLanguage());

  readonly clusters = signal<readonly Cluster[] | undefined>(undefined);
  readonly topologies = signal<readonly Topology[]>([]);
  readonly paths = signal<ReadonlySet<string>>(new Set());
  /** A name while one is being loaded. */
  readonly loading = signal<string | undefined>(undefined);
  /** What went wrong last, in the server's words. */
  readonly problem = signal<ApiError | undefined>(undefined);

  /** Name of the cluster that is shown. */
  readonly current = signal<string | undefined>(undefined);
  readonly hosts = signal<readonly Host[]>([]);
  readonly pods = signal<readonly Pod[]>([]);
  readonly services = signal<readonly ListedObject[]>([]);
  readonly faults = signal<readonly Fault[]>([]);
  readonly clock = signal<Clock | undefined>(undefined);
  readonly names = computed(() => namesOf(this.hosts.value, this.pods.value, this.services.value));

  readonly connection = signal<ConnectionState>('connecting');
  readonly log = new FrameLog();
  readonly filter = signal('');
  readonly filterProblem = signal<string | undefined>(undefined);
  readonly paused = signal(false);
  /** Messages that the server left out since this reader is slow. */
  readonly missed = signal(0);
  readonly events = signal<readonly EventMessage[]>([]);

  readonly tool = signal<Tool>('answer');
  readonly frame = signal<Frame | undefined>(undefined);
  /** `node/NAME`, `pod/NS/NAME`: what is marked in the picture. */
  readonly place = signal<string | undefined>(undefined);
  readonly answer = signal<TraceSummary | undefined>(undefined);
  /** Of a command that was sent instead of a connection. */
  readonly commandAnswer = signal<{ readonly command: readonly string[]; readonly answer: ExecAnswer } | undefined>(
    undefined,
  );
  readonly sending = signal(false);
  /** Connections that were sent, the last first, without repetition. */
  readonly flows = signal<readonly TraceRequest[]>([]);
  readonly sender = signal<TraceRequest>({ from: '', to: '', protocol: 'tcp', branches: 'one' });
  /** What stands in the editor while it is not open. */
  readonly draft = signal('');
  readonly terminalTarget = signal<string | undefined>(undefined);

  #stream: Stream | undefined;
  #watcher: Watcher | undefined;

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route.value = parseRoute(window.location.hash);
    });
    effect(() => {
      document.documentElement.dataset['theme'] = this.theme.value;
      localStorage.setItem(THEME_KEY, this.theme.value);
    });
    effect(() => {
      document.documentElement.lang = this.language.value === 'zh' ? 'zh-CN' : 'en';
      localStorage.setItem(LANGUAGE_KEY, this.language.value);
    });
    effect(() => {
      const wanted = this.route.value.cluster;
      if (wanted !== undefined && wanted !== this.current.peek()) void this.open(wanted);
    });
    effect(() => {
      const wanted = this.route.value.scenario;
      if (wanted !== undefined) void this.loadTopology(wanted);
    });
  }

  /** What the server has at the start. */
  async start(): Promise<void> {
    await this.attempt(async () => {
      this.clusters.value = await this.api.clusters();
      this.needsToken.value = false;
      const first = this.clusters.value[0];
      if (this.route.value.cluster === undefined && this.route.value.scenario === undefined && first !== undefined)
        this.go({ cluster: first.name }, true);
      else if (this.route.value.cluster !== undefined && this.current.value === undefined)
        await this.open(this.route.value.cluster);
    });
    await this.attempt(async () => {
      this.topologies.value = await this.api.topologies();
      this.paths.value = await this.api.paths();
    });
  }

  /** Does it, and shows what went wrong. Answers whether it went well. */
  async attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) this.needsToken.value = true;
      else this.problem.value = error;
      return false;
    }
  }

  signIn(token: string): void {
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
    this.#stream?.close();
    this.#forget();
    const opened = await this.attempt(async () => {
      await this.refresh();
      this.suggest();
    });
    if (!opened) {
      this.current.value = undefined;
      return;
    }
    this.#listen(name);
    const last = (await this.api.traces(name).catch(() => [])).toSorted((a, b) => b.timeNs - a.timeNs)[0];
    this.answer.value ??= last;
  }

  #forget(): void {
    this.log.clear();
    this.hosts.value = [];
    this.pods.value = [];
    this.faults.value = [];
    this.events.value = [];
    this.answer.value = undefined;
    this.commandAnswer.value = undefined;
    this.frame.value = undefined;
    this.place.value = undefined;
    this.flows.value = [];
    this.missed.value = 0;
    this.#watcher?.onReset();
  }

  /** Machines, pods, Services, faults and the clock, as they are now. @throws ApiError */
  async refresh(): Promise<void> {
    const name = this.current.value;
    if (name === undefined) return;
    const [hosts, pods, services, faults, clock] = await Promise.all([
      this.api.hosts(name),
      this.api.pods(name),
      this.api.objects(name, '&kind=Service'),
      this.api.faults(name),
      this.api.clock(name),
    ]);
    if (this.current.value !== name) return;
    this.hosts.value = hosts;
    this.pods.value = pods;
    this.services.value = services;
    this.faults.value = faults;
    this.clock.value = clock;
  }

  /** Two pods on different nodes, or what there is: something to send at once. */
  suggest(): void {
    const pods = this.pods.value.filter(({ hostNetwork, addresses }) => !hostNetwork && addresses.length > 0);
    const from = pods.find(({ name }) => name.includes('client')) ?? pods[0];
    const to = pods.find(({ node }) => node !== from?.node) ?? pods.find((pod) => pod !== from);
    if (from === undefined || to === undefined) return;
    const protocol = 'icmp' as const;
    this.sender.value = {
      from: `pod/${from.namespace}/${from.name}`,
      to: `pod/${to.namespace}/${to.name}`,
      protocol,
      branches: 'one',
    };
    void this.#suggestPort(to);
  }

  /** The port that the suggested pod declares. */
  async #suggestPort({ namespace, name }: Pod): Promise<void> {
    const cluster = this.current.value ?? '';
    const [pod] = await this.api.objects(cluster, `&kind=Pod&namespace=${namespace}&name=${name}`).catch(() => []);
    const spec = pod?.object?.['spec'] as { containers?: { ports?: { containerPort?: number }[] }[] } | undefined;
    const port = spec?.containers?.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
    const { to } = this.sender.value;
    if (port !== undefined && to === `pod/${namespace}/${name}`)
      this.sender.value = { ...this.sender.value, to: `${to}:${port}`, protocol: 'tcp' };
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher;
    if (this.log.length > 0) watcher.onReset();
  }

  #listen(name: string): void {
    const stream = new Stream(name, this.token.value, (state) => {
      const lost = this.connection.peek() !== 'open';
      this.connection.value = state;
      if (state === 'open' && lost && this.#stream !== undefined) void this.refresh().catch(() => undefined);
    });
    this.#stream = stream;
    this.#subscribeFrames();
    stream.subscribe('drops', {
      kinds: ['steps'],
      filter: 'drop',
      onBatch: ({ messages }) => {
        for (const message of messages) if (message.type === 'step') this.#watcher?.onDrop(message);
      },
    });
    stream.subscribe('events', {
      kinds: ['events', 'traces'],
      onBatch: ({ messages }) => this.#happened(messages),
    });
  }

  #subscribeFrames(): void {
    this.#stream?.subscribe('frames', {
      kinds: ['frames'],
      filter: this.filter.value,
      onBatch: ({ messages, missed }) => {
        this.missed.value += missed;
        if (this.paused.value) return;
        const frames = this.log.add(
          messages.filter((message) => message.type === 'frame'),
          performance.now(),
        );
        this.#watcher?.onFrames(frames);
      },
      onSubscribed: () => {
        this.filterProblem.value = undefined;
      },
      onProblem: (detail) => {
        this.filterProblem.value = detail;
      },
      onEpoch: () => {
        this.log.clear();
        this.#watcher?.onReset();
      },
    });
  }

  /** Frames from now on are those that the filter lets through. */
  setFilter(filter: string): void {
    this.filter.value = filter.trim();
    this.log.clear();
    this.#subscribeFrames();
  }

  /** More of the stream, for as long as somebody looks: a terminal's tcpdump. Answers how to end it. */
  follow(filter: string, given: { onFrame: (frame: Frame) => void; onProblem: (words: string) => void }): () => void {
    const stream = this.#stream;
    const name = `follow-${crypto.randomUUID().slice(0, 8)}`;
    stream?.subscribe(name, {
      kinds: ['frames'],
      filter,
      onBatch: ({ messages }) => {
        for (const message of messages)
          if (message.type === 'frame') given.onFrame(new Frame(message, performance.now()));
      },
      onProblem: given.onProblem,
    });
    return () => stream?.unsubscribe(name);
  }

  #happened(messages: readonly StreamMessage[]): void {
    const events = messages.filter((message) => message.type === 'event');
    if (events.length === 0) return;
    this.events.value = [...events.toReversed(), ...this.events.value].slice(0, EVENTS_KEPT);
    const isTime = ({ event }: EventMessage): boolean => event === 'clock';
    if (events.some(isTime)) void this.readClock();
    if (!events.every(isTime)) void this.refresh().catch(() => undefined);
  }

  async readClock(): Promise<void> {
    const name = this.current.value;
    if (name !== undefined) this.clock.value = await this.api.clock(name).catch(() => this.clock.value);
  }

  /** Sends a connection; its answer is shown. */
  async send(request: TraceRequest): Promise<void> {
    const name = this.current.value;
    if (name === undefined || this.sending.value) return;
    this.sending.value = true;
    this.problem.value = undefined;
    await this.attempt(async () => {
      this.answer.value = await this.api.trace(name, request);
      this.commandAnswer.value = undefined;
      this.tool.value = 'answer';
      const same = (flow: TraceRequest): boolean =>
        flow.from === request.from && flow.to === request.to && flow.protocol === request.protocol;
      this.flows.value = [request, ...this.flows.value.filter((flow) => !same(flow))];
    });
    this.sending.value = false;
    void this.readClock();
  }

  /** Runs a command at a place; what it prints is shown, what it sends is seen. */
  async command(target: string, command: readonly string[]): Promise<void> {
    const name = this.current.value;
    if (name === undefined || this.sending.value) return;
    this.sending.value = true;
    this.problem.value = undefined;
    await this.attempt(async () => {
      this.commandAnswer.value = { command, answer: await this.api.exec(name, target, command) };
      this.answer.value = undefined;
      this.tool.value = 'answer';
    });
    this.sending.value = false;
    void this.readClock();
  }

  async load(name: string, sources: readonly Source[]): Promise<void> {
    this.loading.value = name;
    this.problem.value = undefined;
    await this.attempt(async () => {
      const { name: given } = await this.api.load(name, sources);
      this.clusters.value = await this.api.clusters();
      this.go({ cluster: given });
    });
    this.loading.value = undefined;
  }

  /** One that comes with the page; where it is loaded already it is only shown. */
  async loadTopology(name: string): Promise<void> {
    await this.attempt(async () => {
      const there = (await this.api.clusters()).some((cluster) => cluster.name === name);
      if (there) this.go({ cluster: name }, true);
      else await this.load(name, (await this.api.topology(name)).sources);
    });
  }

  async breakIt(fault: FaultRequest): Promise<void> {
    const name = this.current.value ?? '';
    await this.attempt(async () => {
      await this.api.breakIt(name, fault);
      await this.refresh();
    });
  }

  async mend(id: string): Promise<void> {
    const name = this.current.value ?? '';
    await this.attempt(async () => {
      await this.api.mend(name, id);
      await this.refresh();
    });
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
