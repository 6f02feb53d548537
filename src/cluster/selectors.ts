/** Selectors of Calico's language in the input: Calico's API server refuses what cannot be read, and the object is left out. */

import { parseSelector, SelectorError } from '../calico/index.js';
import { describe, type FieldChecks, type Kind, places } from '../kubernetes/index.js';

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

type Path = readonly string[];

const ENTITY: readonly Path[] = [['selector'], ['notSelector'], ['namespaceSelector'], ['serviceAccounts', 'selector']];

/** Of rules, `*` standing for each. */
const RULES: readonly Path[] = ['ingress', 'egress'].flatMap((direction) =>
  ['source', 'destination'].flatMap((side) => ENTITY.map((path) => [direction, '*', side, ...path])),
);

const POLICY: readonly Path[] = [['selector'], ['serviceAccountSelector'], ['namespaceSelector'], ...RULES];

/** Fields of `spec` that are written in the language. */
const SELECTORS: Partial<Readonly<Record<Kind, readonly Path[]>>> = {
  IPPool: [['nodeSelector'], ['namespaceSelector']],
  FelixConfiguration: [['nodeSelector']],
  BGPPeer: [['nodeSelector'], ['peerSelector'], ['localWorkloadSelector']],
  CalicoNetworkPolicy: POLICY,
  GlobalNetworkPolicy: POLICY,
  StagedNetworkPolicy: POLICY,
  StagedGlobalNetworkPolicy: POLICY,
  Profile: RULES,
};

export const selectorChecks: FieldChecks = (kind) => {
  const paths = SELECTORS[kind];
  if (paths === undefined) return undefined;
  return (document) =>
    paths.flatMap((path) =>
      [...places(document, ['spec', ...path])].flatMap(({ at, value }) => {
        // calicoctl takes true and 7 for text.
        const why = typeof value === 'object' ? undefined : problem(String(value));
        const expected = `a selector (${why})`;
        return why === undefined ? [] : [{ path: at, expected, got: describe(value), refused: 'left-out' as const }];
      }),
    );
};
