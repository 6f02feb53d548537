/**
 * `crictl` of cri-tools 1.34 with containerd: what shows pods and containers of a node. Of `inspect --name`, which that version
 * reads and passes over, it does what 1.36 does.
 */

import type { RuntimeContainer, RuntimePod } from '../../cluster/index.js';
import { isoTime } from '../../services/index.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { type Flags, type FlagSpec, readFlags } from './flags.js';
import {
  containerLabels,
  containerStatus,
  type Json,
  listedContainer,
  listedPod,
  podLabels,
  podStatus,
} from './status.js';
import { filledTemplate } from './template.js';

const value = (...names: readonly string[]): FlagSpec => ({ names, takes: 'value' });
const flag = (...names: readonly string[]): FlagSpec => ({ names, takes: 'flag' });

const GLOBAL = [
  value('config', 'c'),
  value('runtime-endpoint', 'r'),
  value('image-endpoint', 'i'),
  value('timeout', 't'),
  flag('debug', 'D'),
  flag('version', 'v'),
  flag('help', 'h'),
];
const FILTERS = [
  value('name'),
  value('namespace'),
  value('state', 's'),
  value('label'),
  flag('latest', 'l'),
  value('last', 'n'),
];
const LIST = [...FILTERS, value('id'), flag('quiet', 'q'), value('output', 'o'), flag('no-trunc'), flag('help', 'h')];
const INSPECT = [...FILTERS, value('output', 'o'), flag('quiet', 'q'), value('template'), flag('help', 'h')];
const OF_CONTAINERS = [value('pod', 'p'), value('image'), flag('all', 'a')];

/** What else crictl has, all of which would do something or know of images and loads. */
const OTHERS =
  'attach checkpoint config create events exec imagefsinfo images img inspecti logs metricdescs metricsp port-forward pull rm rmi rmp run runp start stats statsp stop stopp update update-runtime-config'.split(
    ' ',
  );

const fatal = ({ cluster }: ToolPlace, message: string): ToolResult =>
  failure(1, `time="${isoTime(cluster.emulation.clock.nowNs)}Z" level=fatal msg=${JSON.stringify(message)}`);

interface Listed<T> {
  readonly pod: RuntimePod;
  readonly one: T;
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

const TRUNCATED_ID = 13;
const S_PER = { minute: 60, hour: 3_600, day: 86_400 } as const;

/** github.com/docker/go-units/duration.go:HumanDuration(). */
function humanDuration(ns: number): string {
  const seconds = Math.floor(ns / 1e9);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < S_PER.minute) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / S_PER.minute);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / S_PER.hour + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  return days < 730 ? `${Math.floor(days / 30)} months` : `${Math.floor(days / 365)} years`;
}

/** text/tabwriter with width 20, padding 3. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(20, ...rows.map((row) => (row[i] ?? '').length + 3)));
  return lines(
    rows.map((row) => row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell)).join('')),
  );
}

const has = ({ values }: Flags, name: string): boolean => values.get(name)?.at(-1) === 'true';
const last = ({ values }: Flags, name: string): string | undefined => values.get(name)?.at(-1);

/** One that cannot be read finds nothing. */
function finds(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined || pattern === '') return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

const hasLabels = (wanted: readonly string[], labels: Readonly<Record<string, string>>): boolean =>
  wanted.every((label) => {
    const [, key = '', text = ''] = /^([^=]*)=(.*)$/s.exec(label) ?? [];
    return labels[key] === text;
  });

/** The newest first; what was made at the same time in the reverse order. */
function chosen<T>(all: readonly Listed<T>[], flags: Flags): readonly Listed<T>[] {
  const id = last(flags, 'id');
  const state = last(flags, 'state')?.toLowerCase();
  const found = all
    .filter(
      (one) =>
        (id === undefined || one.id.startsWith(id)) &&
        (state === undefined || one.state === state) &&
        finds(last(flags, 'name'), one.name) &&
        finds(last(flags, 'namespace'), one.pod.pod.namespace) &&
        hasLabels(flags.values.get('label') ?? [], one.labels),
    )
    .toReversed()
    .sort((a, b) => b.pod.startedNs - a.pod.startedNs);
  const count = Number(last(flags, 'last') ?? 0);
  return has(flags, 'latest') ? found.slice(0, 1) : count > 0 ? found.slice(0, count) : found;
}

const podsOf = ({ cluster, netns }: ToolPlace): readonly Listed<undefined>[] =>
  cluster.programs.processes(netns.host).pods.map((pod) => ({
    pod,
    one: undefined,
    name: pod.pod.name,
    id: pod.id,
    state: pod.pid === undefined ? 'notready' : 'ready',
    labels: podLabels(pod),
  }));

const containersOf = ({ cluster, netns }: ToolPlace): readonly Listed<RuntimeContainer>[] =>
  cluster.programs.processes(netns.host).pods.flatMap((pod) =>
    pod.containers.map((one) => ({
      pod,
      one,
      name: one.container.name,
      id: one.id,
      state: one.pid === undefined ? 'exited' : 'running',
      labels: containerLabels(pod, one),
    })),
  );

/** Those that run, unless others are asked for. */
function chosenContainers(place: ToolPlace, flags: Flags): readonly Listed<RuntimeContainer>[] {
  const [podId, image] = [last(flags, 'pod'), last(flags, 'image')];
  const isEvery = ['all', 'state', 'latest', 'last'].some((name) => flags.values.has(name));
  const some = containersOf(place).filter(
    ({ pod, one, state }) =>
      (podId === undefined || pod.id.startsWith(podId)) &&
      (image === undefined || one.container.image === image || one.container.image.startsWith(`${image}:`)) &&
      (isEvery || state === 'running'),
  );
  return chosen(some, flags);
}

/** protojson's: two blanks a level. */
const jsonText = (json: Json): string => `${JSON.stringify(json, undefined, 2)}\n`;

const ageOf = ({ cluster }: ToolPlace, { startedNs }: RuntimePod): string =>
  `${humanDuration(cluster.emulation.clock.nowNs - startedNs)} ago`;

const shortId = (id: string, flags: Flags): string => (has(flags, 'no-trunc') ? id : id.slice(0, TRUNCATED_ID));

function pods(place: ToolPlace, flags: Flags): ToolResult {
  const found = chosen(podsOf(place), flags);
  const output = last(flags, 'output') ?? 'table';
  if (output === 'json') return ok(jsonText({ items: found.map(({ pod }) => listedPod(pod)) }));
  if (output !== 'table') return unsupported(place, 'pod sandboxes', output);
  if (has(flags, 'quiet')) return ok(lines(found.map(({ id }) => id)));
  const rows = found.map(({ pod, id, state }) => [
    shortId(id, flags),
    ageOf(place, pod),
    state === 'ready' ? 'Ready' : 'NotReady',
    pod.pod.name,
    pod.pod.namespace,
    '0',
    '(default)',
  ]);
  return ok(table([['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'], ...rows]));
}

const unsupported = (place: ToolPlace, what: string, output: string): ToolResult =>
  output === 'yaml'
    ? failure(2, 'crictl: -o yaml is not offered here: -o json shows the same')
    : fatal(place, `listing ${what}: unsupported output format ${JSON.stringify(output)}`);

function containers(place: ToolPlace, flags: Flags): ToolResult {
  const found = chosenContainers(place, flags);
  const output = last(flags, 'output') ?? 'table';
  if (output === 'json') return ok(jsonText({ containers: found.map(({ pod, one }) => listedContainer(pod, one)) }));
  if (output !== 'table') return unsupported(place, 'containers', output);
  if (has(flags, 'quiet')) return ok(lines(found.map(({ id }) => id)));
  const rows = found.map(({ pod, one, id, name, state }) => [
    shortId(id, flags),
    one.container.image,
    ageOf(place, pod),
    state === 'running' ? 'Running' : 'Exited',
    name,
    String(one.restarts),
    shortId(pod.id, flags),
    pod.pod.name,
    pod.pod.namespace,
  ]);
  const header = ['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE'];
  return ok(table([header, ...rows]));
}

/** By the beginning of an id; of several there is an array. */
function inspect<T>(
  place: ToolPlace,
  flags: Flags,
  asked: {
    readonly all: readonly Listed<T>[];
    readonly filtered: readonly Listed<T>[];
    readonly status: (one: Listed<T>) => Json;
    readonly kind: 'pod sandbox' | 'container';
  },
): ToolResult {
  const { all, filtered, status, kind } = asked;
  const output = last(flags, 'output') ?? 'json';
  const plural = kind === 'container' ? 'containers' : 'pod sandboxes';
  const found: Listed<T>[] = [...(flags.rest.length === 0 ? filtered : [])];
  for (const id of flags.rest) {
    const [one, other] = all.filter((each) => each.id.startsWith(id));
    if (one === undefined || (other !== undefined && one.id !== id)) {
      const what = kind === 'container' ? 'container' : 'sandbox';
      const why = `rpc error: code = NotFound desc = an error occurred when try to find ${what} ${JSON.stringify(id)}: not found`;
      return fatal(place, `get the status of ${plural}: get ${kind} status: ${why}`);
    }
    found.push(one);
  }
  if (found.length === 0)
    return failure(
      0,
      `time="${isoTime(place.cluster.emulation.clock.nowNs)}Z" level=error msg="No IDs provided or nothing found per filter"`,
    );
  const statuses = found.map(status);
  const [single = null] = statuses;
  const result = statuses.length === 1 ? single : statuses;
  if (output === 'json') return ok(jsonText(result));
  if (output === 'yaml' || output === 'table')
    return failure(2, `crictl: -o ${output} is not offered here: -o json and -o go-template show the same`);
  if (output !== 'go-template')
    return fatal(place, `get the status of ${plural}: unsupported format: ${JSON.stringify(output)}`);
  const filled = filledTemplate(last(flags, 'template') ?? '', result);
  return 'text' in filled ? ok(`${filled.text}\n`) : fatal(place, `get the status of ${plural}: ${filled.problem}`);
}

type Command = (place: ToolPlace, flags: Flags) => ToolResult;

const COMMANDS: Readonly<Record<string, { readonly specs: readonly FlagSpec[]; readonly run: Command }>> = {
  pods: { specs: LIST, run: pods },
  ps: { specs: [...LIST, ...OF_CONTAINERS, flag('resolve-image-path', 'r')], run: containers },
  inspect: {
    specs: [...INSPECT, ...OF_CONTAINERS],
    run: (place, flags) =>
      inspect(place, flags, {
        all: containersOf(place),
        filtered: chosenContainers(place, flags),
        status: ({ pod, one }) => containerStatus(pod, one, !has(flags, 'quiet')),
        kind: 'container',
      }),
  },
  inspectp: {
    specs: INSPECT,
    run: (place, flags) =>
      inspect(place, flags, {
        all: podsOf(place),
        filtered: chosen(podsOf(place), flags),
        status: ({ pod }) => podStatus(pod, !has(flags, 'quiet')),
        kind: 'pod sandbox',
      }),
  },
};

const OFFERED = 'only pods, ps, inspect and inspectp are offered here';

export const crictl: Tool = (place, args) => {
  const { cluster, netns, pod } = place;
  if (pod !== undefined || !cluster.programs.hasRuntime(netns.host))
    return failure(2, 'crictl: there is no container runtime here: a node has one');
  const global = readFlags(args, GLOBAL);
  if (typeof global === 'string') return fatal(place, global);
  if (has(global, 'version')) return ok('crictl version 1.34.0\n');
  const [name = '', ...words] = global.rest;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    return OTHERS.includes(name) || name === '' || has(global, 'help')
      ? failure(2, `crictl ${name}: ${OFFERED}`)
      : fatal(place, `unknown command: ${name}; ${OFFERED}`);
  const flags = readFlags(words, command.specs);
  if (typeof flags === 'string') return fatal(place, flags);
  if (has(flags, 'help')) return failure(2, `crictl ${name}: there is no help here; ${OFFERED}`);
  return command.run(place, flags);
};
