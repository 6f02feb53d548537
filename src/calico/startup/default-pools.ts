/** The pools that calico-node makes where there are none; node/pkg/lifecycle/startup/startup.go:configureIPPools(). */

import { type Address, type Cidr, cidrContains, networkOf, parseCidr } from '../cidr.js';
import { defaultPool, type EncapsulationMode, type IpPool } from '../model.js';
import { parseSelector } from '../policy/selector.js';
import { SelectorError } from '../policy/selector-tokens.js';
import { type Environment, flagVariable, StartupError, variable } from './environment.js';

export interface DefaultPoolFacts {
  readonly existing: readonly IpPool[];
  /** `networking.podSubnet` of kubeadm's configuration. */
  readonly kubeadmPodSubnets: readonly Cidr[];
  /** All IPv4 addresses of the host that starts first. */
  readonly hostAddresses: readonly Address[];
  readonly ipv6Supported: boolean;
  /** A random fd…/48 (RFC 4193 §3.2.2). */
  readonly uniqueLocalPrefix: () => Cidr;
}

const MODES: Readonly<Record<string, EncapsulationMode>> = {
  '': 'Never',
  off: 'Never',
  never: 'Never',
  crosssubnet: 'CrossSubnet',
  'cross-subnet': 'CrossSubnet',
  always: 'Always',
};

function mode(environment: Environment, name: string): EncapsulationMode {
  const text = variable(environment, name);
  const found = MODES[text.toLowerCase()];
  if (found === undefined) throw new StartupError(name, 'one of Never, CrossSubnet, Always', text);
  return found;
}

const BLOCK_SIZES = { 4: { least: 20, most: 32, usual: 26 }, 6: { least: 116, most: 128, usual: 122 } } as const;

function blockSize(environment: Environment, version: 4 | 6): number {
  const name = `CALICO_IPV${version}POOL_BLOCK_SIZE`;
  const text = variable(environment, name);
  const { least, most, usual } = BLOCK_SIZES[version];
  if (text === '') return usual;
  const size = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (size >= least && size <= most) return size;
  throw new StartupError(name, `a whole number from ${least} to ${most}`, text);
}

function nodeSelector(environment: Environment, version: 4 | 6): string {
  const name = `CALICO_IPV${version}POOL_NODE_SELECTOR`;
  const text = variable(environment, name);
  try {
    parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new StartupError(name, `a selector (${error.message})`, text);
    throw error;
  }
  return text === '' ? 'all()' : text;
}

const PREFERRED: Cidr = { version: 4, value: 0xc0a80000n, length: 16 };
/** 172.16.0.0/16 to 172.31.0.0/16. */
const FALLBACKS: readonly Cidr[] = Array.from({ length: 16 }, (_, i) => ({
  version: 4,
  value: 0xac100000n + BigInt(i) * 0x10000n,
  length: 16,
}));

/** 192.168.0.0/16, or the first private /16 that none of the host's addresses lies in. */
function freeIpv4Range(hostAddresses: readonly Address[]): Cidr {
  const free = (cidr: Cidr): boolean => !hostAddresses.some((address) => cidrContains(cidr, address));
  return [PREFERRED, ...FALLBACKS].find(free) ?? PREFERRED;
}

function poolCidr(environment: Environment, version: 4 | 6, facts: DefaultPoolFacts): Cidr {
  const name = `CALICO_IPV${version}POOL_CIDR`;
  const text = variable(environment, name);
  if (text === '') {
    const subnet = facts.kubeadmPodSubnets.find((cidr) => cidr.version === version);
    return subnet ?? (version === 4 ? freeIpv4Range(facts.hostAddresses) : facts.uniqueLocalPrefix());
  }
  const cidr = parseCidr(text);
  if (cidr?.version !== version) throw new StartupError(name, `none or an IPv${version} CIDR`, text);
  return cidr;
}

interface Wanted {
  readonly version: 4 | 6;
  readonly cidr: Cidr;
  readonly blockSize: number;
  readonly nodeSelector: string;
}

/** What is checked at every start, whether the pool is made or not. */
const wanted = (environment: Environment, version: 4 | 6, facts: DefaultPoolFacts): Wanted => ({
  version,
  blockSize: blockSize(environment, version),
  nodeSelector: nodeSelector(environment, version),
  cidr: networkOf(poolCidr(environment, version, facts)),
});

/** CALICO_IPV6POOL_VXLAN is only looked at by who makes an IPv4 pool as well: upstream's slip. */
function vxlanMode(environment: Environment, version: 4 | 6): EncapsulationMode {
  if (version === 6 && variable(environment, 'CALICO_IPV4POOL_CIDR') === 'none') return 'Never';
  return mode(environment, `CALICO_IPV${version}POOL_VXLAN`);
}

function pool(environment: Environment, { version, cidr, ...wanted }: Wanted): IpPool {
  const prefix = `CALICO_IPV${version}POOL`;
  const size = wanted.blockSize;
  if (cidr.length > size)
    throw new StartupError(`${prefix}_CIDR`, `a network of at least one block (/${size})`, `/${cidr.length}`);
  return {
    ...defaultPool(`default-ipv${version}-ippool`, cidr),
    ...wanted,
    ipipMode: version === 4 ? mode(environment, `${prefix}_IPIP`) : 'Never',
    vxlanMode: vxlanMode(environment, version),
    natOutgoing: flagVariable(environment, `${prefix}_NAT_OUTGOING`, version === 4),
    disableBgpExport: flagVariable(environment, `${prefix}_DISABLE_BGP_EXPORT`, false),
  };
}

/** Throws StartupError where calico-node would end. A family that has a pool already gets none. */
export function defaultPools(environment: Environment, facts: DefaultPoolFacts): IpPool[] {
  const versions = [4, 6] as const;
  if (variable(environment, 'NO_DEFAULT_POOLS').toLowerCase() === 'true') {
    const given = versions
      .map((version) => `CALICO_IPV${version}POOL_CIDR`)
      .find((name) => variable(environment, name) !== '');
    if (given !== undefined)
      throw new StartupError(given, 'nothing beside NO_DEFAULT_POOLS', variable(environment, given));
    return [];
  }
  return versions
    .filter((version) => variable(environment, `CALICO_IPV${version}POOL_CIDR`) !== 'none')
    .map((version) => wanted(environment, version, facts))
    .filter(({ version }) => version === 4 || facts.ipv6Supported)
    .filter(({ version }) => !facts.existing.some(({ cidr }) => cidr.version === version))
    .map((one) => pool(environment, one));
}
