/** The directive `kubernetes` of a Corefile (plugin/kubernetes/setup.go). */

import { CorefileError, type CorefileLine, type Directive, type ServerBlock } from '../corefile/parse.js';
import { fallthroughZones, integer, originsOf, unknownProperty, wrongArguments } from '../corefile/values.js';
import { IPV4_REVERSE, IPV6_REVERSE } from '../reverse.js';

export interface KubernetesSettings {
  readonly zones: readonly string[];
  /** The first zone that is no reverse zone: names in PTR records end so. */
  readonly primaryZone: string;
  readonly pods: 'disabled' | 'insecure' | 'verified';
  /** Empty: all. */
  readonly namespaces: ReadonlySet<string>;
  readonly endpointPodNames: boolean;
  readonly fallthrough: readonly string[];
  readonly ttl: number;
  readonly useEndpoints: boolean;
  readonly ignoreEmptyService: boolean;
}

const DEFAULT_TTL = 5;
const MAX_TTL = 3_600;

/** How CoreDNS speaks to the API server: nothing that changes an answer. */
const ABOUT_THE_API = new Set([
  'endpoint',
  'tls',
  'kubeconfig',
  'startup_timeout',
  'apiserver_qps',
  'apiserver_burst',
  'apiserver_max_inflight',
  'resyncperiod',
  'upstream',
]);
const UNMODELLED = new Set(['labels', 'namespace_labels', 'multicluster', 'zonal']);

const inReverseZone = (zone: string): boolean => zone.endsWith(IPV4_REVERSE) || zone.endsWith(IPV6_REVERSE);

interface Draft {
  pods: KubernetesSettings['pods'];
  namespaces: Set<string>;
  endpointPodNames: boolean;
  fallthrough: readonly string[];
  ttl: number;
  useEndpoints: boolean;
  ignoreEmptyService: boolean;
}

function readProperty(draft: Draft, line: CorefileLine): void {
  const { name, args } = line;
  const [first] = args;
  switch (name) {
    case 'pods':
      if (args.length !== 1) throw wrongArguments(line);
      if (first !== 'disabled' && first !== 'insecure' && first !== 'verified')
        throw new CorefileError(
          line.line,
          `wrong value for pods: ${first}, must be one of: disabled, verified, insecure`,
        );
      draft.pods = first;
      return;
    case 'namespaces':
      if (args.length === 0) throw wrongArguments(line);
      for (const namespace of args) draft.namespaces.add(namespace);
      return;
    case 'endpoint_pod_names':
      if (args.length > 0) throw wrongArguments(line);
      draft.endpointPodNames = true;
      return;
    case 'fallthrough':
      draft.fallthrough = fallthroughZones(args);
      return;
    case 'ttl':
      draft.ttl = integer(first, line, [0, MAX_TTL]);
      return;
    case 'noendpoints':
      if (args.length > 0) throw wrongArguments(line);
      draft.useEndpoints = false;
      return;
    case 'ignore':
      if (first !== 'empty_service')
        throw new CorefileError(line.line, `unable to parse ignore value: '${first ?? ''}'`);
      draft.ignoreEmptyService = true;
      return;
    default:
      if (!ABOUT_THE_API.has(name) && !UNMODELLED.has(name)) throw unknownProperty(line);
  }
}

/** @throws CorefileError */
export function kubernetesSettings(
  directive: Directive,
  block: ServerBlock,
  unmodelled: (line: CorefileLine) => void,
): KubernetesSettings {
  const zones = originsOf(directive.args, block);
  const primaryZone = zones.find((zone) => !inReverseZone(zone));
  if (primaryZone === undefined) throw new CorefileError(directive.line, 'non-reverse zone name must be used');
  const draft: Draft = {
    pods: 'disabled',
    namespaces: new Set(),
    endpointPodNames: false,
    fallthrough: [],
    ttl: DEFAULT_TTL,
    useEndpoints: true,
    ignoreEmptyService: false,
  };
  for (const line of directive.block) {
    readProperty(draft, line);
    if (UNMODELLED.has(line.name)) unmodelled(line);
  }
  return { zones, primaryZone, ...draft };
}
