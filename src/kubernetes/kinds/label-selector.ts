/** Selectors of labels (k8s.io/apimachinery/pkg/apis/meta/v1 LabelSelector), and the form that labels have. */

import { textMap } from '../schema/kind.js';
import { checkAll, listOf, oneOf, record, text, type Value, type Want } from '../schema/schema.js';
import type { FieldPath } from '../source/json.js';

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const MAX_NAME = 63;
const MAX_SUBDOMAIN = 253;

const isName = (name: string): boolean => name.length <= MAX_NAME && NAME.test(name);

/** IsQualifiedName(): `app`, `app.kubernetes.io/name`. */
function isLabelKey(key: string): boolean {
  const [first = '', second, ...more] = key.split('/');
  if (second === undefined) return isName(first);
  return more.length === 0 && first.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(first) && isName(second);
}

/** IsValidLabelValue(). */
const isLabelValue = (value: string): boolean => value === '' || isName(value);

const LABEL_KEY_WANT = 'a label’s key, such as app or app.kubernetes.io/name';
const LABEL_VALUE_WANT = 'a label’s value, of at most 63 letters, digits, "-", "_" and "."';

const selectorRequirement = record({
  key: text,
  operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
  values: listOf(text),
});
export type SelectorRequirement = Value<typeof selectorRequirement>;

function labelRules(key: string, value: string, path: FieldPath): readonly Want[] {
  if (!isLabelKey(key)) return [{ path, expected: LABEL_KEY_WANT }];
  return isLabelValue(value) ? [] : [{ path, expected: LABEL_VALUE_WANT }];
}

function requirementRules({ key, operator, values }: SelectorRequirement, path: FieldPath): readonly Want[] {
  const wantsValues = operator === 'In' || operator === 'NotIn';
  const odd = values.findIndex((value) => !isLabelValue(value));
  return [
    ...(isLabelKey(key) ? [] : [{ path: [...path, 'key'], expected: LABEL_KEY_WANT }]),
    ...(wantsValues && values.length === 0 ? [{ path: [...path, 'values'], expected: `values for ${operator}` }] : []),
    ...(!wantsValues && values.length > 0
      ? [{ path: [...path, 'values'], expected: `no values for ${operator}` }]
      : []),
    ...(odd < 0 ? [] : [{ path: [...path, 'values', odd], expected: LABEL_VALUE_WANT }]),
  ];
}

/** apimachinery/pkg/apis/meta/v1/validation:ValidateLabelSelector(): no label can be of another form. */
export const labelSelector = checkAll(
  record({ matchLabels: textMap, matchExpressions: listOf(selectorRequirement) }),
  ({ matchLabels, matchExpressions }) => [
    ...Object.entries(matchLabels).flatMap(([key, value]) => labelRules(key, value, ['matchLabels', key])),
    ...matchExpressions.flatMap((requirement, i) => requirementRules(requirement, ['matchExpressions', i])),
  ],
);
/** Both empty selects everything. */
export type LabelSelector = Value<typeof labelSelector>;
