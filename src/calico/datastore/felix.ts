/** Felix' input out of the store: the cluster's part, and the layers of parameters of one node. */

import { isDeepStrictEqual } from 'node:util';
import {
  ALL_KINDS,
  byParts,
  calicoNode,
  type CalicoNodeSettings,
  calicoNodeSettings,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type ObjectOf,
  type Pod,
  type Store,
} from '../../kubernetes/index.js';
import { compareText } from '../digest.js';
import { type ClusterResources, FelixCluster } from '../felix/calc/input.js';
import { felixEnvironment, type ParameterLayer } from '../felix/parameters.js';
import type { IpamStore } from '../ipam/store.js';
import { followedList, rememberedList } from '../memo.js';
import {
  type BlockSummary,
  cause,
  type FelixParameters,
  type HostEndpoint,
  type NetworkSet,
  type Profile,
  type ServiceSlice,
  type WorkloadEndpoint,
} from '../model.js';
import type { Cause } from '../../trace/index.js';
import { parseSelector } from '../policy/selector.js';
import type { Environment } from '../startup/environment.js';
import { blockSummaries } from './ipam.js';
import { PolicyConversions, storedTiers } from './policies.js';
import { podToEndpoint, storedNodes, storedPools, storedProfiles, storedServiceCidrs } from './resources.js';

/** A ProtoPort of the API as Felix' own text: `tcp:10.0.0.0/8:22`. */
function protoPortText({ protocol, port, net }: JsonObject): string {
  const peer = typeof net === 'string' && net !== '' ? `${net.includes(':') ? `[${net}]` : net}:` : '';
  return `${typeof protocol === 'string' ? protocol.toLowerCase() : 'tcp'}:${peer}${scalarText(port)}`;
}

const scalarText = (value: Json | undefined): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';

/** Lists are written with commas; an empty one says `none`, which is not the same as saying nothing. */
function parameterText(value: Json): string {
  if (!isList(value)) return isObject(value) ? JSON.stringify(value) : scalarText(value);
  if (value.length === 0) return 'none';
  return value.map((item) => (isObject(item) ? protoPortText(item) : scalarText(item))).join(',');
}

const ANNOTATED = 'config.projectcalico.org/';

/** Of a FelixConfiguration, by the names of its fields; what it is annotated with goes before these (configurationprocessor.go). */
export function parametersOf({
  annotations,
  spec,
}: Pick<ObjectOf<'FelixConfiguration'>, 'annotations' | 'spec'>): FelixParameters {
  const annotated = Object.entries(annotations).filter(([name]) => name.startsWith(ANNOTATED));
  return Object.fromEntries<string>([
    ...Object.entries(spec.fields).map(([name, value]) => [name, parameterText(value)] as const),
    ...annotated.map(([name, value]) => [name.slice(ANNOTATED.length), value] as const),
  ]);
}

/** Of several that select a node the oldest, and of those of one age the first by name; config_batcher.go:MergeSelectorConfigs(). */
function selectingConfiguration(store: Store, node: string): ObjectOf<'FelixConfiguration'> | undefined {
  const labels = calicoNode(store, node)?.labels;
  if (labels === undefined) return undefined;
  return store
    .list('FelixConfiguration')
    .filter(({ spec }) => spec.nodeSelector !== '' && parseSelector(spec.nodeSelector).matches(labels))
    .toSorted((a, b) => compareText(a.spec.createdAt, b.spec.createdAt) || compareText(a.name, b.name))[0];
}

/** The environment of a node's calico-node container; values that only a secret knows are left out. */
export function nodeEnvironment({ env, namespace }: CalicoNodeSettings, node: string): Environment {
  const known: [string, string][] = [];
  for (const [name, value] of env) {
    if (value.kind === 'text') known.push([name, value.text]);
    else if (value.kind === 'field' && value.fieldPath === 'spec.nodeName') known.push([name, node]);
    else if (value.kind === 'field' && value.fieldPath === 'metadata.namespace') known.push([name, namespace]);
  }
  return Object.fromEntries(known);
}

const settingsCause = ({ object: { kind, namespace, name } }: CalicoNodeSettings): Cause => ({
  kind,
  ...(namespace !== '' && { namespace }),
  name,
  detail: 'environment',
});

/**
 * What every installation of Calico's own sets in calico-node's environment and Felix itself has otherwise (manifests/calico.yaml,
 * canal.yaml; tigera/operator pkg/render/node.go). Differs: it does not go before FelixConfiguration, since nobody wrote it.
 */
const INSTALLED: ParameterLayer = { parameters: { DefaultEndpointToHostAction: 'ACCEPT' }, because: [] };

/**
 * Strongest first: the environment, FelixConfiguration `node.<name>`, one that selects the node, `default`; of a cluster
 * without the DaemonSet what its environment would have said at the end.
 */
export function felixLayers(store: Store, node: string): ParameterLayer[] {
  const settings = calicoNodeSettings(store);
  const own = store.get('FelixConfiguration', '', `node.${node}`);
  const general = store.get('FelixConfiguration', '', 'default');
  const information = store.get('ClusterInformation', '', 'default');
  const objects = [own, selectingConfiguration(store, node), general].flatMap((object) => object ?? []);
  const environment: ParameterLayer[] = settings
    ? [
        {
          parameters: felixEnvironment(nodeEnvironment(settings, node)),
          because: [settingsCause(settings)],
        },
      ]
    : [];
  return [
    ...environment,
    ...objects.map((object) => ({
      parameters: parametersOf(object),
      because: [cause('FelixConfiguration', object.name)],
    })),
    ...(information === undefined
      ? []
      : [
          {
            parameters: { ClusterType: information.spec.clusterType },
            because: [cause('ClusterInformation', information.name)],
          },
        ]),
    ...(settings === undefined ? [INSTALLED] : []),
  ];
}

/** What profiles are made of, besides the service accounts that pods name. */
const PROFILE_KINDS = ['Namespace', 'ServiceAccount', 'Profile'] as const;

/**
 * The cluster's part of Felix' input, made of the store whenever somebody asks and something has changed. What
 * was worked out of objects that are the same stays; a policy that changes costs what it touches.
 */
export class FelixDatastore {
  readonly #store: Store;
  readonly #ipam: IpamStore;
  readonly #conversions = new PolicyConversions();
  /** By pod. */
  readonly #known = new Map<string, WorkloadEndpoint>();
  /** Lists keep their identity while their elements are the same, for what is worked out of whole lists. */
  readonly #endpoints = rememberedList((list: readonly WorkloadEndpoint[]) => list);
  readonly #ofPods: (pods: readonly Pod[]) => readonly (WorkloadEndpoint | undefined)[];
  readonly #blocks = rememberedList((list: readonly BlockSummary[]) => list);
  readonly #hostEndpoints = rememberedList((list: readonly HostEndpoint[]) => list);
  readonly #networkSets = rememberedList((list: readonly NetworkSet[]) => list);
  readonly #slices = rememberedList((list: readonly ServiceSlice[]) => list);
  /** Another object where pods name other service accounts than before. */
  readonly #accounts = byParts<Pod, object>(
    ({ spec }) => [spec.serviceAccountName],
    () => ({}),
  );
  readonly #profiles: (sources: readonly unknown[]) => readonly Profile[];
  #pods: { readonly list: readonly Pod[]; readonly endpoints: readonly WorkloadEndpoint[] } | undefined = undefined;
  #byNode:
    | {
        readonly endpoints: readonly WorkloadEndpoint[];
        readonly nodes: ReadonlyMap<string, readonly WorkloadEndpoint[]>;
      }
    | undefined = undefined;
  #cluster: FelixCluster | undefined = undefined;
  #sources: readonly unknown[] = [];

  constructor(store: Store, ipam: IpamStore, interfacePrefix?: string) {
    this.#store = store;
    this.#ipam = ipam;
    this.#ofPods = followedList((pod: Pod) => this.#kept(pod, podToEndpoint(pod, interfacePrefix)));
    this.#profiles = rememberedList(() => [...storedProfiles(store), ...this.#conversions.profiles(store)]);
  }

  /** The endpoint that the pod had before, where nothing of it is different: what the plugin notes down is no change. */
  #kept({ namespace, name }: Pod, endpoint: WorkloadEndpoint | undefined): WorkloadEndpoint | undefined {
    const key = `${namespace}/${name}`;
    const before = this.#known.get(key);
    if (isDeepStrictEqual(before, endpoint)) return before;
    if (endpoint === undefined) this.#known.delete(key);
    else this.#known.set(key, endpoint);
    return endpoint;
  }

  /** Endpoints of all pods, each the same object as long as its pod is. */
  get endpoints(): readonly WorkloadEndpoint[] {
    const pods = this.#store.list('Pod');
    if (this.#pods?.list !== pods) {
      const endpoints = this.#endpoints(this.#ofPods(pods).filter((endpoint) => endpoint !== undefined));
      this.#pods = { list: pods, endpoints };
    }
    return this.#pods.endpoints;
  }

  endpointsOf(node: string): readonly WorkloadEndpoint[] {
    const endpoints = this.endpoints;
    if (this.#byNode?.endpoints !== endpoints) {
      const nodes = new Map<string, WorkloadEndpoint[]>();
      for (const endpoint of endpoints) {
        const own = nodes.get(endpoint.node);
        if (own === undefined) nodes.set(endpoint.node, [endpoint]);
        else own.push(endpoint);
      }
      this.#byNode = { endpoints, nodes };
    }
    return this.#byNode.nodes.get(node) ?? [];
  }

  get cluster(): FelixCluster {
    const sources = ALL_KINDS.map((kind) => this.#store.list(kind));
    const changed = sources.some((list, i) => list !== this.#sources[i]);
    if (this.#cluster === undefined || changed) {
      this.#sources = sources;
      this.#cluster = new FelixCluster(this.#resources(), this.#cluster);
    }
    return this.#cluster;
  }

  #resources(): ClusterResources {
    const store = this.#store;
    return {
      nodes: storedNodes(store),
      pools: storedPools(store),
      blocks: this.#blocks(blockSummaries(this.#ipam)),
      profiles: this.#profiles([...PROFILE_KINDS.map((kind) => store.list(kind)), this.#accounts(store.list('Pod'))]),
      serviceCidrs: storedServiceCidrs(store),
      policies: this.#conversions.policies(store),
      tiers: storedTiers(store),
      endpoints: this.endpoints,
      hostEndpoints: this.#hostEndpoints(this.#conversions.hostEndpoints(store)),
      networkSets: this.#networkSets(this.#conversions.networkSets(store)),
      serviceSlices: this.#slices(this.#conversions.serviceSlices(store)),
    };
  }
}

/** The cluster's part of Felix' input, for whoever needs it once. */
export const felixCluster = (store: Store, ipam: IpamStore): FelixCluster => new FelixDatastore(store, ipam).cluster;
