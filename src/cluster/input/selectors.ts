/** Selectors of Calico's language in the input: Calico's API server refuses what cannot be read, and the object is left out. */

import { parseSelector, SelectorError } from '../../calico/index.js';
import { describe, type FieldChecks, type Kind, places } from '../../kubernetes/index.js';

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

/** validateEntityRule() and its like: what belongs to no namespace is asked for by rules alone, and by nothing beside it; nobody looks at notSelector. */
function globalProblem(selector: string, path: Path): string | undefined {
  if (!/\bglobal\s*\(/.test(selector)) return undefined;
  if (path.at(-1) === 'notSelector' || path.at(-2) === 'serviceAccounts') return undefined;
  if (path.length > 1 && path.at(-1) === 'namespaceSelector')
    return /^\s*global\s*\(\s*\)\s*$/.test(selector)
      ? undefined
      : 'a namespaceSelector with global() alone, or without it';
  return 'a selector without global(), which only the namespaceSelector of a rule may have';
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
      places(document, ['spec', ...path]).flatMap(({ at, value }) => {
        // calicoctl takes true and 7 for text.
        if (typeof value === 'object') return [];
        const why = problem(String(value));
        const expected = why === undefined ? globalProblem(String(value), path) : `a selector (${why})`;
        return expected === undefined
          ? []
          : [{ path: at, expected, got: describe(value), refused: 'left-out' as const }];
      }),
    );
};
