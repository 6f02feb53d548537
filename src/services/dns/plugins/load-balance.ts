/** The plugin `loadbalance`: addresses in an order of chance, behind CNAMEs and the rest (plugin/loadbalance). */

import { DNS_RCODE, type DnsMessage, type DnsRecord } from '../../../packet/index.js';
import type { Random } from '../../../kernel/index.js';
import type { Plugin } from '../exchange.js';

function shuffle(records: readonly DnsRecord[], random: Random): DnsRecord[] {
  const order = [...records];
  for (let i = 0; i < order.length - 1; i += 1) {
    const other = i + random.below(order.length - i);
    const moved = order[i];
    const taken = order[other];
    if (moved === undefined || taken === undefined) continue;
    order[i] = taken;
    order[other] = moved;
  }
  return order;
}

const isAddress = ({ type }: DnsRecord): boolean => type === 'A' || type === 'AAAA';

function rounded(records: readonly DnsRecord[], random: Random): readonly DnsRecord[] {
  if (records.length <= 1) return records;
  const aliases = records.filter(({ type }) => type === 'CNAME');
  const exchanges = records.filter(({ type }) => type === 'MX');
  const rest = records.filter((record) => record.type !== 'CNAME' && record.type !== 'MX' && !isAddress(record));
  return [...aliases, ...rest, ...shuffle(records.filter(isAddress), random), ...shuffle(exchanges, random)];
}

export const loadBalancePlugin =
  (random: Random): Plugin =>
  (next) =>
  (request, reply) =>
    next(request, (outcome) => {
      const whole = 'message' in outcome && outcome.message.rcode === DNS_RCODE.noError;
      reply(whole ? { message: shuffled(outcome.message, random) } : outcome);
    });

const shuffled = (message: DnsMessage, random: Random): DnsMessage => ({
  ...message,
  answers: rounded(message.answers, random),
  authorities: rounded(message.authorities, random),
  additionals: rounded(message.additionals, random),
});
