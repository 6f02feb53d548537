/** The REST API as functions. Every error is a problem document (RFC 9457), or says that nobody answers. */

import type {
  AnyFault,
  ChangeAnswer,
  Clock,
  Cluster,
  ExecAnswer,
  Fault,
  Finding,
  Host,
  ListedObject,
  Page,
  Pod,
  ProblemBody,
  Scenario,
  ScenarioRun,
  TraceRequest,
  TraceSummary,
} from '../api-types.js';
import type { HostState } from '../host-state.js';
import type { TraceDocument } from '../trace-document.js';
import type { WhatIfAnswer, WhatIfRequest } from '../what-if.js';

export interface Source {
  readonly file: string;
  readonly text: string;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** 0 where nobody answered. */
  readonly status: number;
  readonly problem: Partial<ProblemBody>;

  constructor(status: number, problem: Partial<ProblemBody>) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

const PAGE_SIZE = 1000;
const JSON_TYPE = { 'content-type': 'application/json' };
const YAML_TYPE = { 'content-type': 'application/yaml' };

interface Asked {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function problemOf(response: Response): Promise<Partial<ProblemBody>> {
  const isProblem = response.headers.get('content-type')?.includes('json') === true;
  return isProblem ? ((await response.json()) as ProblemBody) : { title: response.statusText };
}

type ObjectName = Pick<ListedObject, 'kind' | 'namespace' | 'name'>;

const queryOf = ({ kind, namespace, name }: ObjectName): string =>
  [`&kind=${kind}`, `&namespace=${namespace || '-'}`, `&name=${encodeURIComponent(name)}`].join('');

function pathOf(cluster: string, { group, kind, namespace, name }: ListedObject): string {
  const path = [group || 'core', kind, namespace || '-', name].map(encodeURIComponent).join('/');
  return `/clusters/${cluster}/objects/${path}`;
}

export class Api {
  readonly #token: () => string | undefined;

  constructor(token: () => string | undefined) {
    this.#token = token;
  }

  /** @throws ApiError */
  async #ask(path: string, { method = 'GET', body, headers = {} }: Asked = {}): Promise<Response> {
    const token = this.#token();
    const own = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const init = { method, headers: { ...headers, ...own }, ...(body === undefined ? {} : { body }) };
    const response = await fetch(`/api/v1${path}`, init).catch((error: unknown) => {
      throw new ApiError(0, { title: error instanceof Error ? error.message : String(error) });
    });
    if (!response.ok) throw new ApiError(response.status, await problemOf(response));
    return response;
  }

  async #get<T>(path: string): Promise<T> {
    return (await (await this.#ask(path)).json()) as T;
  }

  async #post<T>(path: string, value: unknown): Promise<T> {
    const asked = { method: 'POST', body: JSON.stringify(value), headers: JSON_TYPE };
    return (await (await this.#ask(path, asked)).json()) as T;
  }

  /** All pages of a list. */
  async #all<T>(path: string): Promise<readonly T[]> {
    const items: T[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      const mark: string = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const page: Page<T> = await this.#get(`${path}${path.includes('?') ? '&' : '?'}limit=${PAGE_SIZE}${mark}`);
      items.push(...page.items);
      next = page.continue;
    }
    return items;
  }

  readonly clusters = (): Promise<readonly Cluster[]> => this.#all('/clusters');
  readonly cluster = (name: string): Promise<Cluster> => this.#get(`/clusters/${name}`);
  readonly load = (name: string, sources: readonly Source[]): Promise<Cluster> =>
    this.#post('/clusters', { name, sources });
  readonly hosts = (name: string): Promise<readonly Host[]> => this.#all(`/clusters/${name}/hosts`);
  readonly pods = (name: string): Promise<readonly Pod[]> => this.#all(`/clusters/${name}/pods`);
  readonly findings = (name: string): Promise<readonly Finding[]> => this.#all(`/clusters/${name}/findings`);
  readonly objects = (name: string, query = ''): Promise<readonly ListedObject[]> =>
    this.#all(`/clusters/${name}/objects?full=true${query}`);
  /** Without the objects themselves: all, or those of one name. */
  readonly objectNames = (name: string, of?: ObjectName): Promise<readonly ListedObject[]> =>
    this.#all(`/clusters/${name}/objects?full=false${of === undefined ? '' : queryOf(of)}`);
  /** Undefined where it is there no more: a list of none is no mistake, of which a browser would complain. */
  readonly object = async (name: string, of: ListedObject): Promise<ListedObject | undefined> =>
    (await this.objects(name, queryOf(of))).find(({ group }) => group === of.group);
  readonly hostState = (name: string, host: string): Promise<HostState> =>
    this.#get(`/clusters/${name}/hosts/${encodeURIComponent(host)}/state`);
  readonly exec = (name: string, target: string, command: readonly string[]): Promise<ExecAnswer> =>
    this.#post(`/clusters/${name}/exec`, { target, command });

  readonly trace = (name: string, request: TraceRequest): Promise<TraceSummary> =>
    this.#post(`/clusters/${name}/traces`, request);
  readonly traces = (name: string): Promise<readonly TraceSummary[]> => this.#all(`/clusters/${name}/traces`);
  readonly traceSummary = (name: string, id: string): Promise<TraceSummary> =>
    this.#get(`/clusters/${name}/traces/${id}?format=summary`);
  readonly traceDocument = (name: string, id: string, branch: number): Promise<TraceDocument> =>
    this.#get(`/clusters/${name}/traces/${id}?format=json&branch=${branch}`);

  readonly clock = (name: string): Promise<Clock> => this.#get(`/clusters/${name}/clock`);
  readonly runClock = (name: string, pace: number): Promise<Clock> =>
    this.#post(`/clusters/${name}/clock/run`, { pace });
  readonly pauseClock = (name: string): Promise<Clock> => this.#post(`/clusters/${name}/clock/pause`, {});
  readonly stepClock = (name: string): Promise<Clock> => this.#post(`/clusters/${name}/clock/step`, { events: 1 });

  readonly faults = (name: string): Promise<readonly Fault[]> => this.#all(`/clusters/${name}/faults`);
  /** What this server can break: later ones know more. */
  readonly faultKinds = async (): Promise<ReadonlySet<string>> => {
    const { paths } = await this.#get<{ paths: Readonly<Record<string, unknown>> }>('/openapi.json');
    const kinds = JSON.stringify(paths['/api/v1/clusters/{cluster}/faults'] ?? {}).matchAll(
      /"kind":\{[^{}]*?(?:"const":|"enum":\[)"(\w+)"/g,
    );
    return new Set([...kinds].map(([, kind = '']) => kind));
  };
  readonly breakIt = (name: string, fault: AnyFault): Promise<Fault> => this.#post(`/clusters/${name}/faults`, fault);
  readonly mend = (name: string, id: string): Promise<Response> =>
    this.#ask(`/clusters/${name}/faults/${id}`, { method: 'DELETE' });

  /** Creates objects, or replaces those that are there: all of the text, or nothing. */
  readonly apply = async (name: string, yaml: string): Promise<ChangeAnswer> => {
    const asked = { method: 'POST', body: yaml, headers: YAML_TYPE };
    return (await (await this.#ask(`/clusters/${name}/objects?apply=true`, asked)).json()) as ChangeAnswer;
  };
  readonly remove = (name: string, object: ListedObject): Promise<Response> =>
    this.#ask(pathOf(name, object), { method: 'DELETE' });

  readonly whatIf = (name: string, request: WhatIfRequest): Promise<WhatIfAnswer> =>
    this.#post(`/clusters/${name}/what-if`, request);

  /** Topologies that come with podwire. */
  readonly scenarios = (): Promise<readonly Scenario[]> => this.#all('/scenarios');
  /** Loads one, and sends all that is expected of it. */
  readonly runScenario = (name: string): Promise<ScenarioRun> =>
    this.#post(`/scenarios/${encodeURIComponent(name)}/run`, {});
}

/** Machines, pods, Services, faults and findings, as they are now. @throws ApiError */
export async function readCluster(api: Api, name: string) {
  const [hosts, pods, services, faults, findings] = await Promise.all([
    api.hosts(name),
    api.pods(name),
    api.objects(name, '&kind=Service'),
    api.faults(name),
    api.findings(name),
  ]);
  return { hosts, pods, services, faults, findings };
}
