/** A cluster as one CBOR document: its texts, what was settled, what is broken, and the time. */

import { IpamError, loadIpam } from '../../calico/index.js';
import type { RecordedState } from '../../cluster/index.js';
import { Problem } from '../problem.js';
import { decodeCbor, encodeCbor } from './cbor.js';
import type { DeclaredTexts } from '../../kubernetes/index.js';
import type { TaintSince } from './evictions.js';
import type { Fault } from './faults.js';

const SNAPSHOT_FORMAT = 'podwire-snapshot';
const SNAPSHOT_VERSION = 2;

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

const bad = (detail: string): Problem => new Problem('bad-request', `this is no snapshot of podwire: ${detail}`);

/** What a value must be; the answer names the first part that is not so. */
type Shape =
  | 'text'
  | 'number'
  /** A whole number of any size, or nothing. */
  | 'index'
  | readonly [Shape]
  /** `*` stands for every field, `?` for what need not be there. */
  | { readonly [field: string]: Shape };

function flaw(value: unknown, shape: Shape, place: string): string | undefined {
  const path = place || 'the document';
  if (shape === 'text') return typeof value === 'string' ? undefined : `${path} is no text`;
  if (shape === 'number') return Number.isSafeInteger(value) ? undefined : `${path} is no whole number`;
  if (shape === 'index')
    return value === null || typeof value === 'bigint' || Number.isInteger(value) ? undefined : `${path} is no number`;
  const optional = isListShape(shape) ? undefined : shape['?'];
  if (optional !== undefined) return value === undefined ? undefined : flaw(value, optional, path);
  if (value === undefined) return `${path} is missing`;
  if (typeof value !== 'object' || value === null) return `${path} is no ${isListShape(shape) ? 'list' : 'map'}`;
  if (isListShape(shape)) {
    if (!Array.isArray(value)) return `${path} is no list`;
    for (const [i, item] of value.entries()) {
      const found = flaw(item, shape[0], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (Array.isArray(value)) return `${path} is no map`;
  const fields: Record<string, unknown> = { ...value };
  const wanted = Object.entries(shape);
  const [first] = wanted;
  const checks = first?.[0] === '*' ? Object.keys(fields).map((name): [string, Shape] => [name, first[1]]) : wanted;
  for (const [name, inner] of checks) {
    const found = flaw(
      Object.hasOwn(fields, name) ? fields[name] : undefined,
      inner,
      place === '' ? name : `${place}.${name}`,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

const isListShape = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

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
};
const SNAPSHOT_SHAPE: Shape = {
  format: 'text',
  version: 'number',
  name: 'text',
  seed: 'number',
  nowNs: 'number',
  sources: [{ file: 'text', text: 'text', dropped: ['number'] }],
  managedFields: { '?': { '*': [{}] } },
  recorded: {
    pods: [{ namespace: 'text', name: 'text', node: 'text', annotations: TEXTS, sandbox: { '?': 'text' } }],
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
        nodePorts: { '*': 'number' },
        healthCheckNodePort: 'number',
        ingress: [{ ip: 'text', ipMode: 'text' }],
      },
    ],
    pools: { '?': 'text' },
    hostLocal: { '?': [{ node: 'text', files: TEXTS }] },
    ipam: { '?': IPAM },
  },
  taints: { '?': [{ node: 'text', key: 'text', value: 'text', effect: 'text', sinceNs: 'number', pods: ['text'] }] },
  faults: [{ id: 'text', sinceNs: 'number', fault: { kind: 'text' } }],
};

function requireIpam(ipam: NonNullable<RecordedState['ipam']>): void {
  try {
    loadIpam(ipam);
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
    throw bad(error.message);
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
  const found = flaw(value, SNAPSHOT_SHAPE, '');
  if (found !== undefined) throw bad(found);
  const snapshot = value as Snapshot & { readonly format: string; readonly version: number };
  if (snapshot.format !== SNAPSHOT_FORMAT) throw bad(`its format is "${snapshot.format}"`);
  if (snapshot.version !== SNAPSHOT_VERSION)
    throw bad(`its version is ${snapshot.version}, this podwire reads ${SNAPSHOT_VERSION}`);
  if (snapshot.recorded.ipam !== undefined) requireIpam(snapshot.recorded.ipam);
  if (snapshot.nowNs < 0) throw bad('its time is before the start');
  return snapshot;
}
