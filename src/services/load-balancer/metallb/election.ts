/** Which node answers for an address in layer 2 mode (speaker/layer2_controller.go:ShouldAnnounce()). Every speaker comes to the same answer. */

import { createHash } from 'node:crypto';
import { type EndpointSlice, type KubeNode, labelOf, type Service } from '../../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../../packet/index.js';
import { interfacesOf, type Layer2 } from './configuration.js';

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** speaker/main.go:shouldAnnounce(): what no speaker on such a node does. */
export const mayAnnounce = ({ labels, status }: KubeNode): boolean =>
  labelOf(labels, EXCLUDED) === undefined && !status.networkUnavailable;

export interface Election {
  readonly address: Ipv4Addr;
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly layer2: readonly Layer2[];
}

/** epslices.EndpointCanServe(). */
export const canServe = ({ conditions }: EndpointSlice['endpoints'][number]): boolean =>
  conditions.ready || conditions.serving;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Nodes whose speakers may have the address, the one that has it first; without a ready endpoint there are none. */
export function candidates({ address, service, slices, layer2 }: Election, speakers: readonly KubeNode[]): KubeNode[] {
  const serving = slices.flatMap(({ endpoints }) => endpoints.filter(canServe));
  if (serving.length === 0) return [];
  const withEndpoint = new Set(serving.map(({ nodeName }) => nodeName));
  const local = service.spec.externalTrafficPolicy === 'Local';
  return speakers
    .filter(
      (node) =>
        mayAnnounce(node) && interfacesOf(layer2, node) !== undefined && (!local || withEndpoint.has(node.name)),
    )
    .map((node) => ({ node, order: sha256(`${node.name}#${formatIpv4(address)}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ node }) => node);
}
