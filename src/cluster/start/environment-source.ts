/** Where a variable of the calico-node container was written: in its DaemonSet, or in the ConfigMap that it names. */

import type { CalicoInstallation, DaemonSet, FieldPath, Store, Subject } from '../../kubernetes/index.js';

export interface VariableSource {
  readonly subject: Subject;
  readonly path: FieldPath;
}

const CONTAINER = 'calico-node';

/** Fields of the operator's Installation that become variables. */
const INSTALLATION_FIELDS: Readonly<Record<string, FieldPath>> = {
  IP_AUTODETECTION_METHOD: ['spec', 'calicoNetwork', 'nodeAddressAutodetectionV4'],
};

export function variableSource(
  store: Store,
  object: DaemonSet | CalicoInstallation,
  name: string,
): VariableSource | undefined {
  if (object.kind === 'DaemonSet') return inDaemonSet(store, object, name);
  const path = INSTALLATION_FIELDS[name];
  return path && { subject: object, path };
}

function inDaemonSet(store: Store, daemonSet: DaemonSet, name: string): VariableSource | undefined {
  const { containers } = daemonSet.spec.template.spec;
  const index = containers.findIndex((container) => container.name === CONTAINER);
  const container = containers[index];
  if (container === undefined) return undefined;
  const at = container.env.findLastIndex((entry) => entry.name === name);
  const path: FieldPath = ['spec', 'template', 'spec', 'containers', index];
  const reference = container.env[at]?.valueFrom?.configMapKeyRef;
  if (reference !== undefined) return inConfigMap(store, daemonSet.namespace, reference);
  if (at >= 0) return { subject: daemonSet, path: [...path, 'env', at, 'value'] };
  for (const { prefix, configMapRef } of container.envFrom) {
    const key = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    const found = key === undefined || configMapRef === undefined ? undefined : { name: configMapRef.name, key };
    const source = found && inConfigMap(store, daemonSet.namespace, found);
    if (source !== undefined) return source;
  }
  return undefined;
}

function inConfigMap(
  store: Store,
  namespace: string,
  { name, key }: { readonly name: string; readonly key: string },
): VariableSource | undefined {
  const map = store.get('ConfigMap', namespace, name);
  return map === undefined || !Object.hasOwn(map.data, key) ? undefined : { subject: map, path: ['data', key] };
}
