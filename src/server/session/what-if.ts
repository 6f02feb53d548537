/** What would change for flows if objects or faults were others: two clusters of their own answer, the running one is not asked. */

import { allPairs, compareFlows, type Flow, type FlowComparison } from '../../analysis/index.js';
import { type FaultRequest, isNameProblem, parseDestination, parseEndpointName } from '../../cluster/index.js';
import {
  type Declared,
  type DeletedPod,
  type Json,
  type JsonObject,
  type ObjectKey,
  plainGroup,
} from '../../kubernetes/index.js';
import { formatCause, type TraceProtocol } from '../../trace/index.js';
import { badObjects, type Mistake, Problem } from '../problem.js';
import { applyObjects, deleteObject, patchObject } from './objects.js';
import type { Patch } from './patches.js';
import type { Session } from './session.js';

interface NamedObject {
  /** Empty for the core group; left out, the only one that has such an object. */
  readonly group?: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** One of the four is there. */
export interface ChangeRequest {
  /** YAML or JSON text, or an object. */
  readonly apply?: string | JsonObject;
  /** Without a type a list is one of operations (RFC 6902), anything else a merge patch (RFC 7396). */
  readonly patch?: NamedObject & { readonly type?: Patch['kind']; readonly patch: Json };
  readonly delete?: NamedObject;
  readonly fault?: FaultRequest;
}

export interface FlowRequest {
  readonly from?: string;
  readonly to?: string;
  /** From each of these to each other. */
  readonly among?: readonly string[];
  readonly port?: number;
  readonly protocol: TraceProtocol;
}

export interface WhatIfRequest {
  readonly changes: readonly ChangeRequest[];
  readonly flows: readonly FlowRequest[];
}

function flowsOf(request: FlowRequest, field: string): readonly Flow[] {
  const { from, to, among, port, protocol } = request;
  const mistakes: Mistake[] = [];
  const end = (text: string, at: string) => {
    const name = parseEndpointName(text);
    if (!isNameProblem(name)) return [name];
    mistakes.push({ message: name.problem, field: `${field}/${at}` });
    return [];
  };
  if (among === undefined && (from === undefined || to === undefined))
    mistakes.push({ message: 'a flow has from and to, or among', field });
  const ends = (among ?? []).flatMap((text, i) => end(text, `among/${i}`));
  const [source] = from === undefined ? [] : end(from, 'from');
  const destination = to === undefined ? undefined : parseDestination(to);
  if (destination !== undefined && isNameProblem(destination))
    mistakes.push({ message: destination.problem, field: `${field}/to` });
  else if (destination?.port !== undefined && port !== undefined && destination.port !== port)
    mistakes.push({ message: `port ${port} is given beside the ${destination.port} of "to"`, field: `${field}/port` });
  if (mistakes.length > 0)
    throw new Problem('bad-request', mistakes.map(({ message }) => message).join('; '), mistakes);
  const pairs = allPairs(ends, { port, protocol });
  if (source === undefined || destination === undefined || isNameProblem(destination)) return pairs;
  return [{ from: source, to: { ...destination, port: destination.port ?? port }, protocol }, ...pairs];
}

/** The object's key, where its group is left out that of the one that is declared. */
function keyOf(declared: Declared, { group, kind, namespace = '', name }: NamedObject): ObjectKey {
  const keys = [...declared.byId.values()].map(({ key }) => key);
  const found = keys.find(
    (key) =>
      key.kind === kind &&
      key.name === name &&
      (namespace === '' ? ['', 'default'] : [namespace]).includes(key.namespace) &&
      (group === undefined || key.group === plainGroup(group, kind)),
  );
  return found ?? { group: plainGroup(group ?? '', kind), kind, namespace, name };
}

const textOf = (apply: string | JsonObject): string =>
  typeof apply === 'string' ? apply : JSON.stringify(apply, null, 2);

/** The objects and faults as they would be. @throws Problem */
function carryOut(session: Session, changes: readonly ChangeRequest[]) {
  let { declared } = session;
  const deletedPods: DeletedPod[] = [];
  const faults: FaultRequest[] = [];
  for (const [i, change] of changes.entries()) {
    const file = `change-${i + 1}`;
    if (change.apply !== undefined) {
      const applied = applyObjects(declared, session.cluster, { text: textOf(change.apply), file });
      ({ declared } = applied);
      deletedPods.push(...applied.deletedPods);
    }
    if (change.patch !== undefined) {
      const { patch, type, ...named } = change.patch;
      const kind = type ?? (Array.isArray(patch) ? 'json' : 'merge');
      const form = { kind, patch, at: `/changes/${i}/patch/patch` };
      const request = { key: keyOf(declared, named), patch: form, file };
      const patched = patchObject(declared, session.cluster, request);
      ({ declared } = patched);
      deletedPods.push(...patched.deletedPods);
    }
    if (change.delete !== undefined) {
      const deletion = deleteObject(declared, session.cluster, keyOf(declared, change.delete));
      ({ declared } = deletion);
      deletedPods.push(...deletion.pods);
    }
    if (change.fault !== undefined) faults.push(change.fault);
  }
  return { declared, deletedPods, faults };
}

const described = ({ before, after, ...flow }: FlowComparison) => {
  const outcome = ({ decidedBy, ...rest }: FlowComparison['before']) => ({
    ...rest,
    decidedBy: decidedBy.map(({ because, ...decision }) => ({ ...decision, because: because.map(formatCause) })),
  });
  return { ...flow, before: outcome(before), after: outcome(after) };
};

/** @throws Problem */
export function whatIf(session: Session, { changes, flows }: WhatIfRequest) {
  const wanted = flows.flatMap((flow, i) => flowsOf(flow, `/flows/${i}`));
  const { flows: limit } = session.limits;
  if (wanted.length > limit)
    throw new Problem('limit-reached', `${wanted.length} flows are asked for, at most ${limit} are sent at once`);
  const { faults, ...changed } = carryOut(session, changes);
  const [before, after] = [session.copy({ declared: session.declared }, []), session.copy(changed, faults)];
  const refused = after.cluster.refusedSince(before.cluster);
  if (refused.length > 0) throw badObjects(refused);
  const compared = compareFlows(before, after, wanted);
  return {
    changed: compared.filter(({ changed }) => changed !== 'no').length,
    flows: compared.map(described),
  };
}
