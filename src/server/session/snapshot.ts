/** A cluster as one CBOR document: its texts, what was settled, what is broken, and the time. */

import { IpamError, ipamFlaw, loadIpam } from '../../calico/index.js';
import { FAULT_FIELDS, faultSubject, isFaultRequest, type RecordedState } from '../../cluster/index.js';
import { LATEST_NS } from '../../kernel/index.js';
import { jsonPointer } from '../json-pointer.js';
import { type Mistake, Problem } from '../problem.js';
import { decodeCbor, encodeCbor } from './cbor.js';
import { type DeclaredTexts, type FieldPath, formatPath, parseCidr } from '../../kubernetes/index.js';
import type { TaintSince } from './evictions.js';
import type { Fault } from './faults.js';

const SNAPSHOT_FORMAT = 'podwire-snapshot';
const SNAPSHOT_VERSION = 3;

const POD_IP = 'cni.projectcalico.org/podIP';
const POD_IPS = 'cni.projectcalico.org/podIPs';

export interface Snapshot extends DeclaredTexts {
  readonly name: string;
  readonly seed: number;
  readonly recorded: RecordedState;
  readonly faults: readonly Fault[];
  /** Taints that end pods, since when. */
  readonly taints?: readonly TaintSince[];
  /** Virtual time. */
  readonly nowNs: number;
}

export const encodeSnapshot = (snapshot: Snapshot): Uint8Array =>
  encodeCbor({ format: SNAPSHOT_FORMAT, version: SNAPSHOT_VERSION, ...snapshot });

const bad = (detail: string, errors?: readonly Mistake[]): Problem =>
  new Problem('bad-request', `this is no snapshot of podwire: ${detail}`, errors);

/** What is wrong with one part of it. */
export function badPart(path: FieldPath, flaw: string): Problem {
  const message = `${path.length === 0 ? 'the document' : formatPath(path)} ${flaw}`;
  return bad(message, [{ message, field: jsonPointer(path) }]);
}

/** What a value must be; the answer names the first part that is not so. */
type Shape =
  | 'text'
  | 'number'
  /** A whole number of any size, or nothing. */
  | 'index'
  | 'true'
  | 'flag'
  /** 0 where there is none. */
  | 'port'
  /** A resourceVersion. */
  | 'version'
  /** Who made them. */
  | 'pools'
  /** Of whatever fields. */
  | 'map'
  | readonly [Shape]
  /** `*` stands for every field, `?` for what need not be there. */
  | { readonly [field: string]: Shape };

const isMap = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of a value that is one: whether it is, and what it is else. */
const LEAVES: Readonly<Record<Extract<Shape, string>, readonly [is: (value: unknown) => boolean, not: string]>> = {
  text: [(value) => typeof value === 'string', 'is no text'],
  number: [Number.isSafeInteger, 'is no whole number'],
  index: [(value) => value === null || typeof value === 'bigint' || Number.isSafeInteger(value), 'is no number'],
  true: [(value) => value === true, 'is not true'],
  flag: [(value) => typeof value === 'boolean', 'is neither true nor false'],
  port: [(value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff, 'is no port'],
  version: [(value) => Number.isSafeInteger(value) && Number(value) > 0, 'is no resourceVersion'],
  pools: [(value) => value === 'calico-node' || value === 'user', 'is neither calico-node nor user'],
  map: [isMap, 'is no map'],
};

const isListShape = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

/** @throws Problem */
function requireShape(value: unknown, shape: Shape, path: FieldPath = []): void {
  const optional = typeof shape === 'string' || isListShape(shape) ? undefined : shape['?'];
  if (optional !== undefined && value === undefined) return;
  if (value === undefined) throw badPart(path, 'is missing');
  if (optional !== undefined) requireShape(value, optional, path);
  else if (typeof shape === 'string') {
    const [is, not] = LEAVES[shape];
    if (!is(value)) throw badPart(path, not);
  } else if (isListShape(shape)) {
    if (!Array.isArray(value)) throw badPart(path, 'is no list');
    for (const [i, item] of value.entries()) requireShape(item, shape[0], [...path, i]);
  } else {
    if (!isMap(value)) throw badPart(path, 'is no map');
    requireFields(new Map<string, unknown>(Object.entries(value)), shape, path);
  }
}

/** @throws Problem */
function requireFields(
  fields: ReadonlyMap<string, unknown>,
  shape: { readonly [field: string]: Shape },
  path: FieldPath,
): void {
  const every = shape['*'];
  const wanted = every === undefined ? shape : Object.fromEntries([...fields.keys()].map((name) => [name, every]));
  for (const name of fields.keys())
    if (!Object.hasOwn(wanted, name)) throw badPart([...path, name], 'is no part of one');
  for (const [name, inner] of Object.entries(wanted)) requireShape(fields.get(name), inner, [...path, name]);
}

const TEXTS: Shape = { '*': 'text' };
const IPAM: Shape = {
  blocks: [
    {
      cidr: 'text',
      affinity: { '?': 'text' },
      affinityClaimTime: { '?': 'text' },
      allocations: ['index'],
      unallocated: ['number'],
      attributes: [{ handle_id: { '?': 'text' }, secondary: { '?': TEXTS } }],
      sequenceNumber: 'index',
      sequenceNumberForAllocation: { '*': 'index' },
    },
  ],
  affinities: [{ cidr: 'text', node: 'text', type: 'text', state: 'text' }],
  handles: [{ handleID: 'text', block: { '*': 'number' } }],
  config: {
    '?': {
      strictAffinity: 'flag',
      autoAllocateBlocks: 'flag',
      maxBlocksPerHost: 'number',
      kubeVirtVMAddressPersistence: { '?': 'text' },
    },
  },
};
const SNAPSHOT_SHAPE: Shape = {
  format: 'text',
  version: 'number',
  name: 'text',
  seed: 'number',
  nowNs: 'number',
  sources: [{ file: 'text', text: 'text', dropped: ['number'] }],
  managedFields: { '?': { '*': ['map'] } },
  versions: { first: 'version', current: 'version', objects: { '*': 'version' } },
  recorded: {
    pods: [
      {
        namespace: 'text',
        name: 'text',
        node: 'text',
        annotations: TEXTS,
        sandbox: { '?': 'text' },
        deleted: { '?': 'true' },
      },
    ],
    deletedPods: { '?': [{ namespace: 'text', name: 'text' }] },
    silence: {
      '?': {
        nodes: ['text'],
        givenUp: ['text'],
        pods: [{ namespace: 'text', name: 'text', deletionTimestamp: 'text' }],
      },
    },
    nodes: [{ name: 'text', annotations: TEXTS, podCIDRs: { '?': ['text'] } }],
    services: [
      {
        namespace: 'text',
        name: 'text',
        clusterIPs: ['text'],
        nodePorts: { '*': 'port' },
        healthCheckNodePort: 'port',
        ingress: [{ ip: 'text', ipMode: 'text' }],
      },
    ],
    pools: { '?': 'pools' },
    hostLocal: { '?': [{ node: 'text', files: TEXTS }] },
    ipam: { '?': IPAM },
  },
  taints: { '?': [{ node: 'text', key: 'text', value: 'text', effect: 'text', sinceNs: 'number', pods: ['text'] }] },
  faults: [{ id: 'text', sinceNs: 'number', fault: 'map' }],
};

/** What says that it is one at all comes first. @throws Problem */
function requireHeader(value: unknown): void {
  requireShape(value, 'map');
  const { format, version } = value as { readonly format?: unknown; readonly version?: unknown };
  requireShape(format, 'text', ['format']);
  if (format !== SNAPSHOT_FORMAT) throw badPart(['format'], `is "${String(format)}"`);
  requireShape(version, 'number', ['version']);
  if (version !== SNAPSHOT_VERSION)
    throw badPart(['version'], `is ${String(version)}, this podwire reads ${SNAPSHOT_VERSION}`);
}

/** @throws Problem */
function requireTimes(
  list: 'faults' | 'taints',
  since: readonly { readonly sinceNs: number }[],
  { nowNs }: Pick<Snapshot, 'nowNs'>,
): void {
  for (const [i, { sinceNs }] of since.entries())
    if (sinceNs < 0 || sinceNs > nowNs)
      throw badPart([list, i, 'sinceNs'], `is ${sinceNs}, between the start and now, ${nowNs}, is no such time`);
}

/** @throws Problem */
function requireFaults(faults: readonly Fault[]): void {
  const ids = new Set<string>();
  const subjects = new Set<string>();
  for (const [i, { id, fault }] of faults.entries()) {
    if (!isFaultRequest(fault)) throw badPart(['faults', i, 'fault'], 'is no fault');
    const known = new Set<string>(['kind', ...FAULT_FIELDS[fault.kind]]);
    const other = Object.keys(fault).find((name) => !known.has(name));
    if (other !== undefined) throw badPart(['faults', i, 'fault', other], 'is no part of one');
    const subject = faultSubject(fault);
    if (subjects.has(subject)) throw badPart(['faults', i, 'fault'], `is there twice: ${subject}`);
    if (ids.has(id)) throw badPart(['faults', i, 'id'], `is there twice: ${id}`);
    subjects.add(subject);
    ids.add(id);
  }
}

/** @throws Problem */
function requireIpam(ipam: NonNullable<RecordedState['ipam']>): void {
  const found = ipamFlaw(ipam);
  if (found !== undefined) throw badPart(['recorded', 'ipam', ...found.path], found.flaw);
  try {
    loadIpam(ipam);
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
    throw badPart(['recorded', 'ipam'], `is wrong: ${error.message}`);
  }
}

/** As the CNI plugin writes them; of a sandbox that is gone they are empty. @throws Problem */
function requirePodAddresses({ pods }: RecordedState): void {
  for (const [i, { annotations }] of pods.entries()) {
    const path = ['recorded', 'pods', i, 'annotations'];
    const addresses = [POD_IPS, POD_IP].map((name) => {
      const { [name]: text = '' } = annotations;
      const listed = text === '' ? [] : text.split(',');
      if (listed.some((address) => parseCidr(address) === undefined))
        throw badPart([...path, name], `is "${text}", and no addresses`);
      return listed;
    });
    const [first, only] = addresses.map(([one]) => one);
    if (first !== undefined && only !== undefined && first !== only)
      throw badPart([...path, POD_IP], `is "${only}", and not the first of ${POD_IPS}`);
  }
}

/** @throws Problem */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    throw bad(error instanceof Error ? error.message : 'no CBOR');
  }
  requireHeader(value);
  requireShape(value, SNAPSHOT_SHAPE);
  const snapshot = value as Snapshot & { readonly format: string; readonly version: number };
  if (snapshot.recorded.ipam !== undefined) requireIpam(snapshot.recorded.ipam);
  requirePodAddresses(snapshot.recorded);
  if (snapshot.nowNs < 0) throw bad('its time is before the start');
  if (snapshot.nowNs > LATEST_NS) throw badPart(['nowNs'], 'is later than time ends');
  requireTimes('faults', snapshot.faults, snapshot);
  requireTimes('taints', snapshot.taints ?? [], snapshot);
  requireFaults(snapshot.faults);
  return snapshot;
}
