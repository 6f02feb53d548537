/** Selectors of Calico's language in the input: what cannot be read is an error, and its object is left out. */

import { parseSelector, SelectorError } from '../calico/index.js';
import {
  type ConfigError,
  configError,
  type FieldPath,
  type Kind,
  type PolicyEntity,
  type PolicyRuleSpec,
  type Store,
  type Subject,
} from '../kubernetes/index.js';

interface Written {
  readonly path: FieldPath;
  readonly selector: string;
}

/** Why a selector cannot be read and where in it, or undefined. */
function problem(selector: string): string | undefined {
  try {
    parseSelector(selector);
    return undefined;
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return `${error.message}, at character ${error.at + 1}`;
  }
}

function ofEntity(entity: PolicyEntity, at: FieldPath): Written[] {
  const { selector, notSelector, namespaceSelector, serviceAccounts } = entity;
  return [
    { path: [...at, 'selector'], selector },
    { path: [...at, 'notSelector'], selector: notSelector },
    { path: [...at, 'namespaceSelector'], selector: namespaceSelector },
    { path: [...at, 'serviceAccounts', 'selector'], selector: serviceAccounts?.selector ?? '' },
  ];
}

const ofRules = (direction: 'ingress' | 'egress', rules: readonly PolicyRuleSpec[]): Written[] =>
  rules.flatMap(({ source, destination }, i) => [
    ...ofEntity(source, ['spec', direction, i, 'source']),
    ...ofEntity(destination, ['spec', direction, i, 'destination']),
  ]);

interface PolicyFields {
  readonly selector: string;
  readonly serviceAccountSelector: string;
  readonly namespaceSelector?: string;
  readonly ingress: readonly PolicyRuleSpec[];
  readonly egress: readonly PolicyRuleSpec[];
}

const ofPolicy = (spec: PolicyFields): Written[] => [
  { path: ['spec', 'selector'], selector: spec.selector },
  { path: ['spec', 'serviceAccountSelector'], selector: spec.serviceAccountSelector },
  { path: ['spec', 'namespaceSelector'], selector: spec.namespaceSelector ?? '' },
  ...ofRules('ingress', spec.ingress),
  ...ofRules('egress', spec.egress),
];

interface Checked {
  readonly kind: Kind;
  readonly object: Subject;
  readonly selectors: readonly Written[];
}

const POLICIES = [
  'CalicoNetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
] as const;

/** Everything that is written in the language. */
function written(store: Store): Checked[] {
  return [
    ...store.list('IPPool').map((object) => ({
      kind: 'IPPool' as const,
      object,
      selectors: (['nodeSelector', 'namespaceSelector'] as const).map((field) => ({
        path: ['spec', field],
        selector: object.spec[field],
      })),
    })),
    ...store.list('FelixConfiguration').map((object) => ({
      kind: 'FelixConfiguration' as const,
      object,
      selectors: [{ path: ['spec', 'nodeSelector'], selector: object.spec.nodeSelector }],
    })),
    ...store.list('BGPPeer').map((object) => ({
      kind: 'BGPPeer' as const,
      object,
      selectors: (['nodeSelector', 'peerSelector', 'localWorkloadSelector'] as const).map((field) => ({
        path: ['spec', field],
        selector: object.spec[field],
      })),
    })),
    ...POLICIES.flatMap((kind) =>
      store.list(kind).map((object) => ({ kind, object, selectors: ofPolicy(object.spec) })),
    ),
    ...store.list('Profile').map((object) => ({
      kind: 'Profile' as const,
      object,
      selectors: [...ofRules('ingress', object.spec.ingress), ...ofRules('egress', object.spec.egress)],
    })),
  ];
}

export function takeOutBadSelectors(store: Store): ConfigError[] {
  return written(store).flatMap(({ kind, object, selectors }) => {
    const errors = selectors.flatMap(({ path, selector }) => {
      const why = problem(selector);
      return why === undefined
        ? []
        : [configError(object, path, { expected: `a selector (${why})`, got: `"${selector}"` })];
    });
    if (errors.length > 0) store.delete(kind, object.namespace, object.name);
    return errors;
  });
}
