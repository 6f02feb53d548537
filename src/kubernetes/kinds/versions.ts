/** In which versions of its group API servers have had a kind, newest first. */

import { groupOf } from '../schema/kind.js';

const VERSIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['', ['v1']],
  ['apps', ['v1', 'v1beta2', 'v1beta1']],
  ['batch', ['v1', 'v1beta1', 'v2alpha1']],
  ['crd.projectcalico.org', ['v1']],
  ['discovery.k8s.io', ['v1', 'v1beta1', 'v1alpha1']],
  ['extensions', ['v1beta1']],
  ['metallb.io', ['v1beta2', 'v1beta1', 'v1alpha1']],
  ['networking.k8s.io', ['v1']],
  ['operator.tigera.io', ['v1']],
  ['policy.networking.k8s.io', ['v1alpha2', 'v1alpha1']],
  ['projectcalico.org', ['v3']],
]);

/** Where a kind has been in more of them than its group's others. */
const OWN_VERSIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['networking.k8s.io/ServiceCIDR', ['v1', 'v1beta1', 'v1alpha1']],
]);

/** The `apiVersion` that a document should have had, where no API server ever had its own; undefined where all is well. */
export function knownApiVersion({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): string | undefined {
  const group = groupOf(apiVersion);
  const versions = OWN_VERSIONS.get(`${group}/${kind}`) ?? VERSIONS.get(group);
  const [newest] = versions ?? [];
  const written = group === '' ? apiVersion : apiVersion.slice(group.length + 1);
  if (newest === undefined || versions?.includes(written) === true) return undefined;
  return group === '' ? newest : `${group}/${newest}`;
}
