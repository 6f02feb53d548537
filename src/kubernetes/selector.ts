/** Label selectors (k8s.io/apimachinery/pkg/labels): what a NetworkPolicy, a Service or a workload chooses. */

import type { LabelSelector } from './kinds/label-selector.js';
import type { NodeRequirement } from './kinds/pod.js';
import type { Labels } from './schema/kind.js';

/** An own label, never what every object inherits. */
export const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

/** `app=web,tier=front`, as `kubectl get -l` takes it. */
export const formatLabels = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** Every pair is among the labels. No pairs match everything. */
export function hasLabels(wanted: Labels, labels: Labels): boolean {
  for (const key of Object.keys(wanted)) if (labelOf(labels, key) !== wanted[key]) return false;
  return true;
}

const integerOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[-+]?\d+$/.test(text) ? Number(text) : undefined;

/** selector.go:Requirement.Matches(): `NotIn` holds for a label that is not there; `Gt` and `Lt` compare integers and fail on anything else. */
export function meetsRequirement({ key, operator, values }: NodeRequirement, labels: Labels): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const actual = integerOf(value);
      const bound = integerOf(values[0]);
      if (actual === undefined || bound === undefined) return false;
      return operator === 'Gt' ? actual > bound : actual < bound;
    }
  }
}

/** An empty selector matches everything; where it may be missing, what that means is the caller's to know. */
export const matchesSelector = ({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean =>
  hasLabels(matchLabels, labels) && matchExpressions.every((requirement) => meetsRequirement(requirement, labels));
