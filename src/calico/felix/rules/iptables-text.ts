/**
 * Felix' own spelling of rules for iptables-restore, and the hashes taken over it; felix/iptables:
 * match_builder.go, actions.go, renderer.go. Not iptables-save's spelling: hashes are over this one.
 */

import type { Cause } from '../../../trace/index.js';
import { RULE_HASH_PREFIX, ruleHashes } from '../../names.js';
import type { PortRange } from '../../policy/resources.js';
import type { Action, Chain, Direction, Match, Rule } from './rule.js';

/** A rule as appended, without `-A chain`. */
export interface RuleText {
  readonly text: string;
  readonly because: readonly Cause[];
}

export interface ChainText {
  readonly name: string;
  readonly rules: readonly RuleText[];
}

/** Go's `%#x`. */
const hex = (bits: number): string => `0x${(bits >>> 0).toString(16)}`;
/** A mark that must be clear, or is cleared, is a bare zero. */
const markText = (value: number, mask: number): string =>
  `${value === 0 && mask !== 0 ? '0' : hex(value)}/${hex(mask)}`;
const ADDRESS_WORD: Readonly<Record<Direction, string>> = { source: 'src', destination: 'dst' };

const portList = (ports: readonly PortRange[]): string =>
  ports.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`)).join(',');

function setDirection({ direction, withPort }: Extract<Match, { kind: 'ip-set' }>): string {
  const word = ADDRESS_WORD[direction];
  return withPort ? `${word},${word}` : word;
}

function matchText(match: Match): string {
  const not = 'not' in match && match.not ? '! ' : '';
  switch (match.kind) {
    case 'mark':
      return `-m mark ${not}--mark ${markText(match.value, match.mask)}`;
    case 'interface':
      return `--${match.way}-interface ${match.name}`;
    case 'ct-state':
      return `-m conntrack ${not}--ctstate ${match.states}`;
    case 'protocol':
      return `${not}-p ${match.protocol}`;
    case 'net':
      return `${not}--${match.direction} ${match.net}`;
    case 'ip-set':
      return `-m set ${not}--match-set ${match.set} ${setDirection(match)}`;
    case 'ports':
      return `-m multiport ${not}--${match.direction}-ports ${portList(match.ports)}`;
    case 'destination-port':
      return `--dport ${match.port}`;
    case 'address-type': {
      const limit = match.limitInterfaceOut ? ' --limit-iface-out' : '';
      return `-m addrtype ${not}--${ADDRESS_WORD[match.direction]}-type ${match.type}${limit}`;
    }
    case 'icmp':
    case 'icmpv6': {
      const module = match.kind === 'icmp' ? 'icmp' : 'icmp6';
      const code = match.code === undefined ? '' : `/${match.code}`;
      return `-m ${module} ${not}--${match.kind}-type ${match.type}${code}`;
    }
    case 'limit':
      return `-m limit --limit ${match.rate}${match.burst === 0 ? '' : ` --limit-burst ${match.burst}`}`;
    case 'rpf-failed':
      return '-m rpfilter --invert --validmark';
  }
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
      return `--jump ${action.kind.toUpperCase()}`;
    case 'no-track':
      return '--jump NOTRACK';
    case 'jump':
    case 'goto':
      return `--${action.kind} ${action.chain}`;
    case 'set-mark':
      return `--jump MARK --set-mark ${markText(action.value, action.mask)}`;
    case 'set-masked-mark':
      return `--jump MARK --set-mark ${hex(action.value)}/${hex(action.mask)}`;
    case 'limit-packet-rate': {
      const mark = `${hex(action.mark)}/${hex(action.mark)}`;
      return `-m limit --limit ${action.rate}/sec --limit-burst ${action.burst} --jump MARK --set-mark ${mark}`;
    }
    case 'limit-connections':
      return (
        '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN ' +
        `-m connlimit --connlimit-above ${action.above} --connlimit-mask 0 -j REJECT --reject-with tcp-reset`
      );
    case 'dscp':
      return `--jump DSCP --set-dscp ${action.value}`;
    case 'masquerade':
      return action.toPorts === undefined ? '--jump MASQUERADE' : `--jump MASQUERADE --to-ports ${action.toPorts}`;
    case 'snat':
      return `--jump SNAT --to-source ${action.to}`;
    case 'dnat':
      return `--jump DNAT --to-destination ${action.to}`;
    case 'log':
      return `--jump LOG --log-prefix "${action.prefix}: " --log-level 5`;
    case 'nflog':
      return `--jump NFLOG --nflog-group ${action.group} --nflog-prefix ${action.prefix} --nflog-range ${NFLOG_OCTETS}`;
  }
}

/** Of a packet as much as its headers take. */
const NFLOG_OCTETS = 80;

const MAX_COMMENT = 256; // XT_MAX_COMMENT_LEN
/** iptables-restore has no way to quote the rest. */
const UNSAFE_IN_COMMENT = /[^\w @%+=:,./-]/g;

const commentText = (comment: string): string =>
  `-m comment --comment "${comment.replace(UNSAFE_IN_COMMENT, '_').slice(0, MAX_COMMENT)}"`;

/** All of a rule but its hash. */
function bodyText({ match, action, comments }: Rule): string {
  return [...comments.map(commentText), ...match.map(matchText), ...(action ? [actionText(action)] : [])].join(' ');
}

const joinWords = (...words: readonly string[]): string => words.filter((word) => word !== '').join(' ');

/** Spells rules, each with its hash; `hashedAs` is what the chain is called in the hashes. */
export function rulesText(rules: readonly Rule[], hashedAs: string): RuleText[] {
  const bodies = rules.map(bodyText);
  const hashes = ruleHashes(
    hashedAs,
    bodies.map((body) => joinWords(`-A ${hashedAs} HASH`, body)),
  );
  return rules.map(({ because }, i) => ({
    text: joinWords(commentText(`${RULE_HASH_PREFIX}${hashes[i]}`), bodies[i] ?? ''),
    because,
  }));
}

export const chainText = ({ name, rules }: Chain): ChainText => ({ name, rules: rulesText(rules, name) });
