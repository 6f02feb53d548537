/** Associations in the guest, whose kernel has SCTP where the machine's own may not: Services, refusals, silence. */

import { formatIpv4, toHex } from '../../../src/packet/index.js';
import { EmulatedRun } from '../kernel/emulated.js';
import type { KernelCase, Order } from '../kernel/record.js';
import { topologySources } from '../kernel/topologies.js';

const TOPOLOGY = 'sctp-services';
const MESSAGE = toHex(new TextEncoder().encode('what happens to this message?'));
/**
 * Three INITs go at 0, 3 and 9 seconds, give or take what timers do. All together is to be about 15: a neighbour may be doubted
 * after that (base_reachable_time, of which a random part is taken).
 */
const THREE_INITS_MS = 10_000;
const TWO_INITS_MS = 3_500;

interface Flow {
  readonly from: string;
  /** A place, or an address. */
  readonly to: string;
  readonly port: number;
  readonly note: string;
  readonly waitMs?: number;
}

const FLOWS: readonly Flow[] = [
  { from: 'pod/core/stranger', to: 'pod/core/hss', port: 3868, note: 'what policy drops', waitMs: THREE_INITS_MS },
  { from: 'pod/core/client', to: 'pod/core/amf', port: 38_412, note: 'a pod of the other node' },
  { from: 'node/worker2', to: 'pod/core/amf', port: 38_412, note: 'a pod of the same node' },
  { from: 'pod/core/amf', to: 'pod/core/amf', port: 38_412, note: 'a pod asks itself' },
  { from: 'pod/core/client', to: 'pod/core/amf', port: 38_413, note: 'a port that a pod does not have' },
  { from: 'pod/core/client', to: '10.96.0.38', port: 38_412, note: 'a cluster address' },
  { from: 'host/gnb', to: '172.18.0.11', port: 31_412, note: 'a node port of a node without the pod' },
  { from: 'host/gnb', to: '172.18.0.12', port: 31_412, note: 'a node port of the node with the pod' },
  { from: 'node/worker1', to: '10.96.0.38', port: 38_412, note: 'from a node, which has several addresses' },
  { from: 'pod/core/client', to: '172.18.0.12', port: 38_413, note: 'a port that a node does not have' },
  { from: 'pod/core/client', to: 'pod/core/hss', port: 3868, note: 'what policy allows' },
  { from: 'pod/core/client', to: '10.96.0.39', port: 29_118, note: 'no endpoints', waitMs: TWO_INITS_MS },
];

/** Services and refusals of the topology sctp-services. */
export function sctpServicesCase(): KernelCase {
  const name = `associations of ${TOPOLOGY}`;
  const sources = topologySources(TOPOLOGY);
  const run = new EmulatedRun({ name, sources, orders: [] });
  const addressOf = (to: string): string => {
    const own = run.places.some((place) => place.name === to) ? [...run.netns(to).devices] : [];
    const addresses = own.flatMap((dev) => dev.addresses.map(({ address }) => formatIpv4(address)));
    return addresses.find((address) => !address.startsWith('127.')) ?? to;
  };
  const orders = FLOWS.map(
    ({ from, to, port, note, waitMs }, i): Order => ({
      kind: 'sctp',
      place: from,
      sourcePort: 46_000 + i,
      destination: addressOf(to),
      port,
      hex: MESSAGE,
      note,
      ...(waitMs === undefined ? {} : { waitMs }),
    }),
  );
  return { name, sources, orders };
}
