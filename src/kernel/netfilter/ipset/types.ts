/** The set types (net/netfilter/ipset/ip_set_<type>.c): what their elements are made of. */

export type Dimension = 'ip' | 'net' | 'port' | 'mac' | 'set';

export interface SetType {
  readonly name: string;
  /** What `ipset list` calls Revision on the kernel that the texts were compared with. */
  readonly revision: number;
  readonly storage: 'hash' | 'bitmap' | 'list';
  readonly dimensions: readonly Dimension[];
  /** Elements may be marked `nomatch`. */
  readonly nomatch: boolean;
  /** Sets whose features are equal can be swapped (IPSET_TYPE_…). */
  readonly features: string;
}

const hash = (name: string, revision: number, dimensions: readonly Dimension[]): SetType => {
  const nomatch = dimensions.includes('net');
  const fields = dimensions.map((dimension) => (dimension === 'net' ? 'ip' : dimension)).join();
  return {
    name,
    revision,
    storage: 'hash',
    dimensions,
    nomatch,
    features: nomatch ? `${fields} nomatch` : fields,
  };
};

const other = (name: string, storage: 'bitmap' | 'list', dimension: Dimension): SetType => ({
  name,
  revision: 3,
  storage,
  dimensions: [dimension],
  nomatch: false,
  features: dimension,
});

const SET_TYPES = {
  'hash:ip': hash('hash:ip', 6, ['ip']),
  'hash:net': hash('hash:net', 7, ['net']),
  'hash:mac': hash('hash:mac', 1, ['mac']),
  'hash:ip,port': hash('hash:ip,port', 7, ['ip', 'port']),
  'hash:net,port': hash('hash:net,port', 8, ['net', 'port']),
  'hash:ip,port,ip': hash('hash:ip,port,ip', 6, ['ip', 'port', 'ip']),
  'hash:ip,port,net': hash('hash:ip,port,net', 8, ['ip', 'port', 'net']),
  'hash:net,net': hash('hash:net,net', 3, ['net', 'net']),
  'bitmap:ip': other('bitmap:ip', 'bitmap', 'ip'),
  'bitmap:port': other('bitmap:port', 'bitmap', 'port'),
  'list:set': other('list:set', 'list', 'set'),
} as const satisfies Record<string, SetType>;

/** Names of ipset 4 that are still understood. */
const ALIASES: Readonly<Record<string, keyof typeof SET_TYPES>> = {
  iphash: 'hash:ip',
  nethash: 'hash:net',
  machash: 'hash:mac',
  ipporthash: 'hash:ip,port',
  netporthash: 'hash:net,port',
  ipportiphash: 'hash:ip,port,ip',
  ipportnethash: 'hash:ip,port,net',
  ipmap: 'bitmap:ip',
  portmap: 'bitmap:port',
  setlist: 'list:set',
};

/** By name or old name, or undefined. */
export function setType(name: string): SetType | undefined {
  const known: Readonly<Record<string, SetType>> = SET_TYPES;
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  return Object.hasOwn(known, name) ? known[name] : alias && SET_TYPES[alias];
}
