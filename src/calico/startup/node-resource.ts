/**
 * What calico-node writes of BGP into its Node when it starts: addresses, AS number;
 * node/pkg/lifecycle/startup/startup.go: configureAndCheckIPAddressSubnets(), configureASNumber().
 */

import { type Cidr, formatAddress, sameAddress } from '../cidr.js';
import { parseAsNumber } from '../../kubernetes/index.js';
import { type DetectionHost, nodeAddress } from './autodetect.js';
import { type Environment, networkingBackend, StartupError, variable } from './environment.js';

export interface NodeBgp {
  readonly ipv4Address?: Cidr;
  readonly ipv6Address?: Cidr;
  readonly asNumber?: number;
}

/** Another node, as the datastore has it. */
export interface OtherNode extends NodeBgp {
  readonly name: string;
}

function environmentAsNumber(environment: Environment): number | undefined {
  const text = variable(environment, 'AS');
  if (text === '') return undefined;
  const asNumber = parseAsNumber(text);
  if (asNumber === undefined) throw new StartupError('AS', 'an AS number from 0 to 4294967295', text);
  return asNumber;
}

const same = (a: Cidr | undefined, b: Cidr | undefined): boolean =>
  a !== undefined && b !== undefined && sameAddress(a, b);

/** A node does not start with an address that another has. */
function checkConflicts(found: NodeBgp, others: readonly OtherNode[]): void {
  for (const { name, ipv4Address, ipv6Address } of others) {
    const shared = same(found.ipv4Address, ipv4Address)
      ? ipv4Address
      : same(found.ipv6Address, ipv6Address)
        ? ipv6Address
        : undefined;
    if (shared === undefined) continue;
    const text = formatAddress(shared);
    throw new StartupError(shared.version === 4 ? 'IP' : 'IP6', `an address that Node ${name} does not have`, text);
  }
}

const changed = (found: NodeBgp, known: NodeBgp): boolean =>
  !same(found.ipv4Address, known.ipv4Address) ||
  (found.ipv6Address !== undefined && !same(found.ipv6Address, known.ipv6Address));

/**
 * The Node's BGP section after a start, or undefined where calico-node only enforces policy. Throws
 * StartupError where it would end.
 */
export function startNode(
  environment: Environment,
  host: DetectionHost,
  { known, others }: { readonly known: NodeBgp; readonly others: readonly OtherNode[] },
): NodeBgp | undefined {
  if (networkingBackend(environment) === 'none') return undefined;
  const ipv4Address = nodeAddress(environment, 4, host, known.ipv4Address);
  const ipv6Address = nodeAddress(environment, 6, host, known.ipv6Address);
  if (ipv4Address === undefined && ipv6Address === undefined)
    throw new StartupError('IP', 'an IPv4 or IPv6 address, which networking needs', variable(environment, 'IP'));
  const asNumber = environmentAsNumber(environment) ?? known.asNumber;
  const found = {
    ...(ipv4Address && { ipv4Address }),
    ...(ipv6Address && { ipv6Address }),
    ...(asNumber !== undefined && { asNumber }),
  };
  if (changed(found, known) && variable(environment, 'DISABLE_NODE_IP_CHECK') !== 'true') checkConflicts(found, others);
  return found;
}
