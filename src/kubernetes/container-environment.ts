/** Where the variables of a container come from (pkg/kubelet/kubelet_pods.go:makeEnvironmentVariables()). */

import type { Container, EnvVariable } from './kinds/pod.js';
import { labelOf } from './selector.js';
import type { Store } from './store.js';
import type { Secret } from './types.js';

export type EnvValue =
  /** `expands`: written in the container itself, where `$(NAME)` is another variable. */
  | { readonly kind: 'text'; readonly text: string; readonly expands?: true }
  /** The pod's own: `spec.nodeName`, `status.podIP`. */
  | { readonly kind: 'field'; readonly fieldPath: string }
  /** From a container's resources, or from a ConfigMap or Secret that is not there. */
  | { readonly kind: 'unresolved'; readonly from: string };

type Reference = NonNullable<NonNullable<EnvVariable['valueFrom']>['secretKeyRef']>;
type FromSource = Container['envFrom'][number];

/** `data` is base64, `stringData` goes before it. */
export function secretText({ data, stringData }: Secret, key: string): string | undefined {
  const encoded = labelOf(data, key);
  return labelOf(stringData, key) ?? (encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString());
}

class Sources {
  readonly #store: Store;
  readonly #namespace: string;

  constructor(store: Store, namespace: string) {
    this.#store = store;
    this.#namespace = namespace;
  }

  /** Undefined for what is optional and not there: it is left out. */
  variable({ value = '', valueFrom }: EnvVariable): EnvValue | undefined {
    if (value !== '' || valueFrom === undefined) return { kind: 'text', text: value, expands: true };
    const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom;
    if (fieldRef !== undefined) return { kind: 'field', fieldPath: fieldRef.fieldPath };
    if (configMapKeyRef !== undefined) {
      const { name, key } = configMapKeyRef;
      return this.#ofKey('ConfigMap', configMapKeyRef, labelOf(this.#configMap(name)?.data ?? {}, key));
    }
    if (secretKeyRef === undefined) return { kind: 'unresolved', from: 'a resource field' };
    const secret = this.#secret(secretKeyRef.name);
    return this.#ofKey('Secret', secretKeyRef, secret && secretText(secret, secretKeyRef.key));
  }

  #ofKey(kind: string, { name, key, optional }: Reference, text: string | undefined): EnvValue | undefined {
    if (text !== undefined) return { kind: 'text', text };
    return optional ? undefined : { kind: 'unresolved', from: `${kind} ${this.#namespace}/${name}, key ${key}` };
  }

  /** Everything in a ConfigMap or a Secret; of one that is not there nobody knows the names. */
  all({ prefix, configMapRef, secretRef }: FromSource): readonly (readonly [string, EnvValue])[] {
    const reference = configMapRef ?? secretRef;
    if (reference === undefined) return [];
    const known =
      configMapRef === undefined ? this.#secretTexts(reference.name) : this.#configMap(reference.name)?.data;
    if (known !== undefined)
      return Object.entries(known).map(([name, text]) => [prefix + name, { kind: 'text', text }] as const);
    if (reference.optional) return [];
    const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap';
    return [[`${prefix}*`, { kind: 'unresolved', from: `${kind} ${this.#namespace}/${reference.name}` }]];
  }

  #secretTexts(name: string): Readonly<Record<string, string>> | undefined {
    const secret = this.#secret(name);
    if (secret === undefined) return undefined;
    const keys = Object.keys({ ...secret.data, ...secret.stringData });
    return Object.fromEntries(keys.map((key) => [key, secretText(secret, key) ?? '']));
  }

  #configMap(name: string) {
    return this.#store.get('ConfigMap', this.#namespace, name);
  }

  #secret(name: string) {
    return this.#store.get('Secret', this.#namespace, name);
  }
}

/** `envFrom` first, then `env`: of two with one name the later counts. */
export function containerVariables(
  { env, envFrom }: Pick<Container, 'env' | 'envFrom'>,
  store: Store,
  namespace: string,
): readonly (readonly [name: string, value: EnvValue])[] {
  const sources = new Sources(store, namespace);
  return [
    ...envFrom.flatMap((from) => sources.all(from)),
    ...env.flatMap((variable) => {
      const value = sources.variable(variable);
      return value === undefined ? [] : [[variable.name, value] as const];
    }),
  ];
}
