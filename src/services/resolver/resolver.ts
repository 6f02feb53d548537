/** What programs of a namespace ask: names to addresses and back, of /etc/hosts first and DNS then (nsswitch `files dns`). */

import type { Netns } from '../../kernel/index.js';
import { type IpAddress, parseIp } from '../../kubernetes/index.js';
import type { DnsMessage, DnsRecord } from '../../packet/index.js';
import { type Cause, NO_CAUSE } from '../../trace/index.js';
import { canonical } from '../dns/name.js';
import { reverseName } from '../dns/reverse.js';
import { type HostsLine, linesOfAddress, linesOfName, parseHostsFile } from './hosts-file.js';
import { parseResolvConf, type ResolvConf } from './resolv-conf.js';
import { type LookupFailure, type LookupResult, searchName } from './search.js';
import type { ResolverPlace, SentQuery } from './transaction.js';

export interface ResolverRequest {
  readonly netns: Netns;
  /** The files of the program's container or machine. */
  readonly readFile: (path: string) => string | undefined;
  readonly hostname: string;
  /** The program that asks. */
  readonly process: string;
  readonly because?: readonly Cause[];
}

export type Resolution =
  | {
      readonly kind: 'found';
      readonly source: 'literal' | 'files' | 'dns';
      readonly canonicalName: string;
      readonly addresses: readonly IpAddress[];
      readonly aliases: readonly string[];
    }
  | { readonly kind: 'failed'; readonly why: LookupFailure };

type Done = (resolution: Resolution) => void;

/** gai_strerror() of what getaddrinfo() makes of them: an answer that says of no name that it is wrong is one of those. */
export const FAILURE_TEXT: Readonly<Record<LookupFailure, string>> = {
  HOST_NOT_FOUND: 'Name or service not known',
  TRY_AGAIN: 'Temporary failure in name resolution',
  NO_RECOVERY: 'Name or service not known',
  NO_DATA: 'No address associated with hostname',
};

/** Addresses of an answer, along its CNAMEs (nss_dns/dns-host.c:gaih_getanswer()). */
function addressesIn(
  messages: readonly DnsMessage[],
  asked: string,
): { addresses: IpAddress[]; name: string; aliases: string[] } {
  const addresses: IpAddress[] = [];
  const aliases: string[] = [];
  let name = asked;
  for (const { answers } of messages) {
    let owner = asked;
    for (const record of answers) {
      if (canonical(record.name) !== canonical(owner)) continue;
      if (record.type === 'CNAME') {
        if (!aliases.includes(owner)) aliases.push(owner);
        owner = record.target;
      } else if (record.type === 'A' || record.type === 'AAAA') {
        addresses.push(record.address);
        name = record.name;
      }
    }
  }
  return { addresses, name, aliases };
}

export class StubResolver {
  readonly conf: ResolvConf;
  /** Every query that was sent, in order. */
  readonly queries: SentQuery[] = [];
  readonly #hosts: readonly HostsLine[];
  readonly #place: ResolverPlace;

  constructor({ netns, readFile, hostname, process, because = NO_CAUSE }: ResolverRequest) {
    this.conf = parseResolvConf(readFile('/etc/resolv.conf') ?? '', hostname);
    this.#hosts = parseHostsFile(readFile('/etc/hosts') ?? '');
    const learned = { singleRequest: false, singleRequestReopen: false };
    this.#place = { netns, conf: this.conf, process, because, log: this.queries, learned };
  }

  /** getaddrinfo() with AF_UNSPEC: A and AAAA are asked for together. */
  addressesOf(name: string, done: Done): void {
    this.#resolve(name, this.conf.noAaaa ? ['A'] : ['A', 'AAAA'], done);
  }

  /** gethostbyname2(): one family. */
  hostByName(name: string, type: 'A' | 'AAAA', done: Done): void {
    this.#resolve(name, [type], done);
  }

  /** gethostbyaddr(). */
  namesOf(address: IpAddress, done: Done): void {
    const [line] = linesOfAddress(this.#hosts, address);
    const [first, ...aliases] = line?.names ?? [];
    if (first !== undefined) {
      done({ kind: 'found', source: 'files', canonicalName: first, addresses: [address], aliases });
      return;
    }
    searchName(this.#place, `${reverseName(address)}.`, ['PTR'], (result) => done(pointer(result, address)));
  }

  #resolve(name: string, types: readonly string[], done: Done): void {
    const literal = parseIp(name);
    if (literal !== undefined) {
      done({ kind: 'found', source: 'literal', canonicalName: name, addresses: [literal], aliases: [] });
      return;
    }
    const lines = linesOfName(this.#hosts, name.replace(/\.$/, '')).filter(({ address }) =>
      types.includes(typeof address === 'number' ? 'A' : 'AAAA'),
    );
    const [first] = lines;
    if (first !== undefined) {
      const [canonicalName = name, ...aliases] = first.names;
      // Not flatMap(): it would take an IPv6 address apart.
      done({ kind: 'found', source: 'files', canonicalName, addresses: lines.map(({ address }) => address), aliases });
      return;
    }
    searchName(this.#place, name, types, (result) => done(resolution(result)));
  }
}

function resolution(result: LookupResult): Resolution {
  if (result.kind === 'failed') return result;
  const { addresses, name, aliases } = addressesIn(result.messages, result.name);
  if (addresses.length === 0) return { kind: 'failed', why: 'NO_DATA' };
  return { kind: 'found', source: 'dns', canonicalName: name, addresses, aliases };
}

const isPointer = (record: DnsRecord): record is Extract<DnsRecord, { target: string }> => record.type === 'PTR';

function pointer(result: LookupResult, address: IpAddress): Resolution {
  if (result.kind === 'failed') return result;
  const [first, ...others] = result.messages.flatMap(({ answers }) => answers.filter(isPointer));
  if (first === undefined) return { kind: 'failed', why: 'NO_DATA' };
  const aliases = others.map(({ target }) => target);
  return { kind: 'found', source: 'dns', canonicalName: first.target, addresses: [address], aliases };
}
