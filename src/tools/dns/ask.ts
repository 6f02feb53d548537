/** Questions as `dig` and `nslookup` send them: by themselves, not by the resolver of the C library. */

import type { Netns } from '../../kernel/index.js';
import { ERRNO_TEXT, NS_PER_S } from '../../kernel/index.js';
import { DNS_FLAG, type DnsMessage, type DnsRecord, formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { canonical, type DnsOutcome, parseResolvConf, type ResolvConf, sendQuery } from '../../services/index.js';
import type { ToolPlace } from '../tool.js';

export interface Question {
  readonly name: string;
  readonly type: string;
  readonly server: Ipv4Addr;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
  readonly flags: number;
  readonly additionals: readonly DnsRecord[];
  readonly timeoutSeconds: number;
  readonly tries: number;
  readonly process: string;
}

export interface Answer {
  readonly message: DnsMessage;
  readonly octets: number;
  readonly tookNs: number;
  readonly protocol: 'udp' | 'tcp';
}

export interface Asked {
  readonly answer: Answer | undefined;
  /** What went wrong on the way, as both programs print it. */
  readonly complaints: readonly string[];
}

function exchange(netns: Netns, question: Question, protocol: 'udp' | 'tcp'): { outcome: DnsOutcome; tookNs: number } {
  const { emulation } = netns;
  const { name, type, server, port, flags, additionals, timeoutSeconds, process } = question;
  const start = emulation.clock.nowNs;
  const message: DnsMessage = {
    id: emulation.random.below(0x1_0000),
    flags,
    opcode: 0,
    rcode: 0,
    questions: [{ name, type }],
    answers: [],
    authorities: [],
    additionals,
  };
  let outcome: DnsOutcome = { kind: 'timeout' };
  let over = false;
  sendQuery({ netns, server, port, protocol, message, timeoutNs: timeoutSeconds * NS_PER_S, process }, (given) => {
    outcome = given;
    over = true;
  });
  emulation.run(() => over, start + timeoutSeconds * NS_PER_S);
  return { outcome, tookNs: emulation.clock.nowNs - start };
}

function complaint(outcome: DnsOutcome, { server, port }: Question): string {
  const why =
    outcome.kind === 'failed'
      ? ERRNO_TEXT[outcome.errno].toLowerCase()
      : outcome.kind === 'timeout'
        ? 'timed out'
        : 'end of file';
  return `;; communications error to ${formatIpv4(server)}#${port}: ${why}`;
}

/** Until somebody answers; what was cut is asked for again over TCP. */
export function ask(netns: Netns, question: Question, ignoresCut: boolean): Asked {
  const complaints: string[] = [];
  let { protocol } = question;
  for (let left = question.tries; left > 0; left -= 1) {
    const { outcome, tookNs } = exchange(netns, question, protocol);
    if (outcome.kind !== 'message') {
      complaints.push(complaint(outcome, question));
      continue;
    }
    const cut = (outcome.message.flags & DNS_FLAG.truncated) !== 0;
    if (!cut || ignoresCut || protocol === 'tcp')
      return { answer: { message: outcome.message, octets: outcome.octets, tookNs, protocol }, complaints };
    complaints.push(';; Truncated, retrying in TCP mode.');
    protocol = 'tcp';
    left += 1;
  }
  return { answer: undefined, complaints };
}

export const resolvConfOf = ({ cluster, netns, pod }: ToolPlace): ResolvConf =>
  parseResolvConf(
    cluster.programs.files(netns.host, pod).get('/etc/resolv.conf') ?? '',
    cluster.programs.hostname(netns.host, pod),
  );

/** The names that are tried for one, in order (bin/dig/dighost.c:setup_lookup(), next_origin()). */
export function searchedNames(name: string, { ndots, search }: ResolvConf): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const dots = name.split('.').length - 1;
  const listed = search.map((domain) => (domain === '.' ? name : `${name}.${domain}`));
  return dots >= ndots ? [name, ...listed] : [...listed, name];
}

/** The name that aliases in an answer lead to. */
export function endOfAliases({ answers }: DnsMessage, name: string): string {
  let end = name;
  for (const record of answers)
    if (record.type === 'CNAME' && canonical(record.name) === canonical(end)) end = record.target;
  return end;
}
