/** /etc/resolv.conf as glibc reads it (resolv/res_init.c, resolv.conf(5)). */

import { isIpv4, parseIp } from '../../kubernetes/index.js';
import { INADDR_LOOPBACK, type Ipv4Addr } from '../../packet/index.js';

export interface ResolvConf {
  /** At most three. Those with IPv6 addresses are left out: the kernel here speaks IPv4 alone. */
  readonly servers: readonly Ipv4Addr[];
  readonly search: readonly string[];
  readonly ndots: number;
  readonly timeoutSeconds: number;
  readonly attempts: number;
  readonly rotate: boolean;
  readonly useTcp: boolean;
  readonly singleRequest: boolean;
  readonly singleRequestReopen: boolean;
  readonly edns0: boolean;
  readonly trustAd: boolean;
  readonly noAaaa: boolean;
}

/** MAXNS, RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY. */
const MOST_SERVERS = 3;
const MOST_NDOTS = 15;
const MOST_TIMEOUT = 30;
const MOST_ATTEMPTS = 5;

const DEFAULTS = { ndots: 1, timeoutSeconds: 5, attempts: 2 } as const;

const bounded = (text: string | undefined, most: number, fallback: number): number => {
  const value = Number(text);
  return text === undefined || !Number.isInteger(value) || value < 0 ? fallback : Math.min(value, most);
};

/** Without `search` or `domain` it is what follows the first dot of the host's name. */
const domainOf = (hostname: string): readonly string[] => {
  const dot = hostname.indexOf('.');
  return dot < 0 ? [] : [hostname.slice(dot + 1)];
};

export function parseResolvConf(text: string, hostname = ''): ResolvConf {
  const servers: Ipv4Addr[] = [];
  let named = 0;
  let search: readonly string[] | undefined;
  const options: string[] = [];
  for (const line of text.split('\n')) {
    // Comments begin lines only, and keywords stand in the first column.
    const [keyword = '', ...words] = line.split(/[ \t]+/).filter((word, i) => i === 0 || word !== '');
    if (keyword === 'nameserver' && named < MOST_SERVERS) {
      const address = parseIp((words[0] ?? '').replace(/%.*/, ''));
      if (address === undefined) continue;
      named += 1;
      if (isIpv4(address)) servers.push(address);
    } else if (keyword === 'search') search = words;
    else if (keyword === 'domain') search = words.slice(0, 1);
    else if (keyword === 'options') options.push(...words);
  }
  const value = (name: string): string | undefined =>
    options.findLast((option) => option.startsWith(`${name}:`))?.slice(name.length + 1);
  return {
    servers: named === 0 ? [INADDR_LOOPBACK] : servers,
    search: (search ?? domainOf(hostname)).map((one) => (one.length > 1 ? one.replace(/\.$/, '') : one)),
    ndots: bounded(value('ndots'), MOST_NDOTS, DEFAULTS.ndots),
    timeoutSeconds: bounded(value('timeout'), MOST_TIMEOUT, DEFAULTS.timeoutSeconds),
    attempts: bounded(value('attempts'), MOST_ATTEMPTS, DEFAULTS.attempts),
    rotate: options.includes('rotate'),
    useTcp: options.includes('use-vc'),
    singleRequest: options.includes('single-request'),
    singleRequestReopen: options.includes('single-request-reopen'),
    edns0: options.includes('edns0'),
    trustAd: options.includes('trust-ad'),
    noAaaa: options.includes('no-aaaa'),
  };
}
