/** What a name below a cluster's zone asks for (plugin/kubernetes/parse.go; kubernetes/dns docs/specification.md). */

import { relativeTo } from '../name.js';

export interface RecordRequest {
  readonly kind: 'pod' | 'svc';
  readonly namespace: string;
  /** A Service, or the address of a pod with dashes. */
  readonly name: string;
  /** The host in front of a Service. */
  readonly endpoint: string;
  /** Of `_port._protocol` in front of a Service. */
  readonly port: string;
  readonly protocol: string;
}

/** `nothing`: the name exists and has no records; `invalid`: it cannot exist. */
export type ParsedName = RecordRequest | 'nothing' | 'invalid';

const plain = (label: string): string => (label.startsWith('_') ? label.slice(1) : label);

/** @param name in lower case */
export function parseRecordName(name: string, zone: string): ParsedName {
  const base = relativeTo(name, zone);
  if (base === '' || base === 'svc' || base === 'pod') return 'nothing';
  const labels = base.split('.').toReversed();
  const [kind, namespace = '', service = '', first = '', second = ''] = labels;
  if (kind !== 'pod' && kind !== 'svc') return 'invalid';
  if (labels.length > 5) return 'invalid';
  const found: RecordRequest = { kind, namespace, name: service, endpoint: '', port: '', protocol: '' };
  if (labels.length === 4) return { ...found, endpoint: first };
  return labels.length === 5 ? { ...found, protocol: plain(first), port: plain(second) } : found;
}
