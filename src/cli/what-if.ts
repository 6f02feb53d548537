/** `podwire what-if`: which flows would come out otherwise after a change, and what decides them. */

import { readFileSync } from 'node:fs';
import { allPairs, compareFlows, type Flow, formatComparisons } from '../analysis/index.js';
import {
  Cluster,
  type EndpointName,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  type RecordedState,
  withoutPods,
} from '../cluster/index.js';
import {
  Declared,
  deletedByUpdates,
  type DeletedPod,
  deleteFrom,
  describeKey,
  formatConfigError,
  formatKey,
  formatRefusedUpdate,
  nearMatches,
  type ObjectKey,
  pathOf,
  readSources,
  refusedAmong,
  refusedDeletion,
  type RefusedObject,
} from '../kubernetes/index.js';
import type { TraceProtocol } from '../trace/index.js';
import { parseArguments, printErrors, UsageError, withUsage } from './options.js';

const SPEC = {
  file: { type: 'string', short: 'f', multiple: true },
  change: { type: 'string', multiple: true },
  delete: { type: 'string', multiple: true },
  among: { type: 'boolean', default: false },
  port: { type: 'string' },
  proto: { type: 'string', default: 'tcp' },
  output: { type: 'string', short: 'o', default: 'text' },
  seed: { type: 'string', default: '1' },
} as const;

const PROTOCOLS: readonly TraceProtocol[] = ['tcp', 'udp', 'sctp', 'icmp'];

interface Options {
  readonly files: readonly string[];
  readonly changes: readonly string[];
  readonly deletions: readonly string[];
  readonly flows: readonly Flow[];
  readonly json: boolean;
  readonly seed: number;
}

export const run = (args: readonly string[]): Promise<number> => withUsage(() => whatIf(optionsOf(args)));

async function whatIf(options: Options): Promise<number> {
  const declared = readDeclared(options.files);
  const changes = textsOf(options.changes);
  const keys = keysOf(declared, options.deletions);
  const before = await clusterOf(declared, options.seed);
  if (before === undefined) return 2;
  // What is deleted and comes again is another object, of which everything may be new.
  const deletion = deleteFrom(declared, before.store, keys);
  const changed = withChanges(deletion.declared, changes, before);
  const gone = [...deletion.pods, ...changed.deletedPods];
  const after = await clusterOf(changed.declared, options.seed, withoutPods(before.recorded, gone));
  if (after === undefined) return 2;
  const refused = after.refusedSince(before);
  if (refused.length > 0) {
    printErrors(refused);
    return 2;
  }
  const comparisons = compareFlows({ cluster: before }, { cluster: after }, options.flows);
  console.log(options.json ? JSON.stringify(comparisons, null, 2) : formatComparisons(comparisons));
  return comparisons.some((one) => one.changed !== 'no') ? 1 : 0;
}

/** Undefined where its objects are wrong: the mistakes have been printed. */
async function clusterOf(declared: Declared, seed: number, recorded?: RecordedState): Promise<Cluster | undefined> {
  const cluster = new Cluster(declared.documents, { seed, ...(recorded === undefined ? {} : { recorded }) });
  if (cluster.errors.length === 0 && cluster.routesByDaemons) {
    const { birdRouting } = await import('../routing/index.js');
    cluster.bringRouting(birdRouting);
  }
  if (cluster.errors.length === 0) return cluster;
  printErrors(cluster.errors);
  return undefined;
}

function readDeclared(paths: readonly string[]): Declared {
  const { sources, errors } = readSources(paths);
  if (errors.length > 0) throw new UsageError(errors.map((error) => formatConfigError(error)).join('\n'));
  return Declared.read({ sources: sources.map(({ file, text }) => ({ file, text, dropped: [] })) });
}

interface ChangeText {
  readonly file: string;
  readonly text: string;
}

/** @throws UsageError */
const textsOf = (files: readonly string[]): readonly ChangeText[] =>
  files.map((file) => {
    try {
      return { file, text: readFileSync(file, 'utf8') };
    } catch (error) {
      throw new UsageError(`--change: ${error instanceof Error ? error.message : String(error)}`);
    }
  });

/** Objects that are there are replaced, where the API server lets them become that; others are added. @throws UsageError */
function withChanges(declared: Declared, texts: readonly ChangeText[], { store }: Cluster) {
  let changed = declared;
  const deletedPods: DeletedPod[] = [];
  for (const { file, text } of texts) {
    const next = changed.with({ file, text });
    refuse(next.declared.errors.slice(changed.errors.length).map((error) => formatConfigError(error)));
    if (next.added.length === 0) throw new UsageError(`--change: there is no object in ${file}`);
    const refused = refusedAmong(next.added, { declared: changed, store });
    const anew = [...new Set(refused.map(({ object }) => `--delete ${pathOf(object.key)}`))].join(' ');
    if (refused.length > 0)
      refuse([...refused.map((one) => formatRefusedObject(file, one)), `to delete it and make it anew: ${anew}`]);
    const deletion = deletedByUpdates(next.added, { before: changed, after: next.declared, store });
    changed = deletion.declared;
    deletedPods.push(...deletion.pods);
  }
  return { declared: changed, deletedPods };
}

function formatRefusedObject(file: string, refused: RefusedObject): string {
  const { key, document } = refused.object;
  const { line, column } = document.source.position(refused.path);
  return `${file}:${line}:${column}: ${describeKey(key)}: ${formatRefusedUpdate(refused)}`;
}

function refuse(lines: readonly string[]): void {
  if (lines.length > 0) throw new UsageError(lines.join('\n'));
}

/** The objects that are to go. @throws UsageError */
function keysOf(declared: Declared, deletions: readonly string[]): readonly ObjectKey[] {
  const objects = [...declared.byId.values()];
  const keys = deletions.map((text) => {
    const found = declared.named(text);
    if (found !== undefined) return found.key;
    const near = nearMatches(
      text,
      objects.map(({ key }) => pathOf(key)),
    );
    const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
    throw new UsageError(`--delete: no file has an object "${text}", that is KIND/NAMESPACE/NAME or KIND/NAME${hint}`);
  });
  const gone = new Set(keys.map(formatKey));
  if (gone.size < keys.length)
    throw new UsageError(
      `--delete: ${objects
        .filter(({ id }) => gone.has(id))
        .map(({ key }) => describeKey(key))
        .join(', ')} twice`,
    );
  const refused = keys.flatMap((key) => refusedDeletion(key, declared, keys) ?? []);
  refuse(refused.map((words) => `--delete: ${words}`));
  return keys;
}

/** @throws UsageError with all that is wrong */
function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const problems: string[] = [];
  const protocol = PROTOCOLS.find((one) => one === values.proto);
  if (protocol === undefined) problems.push(`--proto is tcp, udp, sctp or icmp, not "${values.proto}"`);
  if (!['text', 'json'].includes(values.output)) problems.push(`-o is text or json, not "${values.output}"`);
  if (!/^\d{1,9}$/.test(values.seed)) problems.push(`--seed wants a whole number, not "${values.seed}"`);
  const port = Number(values.port ?? 1);
  if (!/^\d+$/.test(values.port ?? '1') || port < 1 || port > 65_535)
    problems.push(`--port is one from 1 to 65535, not "${values.port}"`);
  const [files, changes, deletions] = [values.file ?? [], values.change ?? [], values.delete ?? []];
  if (files.length === 0) problems.push('no cluster: name files or folders with -f');
  if (changes.length + deletions.length === 0) problems.push('no change: name one with --change or --delete');
  const about = { port: values.port === undefined ? undefined : port, protocol: protocol ?? 'tcp' };
  const flows = values.among ? among(positionals, about, problems) : pairs(positionals, about, problems);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { files, changes, deletions, flows, json: values.output === 'json', seed: Number(values.seed) };
}

function parse(args: readonly string[]) {
  return parseArguments({ args: [...args], options: SPEC, allowPositionals: true });
}

interface About {
  readonly port: number | undefined;
  readonly protocol: TraceProtocol;
}

/** FROM TO, FROM TO. */
function pairs(names: readonly string[], { port, protocol }: About, problems: string[]): Flow[] {
  if (names.length === 0 || names.length % 2 !== 0) problems.push('what-if wants names in pairs: FROM TO[:PORT] ...');
  const flows: Flow[] = [];
  for (let i = 0; i + 1 < names.length; i += 2) {
    const [from, to] = [parseEndpointName(names[i] ?? ''), parseDestination(names[i + 1] ?? '')];
    if (isNameProblem(from)) problems.push(`FROM: ${from.problem}`);
    else if (isNameProblem(to)) problems.push(`TO: ${to.problem}`);
    else flows.push({ from, to: { ...to, port: to.port ?? port }, protocol });
  }
  return flows;
}

/** From each to each other. */
function among(names: readonly string[], about: About, problems: string[]): Flow[] {
  if (names.length < 2) problems.push('--among wants two names or more');
  const ends: EndpointName[] = [];
  for (const name of names) {
    const end = parseEndpointName(name);
    if (isNameProblem(end)) problems.push(end.problem);
    else ends.push(end);
  }
  return allPairs(ends, about);
}
