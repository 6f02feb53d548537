/** On which of a node's addresses node ports are answered (pkg/proxy/util/nodeport_addresses.go). */

import { type Cidr, cidrContains, formatIp, type IpAddress, isIpv4, parseIp } from '../../kubernetes/index.js';
import { cidrFamily, familyOf, type IpFamily } from '../family.js';

const IPV4_LOOPBACK = parseIp('127.0.0.1');

const isLoopback = (address: IpAddress): boolean =>
  isIpv4(address) ? (address & 0xff00_0000) === 0x7f00_0000 : formatIp(address) === '::1';

export class NodePortAddresses {
  readonly #family: IpFamily;
  /** Undefined: every address. */
  readonly #cidrs: readonly Cidr[] | undefined;

  constructor(cidrs: readonly Cidr[], family: IpFamily) {
    this.#family = family;
    const own = cidrs.filter((cidr) => cidrFamily(cidr) === family);
    this.#cidrs = own.length === 0 || own.some(({ length }) => length === 0) ? undefined : own;
  }

  get matchesAll(): boolean {
    return this.#cidrs === undefined;
  }

  get containsIpv4Loopback(): boolean {
    if (this.#family !== 'IPv4') return false;
    // A range within 127.0.0.0/8, or one around it.
    return (
      this.#cidrs === undefined ||
      this.#cidrs.some(
        (cidr) => isLoopback(cidr.addr) || (IPV4_LOOPBACK !== undefined && cidrContains(cidr, IPV4_LOOPBACK)),
      )
    );
  }

  /** Those of a node's addresses that match, in the order of their texts. Differs: upstream's order is random. */
  select(addresses: readonly IpAddress[]): readonly IpAddress[] {
    const wanted = addresses.filter(
      (address) =>
        familyOf(address) === this.#family && (this.#cidrs?.some((cidr) => cidrContains(cidr, address)) ?? true),
    );
    return wanted.toSorted((a, b) => (formatIp(a) < formatIp(b) ? -1 : 1));
  }
}

export { isLoopback };
