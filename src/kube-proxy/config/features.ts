/**
 * What hangs on the version of kube-proxy and its feature gates, where users felt the change. The reference is
 * Kubernetes 1.34; versions from 1.28 on are told apart.
 */

export interface Features {
  /** `status.loadBalancer.ingress[].ipMode` counts (gate LoadBalancerIPMode: on since 1.30, GA 1.32). */
  readonly loadBalancerIpMode: boolean;
  /** Hints count only with the annotation `service.kubernetes.io/topology-mode: Auto` (before 1.33). */
  readonly hintsWantAnnotation: boolean;
  /** Hints for nodes count (gate PreferSameTrafficDistribution: alpha 1.33, on since 1.34). */
  readonly nodeHints: boolean;
  /** `-m nfacct` counts what is dropped as INVALID (1.32) … */
  readonly invalidCounter: boolean;
  /** … and node ports that are asked at 127.0.0.1 (1.33). */
  readonly localhostCounter: boolean;
  /** UDP entries are found by one pass over the whole table (1.32); before by Service and endpoint. */
  readonly conntrackByTable: boolean;
  /** … of which those go too that lead to another port of an endpoint than it has now (1.34). */
  readonly conntrackByEndpointPort: boolean;
}

export const REFERENCE_MINOR = 34;
/** Below this, partial syncs, chains of kubelet and more were other. */
export const OLDEST_MINOR = 28;

export function featuresOf(minor: number = REFERENCE_MINOR, gates: Readonly<Record<string, boolean>> = {}): Features {
  const gate = (name: string, alpha: number, on: number, fixed: number): boolean =>
    minor >= fixed || (minor >= alpha && (gates[name] ?? minor >= on));
  return {
    loadBalancerIpMode: gate('LoadBalancerIPMode', 29, 30, 32),
    hintsWantAnnotation: minor < 33,
    nodeHints: gate('PreferSameTrafficDistribution', 33, 34, 35),
    invalidCounter: minor >= 32,
    localhostCounter: minor >= 33,
    conntrackByTable: minor >= 32,
    conntrackByEndpointPort: minor >= 34,
  };
}

/** `registry.k8s.io/kube-proxy:v1.34.2` → 34; undefined for a tag that says no version. */
export function minorOfImage(image: string): number | undefined {
  const match = /:v?1\.(\d{1,3})(?:[.\-+]|$)/.exec(image.replace(/@sha256:.*$/, ''));
  return match === null ? undefined : Number(match[1]);
}
