/** Settings of Felix that change nothing. */

import { calicoNodeSettings, type Finding, finding, type Store, type Subject } from '../../kubernetes/index.js';
import type { FelixParameters } from '../model.js';
import { canonicalParameter, ENVIRONMENT_PREFIX, felixEnvironment, readFelixConfig } from '../felix/parameters.js';
import { nodeEnvironment, parametersOf } from './felix.js';

const setting = (subject: Subject, path: readonly string[], message: string): Finding =>
  finding(subject, path, { code: 'calico-setting', severity: 'warning', message });

const unread = (parameters: FelixParameters): readonly string[] =>
  readFelixConfig([{ parameters, because: [] }]).problems;

/** Values that Felix cannot read, for which it takes its default. */
function unreadFindings(store: Store): readonly Finding[] {
  const settings = calicoNodeSettings(store);
  const environment = settings === undefined ? {} : felixEnvironment(nodeEnvironment(settings, ''));
  return [
    ...unread(environment).flatMap((message) => (settings ? [setting(settings.object, [], `Felix: ${message}`)] : [])),
    ...store
      .list('FelixConfiguration')
      .flatMap((object) =>
        unread(parametersOf(object)).map((message) => setting(object, ['spec'], `Felix: ${message}`)),
      ),
  ];
}

export const felixFindings = (store: Store): readonly Finding[] => [...unreadFindings(store), ...weakerFindings(store)];

/** What calico-node's environment says goes before all objects; config_params.go. */
function weakerFindings(store: Store): readonly Finding[] {
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
    Object.entries(parametersOf(object)).flatMap(([field, value]) => {
      const set = stronger.get(canonicalParameter(field));
      if (set === undefined || set.value === '' || set.value.toLowerCase() === value.toLowerCase()) return [];
      const variable = `${ENVIRONMENT_PREFIX.toUpperCase()}${set.given.toUpperCase()}`;
      const message = `has no effect: ${variable}=${set.value} in the environment of calico-node (${owner}) goes before it`;
      return [setting(object, ['spec', field], message)];
    }),
  );
}
