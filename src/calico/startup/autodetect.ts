/** Finding a node's own address among those of its interfaces; node/pkg/lifecycle/startup/autodetection. */

import {
  type Address,
  addressOf,
  type Cidr,
  cidrContains,
  hostCidr,
  parseAddress,
  parseCidr,
  sameAddress,
} from '../cidr.js';
import { compareText } from '../digest.js';
import { type Environment, StartupError, variable } from './environment.js';

export interface DetectionInterface {
  readonly name: string;
  readonly addresses: readonly Cidr[];
}

export interface DetectionHost {
  /** By index, lowest first. */
  readonly interfaces: readonly DetectionInterface[];
  /** InternalIP addresses in the status of the Kubernetes Node. */
  readonly internalIps: readonly Address[];
  /** The address that a socket to `destination` would get, a name or an address. */
  readonly sourceFor: (destination: string, version: 4 | 6) => Address | undefined;
}

/** Interfaces that container platforms make. `^lo` takes everything that starts like the loopback. */
const INTERNAL_INTERFACES = [
  '^docker.*',
  '^cbr.*',
  '^dummy.*',
  '^podman.*',
  '^virbr.*',
  '^lxcbr.*',
  '^veth.*',
  '^lo',
  '^br-.*',
  '^cali.*',
  '^tunl.*',
  '^flannel.*',
  '^kube-ipvs.*',
  '^cni.*',
  '^vxlan\\.calico.*',
  '^vxlan-v6\\.calico.*',
  '^wireguard\\.cali.*',
  '^wg-v6\\.cali.*',
  '^nodelocaldns.*',
];

/** Throws SyntaxError where a pattern is none. */
const anyOf = (patterns: readonly string[]): RegExp | undefined =>
  patterns.length === 0 ? undefined : new RegExp(`(${patterns.join(')|(')})`);

/** net.IP.IsGlobalUnicast(): private and unique local addresses count, link-local and multicast do not. */
function isGlobalUnicast({ version, value }: Address): boolean {
  if (version === 6) return value > 1n && value >> 118n !== 0x3fan && value >> 120n !== 0xffn;
  const first = Number(value >> 24n);
  return value !== 0n && value !== 0xffffffffn && first !== 127 && first < 224 && value >> 16n !== 0xa9fen;
}

interface Filter {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly within?: readonly Cidr[];
}

/** The first address that fits, the interfaces taken from the highest index down. */
function firstAddress({ interfaces }: DetectionHost, version: 4 | 6, filter: Filter): Cidr | undefined {
  let include: RegExp | undefined;
  let exclude: RegExp | undefined;
  try {
    include = anyOf(filter.include ?? []);
    exclude = anyOf(filter.exclude ?? []);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // a pattern that is none finds nothing
    throw error;
  }
  const within = filter.within ?? [];
  return interfaces
    .toReversed()
    .filter(({ name }) => (include?.test(name) ?? true) && !(exclude?.test(name) ?? false))
    .flatMap(({ addresses }) => addresses)
    .find(
      (address) =>
        address.version === version &&
        isGlobalUnicast(addressOf(address)) &&
        (within.length === 0 || within.some((cidr) => cidrContains(cidr, address))),
    );
}

/** The address as an interface of the host has it; undefined where none does. */
function onInterface({ interfaces }: DetectionHost, address: Address): Cidr | undefined {
  return interfaces
    .toReversed()
    .flatMap(({ addresses }) => addresses)
    .find((one) => sameAddress(one, address));
}

/** With the prefix length that its interface gives it, else as a single address. */
const withLocalPrefix = (host: DetectionHost, address: Address): Cidr =>
  onInterface(host, address) ?? hostCidr(address);

/**
 * Interfaces that calico-node writes down of its node, by name, those of container platforms left out (startup.go:
 * configureIPsAndSubnets()): none where IP is not set, since it looks for addresses of asked families alone.
 */
export function nodeInterfaces(environment: Environment, { interfaces }: DetectionHost): readonly DetectionInterface[] {
  const asked = ([4, 6] as const).filter((version) => {
    const text = variable(environment, version === 4 ? 'IP' : 'IP6');
    return text !== '' && text !== 'none';
  });
  if (asked.length === 0) return [];
  const exclude = anyOf(INTERNAL_INTERFACES);
  return interfaces
    .filter(({ name }) => !(exclude?.test(name) ?? false))
    .map(({ name, addresses }) => ({ name, addresses: addresses.filter(({ version }) => asked.includes(version)) }))
    .toSorted((a, b) => compareText(a.name, b.name));
}

const items = (list: string): string[] => list.split(/\s*,\s*/);

/** Methods that take an argument behind `=`. */
const METHODS: Readonly<Record<string, (argument: string, version: 4 | 6, host: DetectionHost) => Cidr | undefined>> = {
  interface: (argument, version, host) => firstAddress(host, version, { include: items(argument) }),
  'skip-interface': (argument, version, host) =>
    firstAddress(host, version, { exclude: [...INTERNAL_INTERFACES, ...items(argument)] }),
  cidr: (argument, version, host) => {
    const within = items(argument).map(parseCidr);
    const valid = within.flatMap((cidr) => cidr ?? []);
    return valid.length === within.length ? firstAddress(host, version, { within: valid }) : undefined;
  },
  'can-reach': (argument, version, host) => {
    const source = host.sourceFor(argument, version);
    return source && onInterface(host, source);
  },
};

const INTERNAL_IP = 'kubernetes-internal-ip';

/** IP_AUTODETECTION_METHOD; undefined where it finds nothing. Throws StartupError where there is no such method. */
export function detectAddress(method: string, version: 4 | 6, host: DetectionHost): Cidr | undefined {
  if (method === '' || method === 'first-found') return firstAddress(host, version, { exclude: INTERNAL_INTERFACES });
  if (method.startsWith(INTERNAL_IP)) {
    // An InternalIP that no interface has is not taken: a cloud's address translation, for one.
    const internal = host.internalIps.find((address) => address.version === version);
    return internal && onInterface(host, internal);
  }
  const equals = method.indexOf('=');
  const name = equals < 0 ? '' : method.slice(0, equals);
  const detect = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (detect !== undefined) return detect(method.slice(equals + 1), version, host);
  throw new StartupError(methodVariable(version), 'an autodetection method', method);
}

const methodVariable = (version: 4 | 6): string =>
  version === 4 ? 'IP_AUTODETECTION_METHOD' : 'IP6_AUTODETECTION_METHOD';

const VARIABLES = {
  4: { value: 'IP', method: 'IP_AUTODETECTION_METHOD' },
  6: { value: 'IP6', method: 'IP6_AUTODETECTION_METHOD' },
} as const;

/**
 * The address that a node's resource gets; startup.go:configureIPsAndSubnets(). IPv4 is looked for unless a
 * value is given or known, IPv6 only when asked for.
 */
export function nodeAddress(
  environment: Environment,
  version: 4 | 6,
  host: DetectionHost,
  known?: Cidr,
): Cidr | undefined {
  const names = VARIABLES[version];
  const value = variable(environment, names.value);
  if (value === 'none') return known;
  if (value === 'autodetect' || (value === '' && version === 4 && known === undefined)) {
    const method = variable(environment, names.method);
    const found = detectAddress(method, version, host) ?? known;
    if (found !== undefined) return found;
    if (method === '') throw new StartupError(names.value, `an IPv${version} address on the host`, value);
    throw new StartupError(names.method, `a method that finds an IPv${version} address on the host`, method);
  }
  if (value === '') return known;
  if (value.includes('/')) {
    const cidr = parseCidr(value);
    if (cidr?.version === version) return cidr;
  } else {
    const address = parseAddress(value);
    // Only IPv4 looks for the prefix length; an IPv6 address without one stays alone.
    if (address?.version === version) return version === 4 ? withLocalPrefix(host, address) : hostCidr(address);
  }
  throw new StartupError(names.value, `autodetect, none, or an IPv${version} address`, value);
}
