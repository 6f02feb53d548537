/**
 * What calico-node writes of BGP into its Node when it starts: addresses, AS number;
 * node/pkg/lifecycle/startup/startup.go: configureAndCheckIPAddressSubnets(), configureASNumber().
 */

import { type Address, addressOf, type Cidr, formatAddress, sameAddress } from '../cidr.js';
import { parseAsNumber } from '../../kubernetes/index.js';
import { type DetectionHost, nodeAddress } from './autodetect.js';
import { type Environment, networkingBackend, StartupError, variable } from './environment.js';

export interface NodeBgp {
  readonly ipv4Address?: Cidr;
  readonly ipv6Address?: Cidr;
  readonly asNumber?: number;
}

/** The name of another node that has an address, by the datastore. */
export type AddressOwner = (address: Address) => string | undefined;

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
function checkConflicts({ ipv4Address, ipv6Address }: NodeBgp, ownerOf: AddressOwner): void {
  for (const cidr of [ipv4Address, ipv6Address]) {
    const other = cidr && ownerOf(addressOf(cidr));
    if (cidr === undefined || other === undefined) continue;
    const variableName = cidr.version === 4 ? 'IP' : 'IP6';
    throw new StartupError(variableName, `an address that Node ${other} does not have`, formatAddress(addressOf(cidr)));
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
  { known, ownerOf }: { readonly known: NodeBgp; readonly ownerOf: AddressOwner },
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
  if (changed(found, known) && variable(environment, 'DISABLE_NODE_IP_CHECK') !== 'true')
    checkConflicts(found, ownerOf);
  return found;
}
