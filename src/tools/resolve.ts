/** Names on the command lines of tools: an address, a place of the cluster, or a name for the resolver of that place. */

import { awaitLookup, isNameProblem, parseEndpointName, resolverOf } from '../cluster/index.js';
import { isIpv4 } from '../kubernetes/index.js';
import { isDnsName, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import { FAILURE_TEXT, type LookupFailure } from '../services/index.js';
import type { ToolPlace } from './tool.js';

export type Resolved =
  /** With the name that the resolver has found it by, where it was asked. */
  | { readonly kind: 'address'; readonly address: Ipv4Addr; readonly canonicalName?: string }
  | { readonly kind: 'failed'; readonly why: LookupFailure };

/** Like `pod/shop/db` and `node/worker-1`, which only podwire knows. */
const isPlace = (text: string): boolean => text.includes('/');

/** What is found has settled when the tool sends there: a load balancer knows its nodes. */
export function resolve(place: ToolPlace, text: string, process: string): Resolved {
  const found = find(place, text, process);
  if (found.kind === 'address') place.cluster.prepare(found.address);
  return found;
}

function find(place: ToolPlace, text: string, process: string): Resolved {
  const address = parseIpv4(text);
  if (address !== undefined) return { kind: 'address', address };
  if (isPlace(text)) {
    const endpoint = parseEndpointName(text);
    if (!isNameProblem(endpoint)) return { kind: 'address', address: place.cluster.addressOf(endpoint) };
  }
  if (text === '' || !isDnsName(text)) return { kind: 'failed', why: 'HOST_NOT_FOUND' };
  const resolver = resolverOf(place.cluster.asker(place.netns, place.pod, process));
  const found = awaitLookup(place.netns, (done) => resolver.addressesOf(text, done));
  if (found.kind === 'failed') return found;
  const first = found.addresses.find(isIpv4);
  return first === undefined
    ? { kind: 'failed', why: 'NO_DATA' }
    : { kind: 'address', address: first, canonicalName: found.canonicalName };
}

export function resolveInPlace(place: ToolPlace, text: string, process: string): Ipv4Addr | undefined {
  const resolved = resolve(place, text, process);
  return resolved.kind === 'address' ? resolved.address : undefined;
}

export const resolveFailure = (why: LookupFailure): string => FAILURE_TEXT[why];
