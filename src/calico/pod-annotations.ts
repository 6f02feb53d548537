/**
 * What a pod's annotations ask of Felix: floating addresses, sources that it may use, limits, DSCP;
 * libcalico-go/lib/backend/k8s/conversion/workload_endpoint_default.go. What cannot be read is left out and told.
 */

import { type Address, type Cidr, networkOf, parseAddress, parseCidr, sameAddress } from './cidr.js';
import type { QosDirection, WorkloadEndpoint } from './model.js';
import { parseDscp } from './dscp.js';
import { jsonList } from './json-list.js';

type Annotations = Readonly<Record<string, string>>;

export type EndpointOptions = Pick<WorkloadEndpoint, 'floatingIps' | 'spoofedSources' | 'qos' | 'dscp'>;

export const NO_OPTIONS: EndpointOptions = { floatingIps: [], spoofedSources: [] };

export interface AnnotationProblem {
  readonly annotation: string;
  readonly expected: string;
}

const CNI = 'cni.projectcalico.org/';
const QOS = 'qos.projectcalico.org/';

class AnnotationReader {
  readonly problems: AnnotationProblem[] = [];
  readonly #annotations: Annotations;

  constructor(annotations: Annotations) {
    this.#annotations = annotations;
  }

  fail(annotation: string, expected: string): void {
    this.problems.push({ annotation, expected });
  }

  text(annotation: string): string {
    return this.#annotations[annotation] ?? '';
  }

  /** A JSON list of texts, all of which can be read. */
  list<T>(annotation: string, expected: string, parse: (text: string) => T | undefined): readonly T[] {
    const text = this.text(annotation);
    if (text === '') return [];
    const values = jsonList(text)?.map(parse);
    if (values?.every((value) => value !== undefined) === true) return values.flatMap((value) => value ?? []);
    this.fail(annotation, `a JSON list of ${expected}`);
    return [];
  }

  /** A Kubernetes quantity in whole numbers, brought within its limits. */
  quantity(annotation: string, limits: { readonly min: number; readonly max: number }): number {
    const text = this.text(annotation);
    if (text === '') return 0;
    const value = parseQuantity(text);
    if (value === undefined) {
      this.fail(annotation, 'a number');
      return 0;
    }
    const within = Math.min(Math.max(value, limits.min), limits.max);
    if (within !== value) this.fail(annotation, `a number from ${limits.min} to ${limits.max}`);
    return within;
  }
}

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
};

/** apimachinery's resource.Quantity, as far as whole numbers go: `1000`, `1k`, `2Ki`. */
function parseQuantity(text: string): number | undefined {
  const [, digits = '', suffix = ''] = /^(\d+)([kMG]|[KMG]i)?$/.exec(text) ?? [];
  const factor = SUFFIX[suffix];
  return digits === '' || factor === undefined ? undefined : Number(digits) * factor;
}

const DEFAULT_BURST = 5;
/** XT_LIMIT_SCALE. */
const RATE = { min: 1, max: 10_000 };
const CONNECTIONS = { min: 1, max: 0xffffffff };

function qosDirection(reader: AnnotationReader, direction: 'ingress' | 'egress'): QosDirection {
  const packetRate = reader.quantity(`${QOS}${direction}PacketRate`, RATE);
  const burst = reader.quantity(`${QOS}${direction}PacketBurst`, RATE);
  if (burst !== 0 && packetRate === 0) reader.fail(`${QOS}${direction}PacketBurst`, `${direction}PacketRate beside it`);
  return {
    packetRate,
    packetBurst: packetRate === 0 ? 0 : burst || DEFAULT_BURST,
    maxConnections: reader.quantity(`${QOS}${direction}MaxConnections`, CONNECTIONS),
  };
}

const isSet = ({ packetRate, maxConnections }: QosDirection): boolean => packetRate !== 0 || maxConnections !== 0;

function floatingIps(reader: AnnotationReader, own: readonly Address[]): EndpointOptions['floatingIps'] {
  return reader.list(`${CNI}floatingIPs`, 'addresses', parseAddress).flatMap((external) => {
    const internal = own.find(({ version }) => version === external.version);
    return internal === undefined || sameAddress(internal, external) ? [] : [{ external, internal }];
  });
}

const sourcePrefix = (text: string): Cidr | undefined => {
  const cidr = parseCidr(text);
  return cidr && networkOf(cidr);
};

export function endpointOptions(
  annotations: Annotations,
  own: readonly Address[],
): { readonly options: EndpointOptions; readonly problems: readonly AnnotationProblem[] } {
  const reader = new AnnotationReader(annotations);
  const [ingress, egress] = [qosDirection(reader, 'ingress'), qosDirection(reader, 'egress')];
  const dscpText = reader.text(`${QOS}dscp`);
  const dscp = dscpText === '' ? undefined : parseDscp(dscpText);
  if (dscpText !== '' && dscp === undefined) reader.fail(`${QOS}dscp`, 'a DSCP value from 0 to 63, or its name');
  const options: EndpointOptions = {
    floatingIps: floatingIps(reader, own),
    spoofedSources: reader.list(`${CNI}allowedSourcePrefixes`, 'CIDRs', sourcePrefix),
    ...((isSet(ingress) || isSet(egress)) && { qos: { ingress, egress } }),
    ...(dscp !== undefined && { dscp }),
  };
  return { options, problems: reader.problems };
}
