/** Felix' input out of the store: the cluster's part, and the layers of parameters of one node. */

import {
  type CalicoNodeSettings,
  calicoNodeSettings,
  isList,
  isObject,
  type Json,
  type JsonObject,
  type Store,
} from '../../kubernetes/index.js';
import { FelixCluster } from '../felix/calc/input.js';
import { felixEnvironment, type ParameterLayer } from '../felix/parameters.js';
import type { IpamStore } from '../ipam/store.js';
import { cause, type FelixParameters } from '../model.js';
import { parseSelector } from '../policy/selector.js';
import type { Environment } from '../startup/environment.js';
import { blockSummaries } from './ipam.js';
import { storedNodes, storedPools, storedProfiles, storedServiceCidrs } from './resources.js';

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

const parametersOf = (fields: JsonObject): FelixParameters =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, parameterText(value)]));

/** The environment of a node's calico-node container; values that only a secret knows are left out. */
export function nodeEnvironment({ env }: CalicoNodeSettings, node: string): Environment {
  const known: [string, string][] = [];
  for (const [name, value] of env) {
    if (value.kind === 'text') known.push([name, value.text]);
    else if (value.kind === 'field' && value.fieldPath === 'spec.nodeName') known.push([name, node]);
  }
  return Object.fromEntries(known);
}

/** Strongest first: the environment, FelixConfiguration `node.<name>`, one that selects the node, `default`. */
export function felixLayers(store: Store, node: string): ParameterLayer[] {
  const settings = calicoNodeSettings(store);
  const labels = storedNodes(store).find(({ name }) => name === node)?.labels ?? {};
  const own = store.get('FelixConfiguration', '', `node.${node}`);
  const general = store.get('FelixConfiguration', '', 'default');
  const selecting = store
    .list('FelixConfiguration')
    .find(({ spec }) => spec.nodeSelector !== '' && parseSelector(spec.nodeSelector).matches(labels));
  const objects = [own, selecting, general].flatMap((object) => object ?? []);
  const environment: ParameterLayer[] = settings
    ? [
        {
          parameters: felixEnvironment(nodeEnvironment(settings, node)),
          because: [
            {
              kind: 'DaemonSet',
              namespace: settings.daemonSet.namespace,
              name: settings.daemonSet.name,
              detail: 'environment',
            },
          ],
        },
      ]
    : [];
  return [
    ...environment,
    ...objects.map(({ name, spec }) => ({
      parameters: parametersOf(spec.fields),
      because: [cause('FelixConfiguration', name)],
    })),
  ];
}

/** The cluster's part of Felix' input: made once, and again when something in it changes. */
export const felixCluster = (store: Store, ipam: IpamStore): FelixCluster =>
  new FelixCluster({
    nodes: storedNodes(store),
    pools: storedPools(store),
    blocks: blockSummaries(ipam),
    profiles: storedProfiles(store),
    serviceCidrs: storedServiceCidrs(store),
  });
