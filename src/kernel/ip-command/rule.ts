/** `ip rule add|del|flush` (iproute2's ip/iprule.c). */

import type { Cause } from '../../trace/index.js';
import type { PortRange, RuleSpec } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { CommandError, dsfield, type Option, type Options, readOptions, type Words } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const ACTIONS = ['prohibit', 'unreachable', 'blackhole'] as const;

const IP_PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, sctp: 132 };

function portRange(words: Words): PortRange {
  const text = words.take('a port or a range of ports');
  const [first = '', last = first] = text.split('-');
  const range = { first: Number(first), last: Number(last) };
  if (!(range.first >= 0 && range.first <= range.last && range.last <= 65_535))
    throw new CommandError(`expected a port or a range of ports, got "${text}"`);
  return range;
}

function ipProtocol(words: Words): number {
  const word = words.take('an IP protocol');
  const number = IP_PROTOCOLS[word] ?? Number(word);
  if (!Number.isInteger(number) || number < 0 || number > 255)
    throw new CommandError(`expected an IP protocol, got "${word}"`);
  return number;
}

function actionsInto(spec: Mutable<RuleSpec>): Options {
  const action = (name: 'nop' | (typeof ACTIONS)[number]) => (): void => {
    spec.action = name;
  };
  return {
    'goto*': (words) => {
      spec.action = 'goto';
      spec.goto = words.number('a priority');
    },
    'nop*': action('nop'),
    type: (words) => {
      spec.action = words.oneOf('an action', ACTIONS);
    },
    'prohibit*': action('prohibit'),
    'unreachable*': action('unreachable'),
    'blackhole*': action('blackhole'),
  };
}

function optionsInto(spec: Mutable<RuleSpec>): Options {
  const priority: Option = (words) => {
    spec.priority = words.number('a priority');
  };
  const table: Option = (words) => {
    spec.action = 'lookup';
    spec.table = words.table('invalid table ID');
  };
  const iif: Option = (words) => {
    spec.iif = words.interfaceName('"iif"/"dev"');
  };
  const tos: Option = (words) => {
    spec.tos = dsfield(words.take('a type of service'));
  };
  return {
    not: () => {
      spec.not = true;
    },
    from: (words) => {
      spec.from = words.destination();
    },
    to: (words) => {
      spec.to = words.destination();
    },
    'preference*': priority,
    'order*': priority,
    'priority*': priority,
    tos,
    'dsfield*': tos,
    dev: iif,
    iif,
    oif: (words) => {
      spec.oif = words.interfaceName('"oif"');
    },
    fwmark: (words) => {
      spec.fwmark = words.markAndMask();
    },
    ipproto: (words) => {
      spec.ipProtocol = ipProtocol(words);
    },
    sport: (words) => {
      spec.sourcePorts = portRange(words);
    },
    dport: (words) => {
      spec.destinationPorts = portRange(words);
    },
    'protocol*': (words) => {
      spec.protocol = words.protocol();
    },
    'suppress_prefixlength*': (words) => {
      spec.suppressPrefixLength = words.number('a prefix length', 32);
    },
    'tun_id*': () => {
      throw new CommandError('rule: "tun_id" is not modelled');
    },
    lookup: table,
    'table*': table,
    ...actionsInto(spec),
  };
}

export function rule(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('ip rule', ['add', 'delete', 'flush']);
  if (verb === 'flush') {
    for (const { priority } of netns.fib.rules.filter((one) => one.priority !== 0)) netns.fib.deleteRule({ priority });
    return;
  }
  if (words.done) throw new CommandError(`"ip rule ${verb === 'add' ? 'add' : 'del'}" requires arguments.`);
  const spec: Mutable<RuleSpec> = {};
  readOptions(words, optionsInto(spec), 'rule');
  if (verb === 'add') netns.fib.addRule({ ...spec, because });
  else netns.fib.deleteRule(spec);
}
