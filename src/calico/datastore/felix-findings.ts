/** Settings of FelixConfiguration that change nothing. */

import { calicoNodeSettings, type Finding, finding, type Store } from '../../kubernetes/index.js';
import { canonicalParameter, ENVIRONMENT_PREFIX, felixEnvironment } from '../felix/parameters.js';
import { nodeEnvironment, parametersOf } from './felix.js';

/** What calico-node's environment says goes before all objects; config_params.go. */
export function felixFindings(store: Store): readonly Finding[] {
  const settings = calicoNodeSettings(store);
  if (settings === undefined) return [];
  const { kind, namespace, name } = settings.object;
  const owner = `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
  const stronger = new Map(
    Object.entries(felixEnvironment(nodeEnvironment(settings, ''))).map(([given, value]) => [
      canonicalParameter(given),
      { given, value },
    ]),
  );
  return store.list('FelixConfiguration').flatMap((object) =>
    Object.entries(parametersOf(object.spec.fields)).flatMap(([field, value]) => {
      const set = stronger.get(canonicalParameter(field));
      if (set === undefined || set.value === '' || set.value.toLowerCase() === value.toLowerCase()) return [];
      const variable = `${ENVIRONMENT_PREFIX.toUpperCase()}${set.given.toUpperCase()}`;
      const message = `has no effect: ${variable}=${set.value} in the environment of calico-node (${owner}) goes before it`;
      return [finding(object, ['spec', field], { code: 'calico-setting', severity: 'warning', message })];
    }),
  );
}
