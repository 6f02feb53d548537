/**
 * The plugin `rewrite` (plugin/rewrite): questions are changed on their way in, and answers changed back on their way
 * out. Rules are tried in order; the first that fits ends it unless it says `continue`.
 */

import {
  DNS_CLASS,
  DNS_RCODE,
  type DnsMessage,
  type DnsRecord,
  dnsTypeNumber,
  isDnsName,
} from '../../../packet/index.js';
import { CorefileError, type CorefileLine, type Directive } from '../corefile/parse.js';
import { regularExpression } from '../corefile/values.js';
import { type DnsReply, type DnsRequest, type Plugin, questionOf, replyTo, withQuestion } from '../exchange.js';
import { canonical, dotted, undotted } from '../name.js';
import { rcodeNumber } from '../rcode.js';
import { type NameMatch, nameMatch, type TextRewriter, withGroups } from './rewrite-match.js';

/** Changes a record of the answer. */
type RecordRule = (record: DnsRecord) => DnsRecord;

/** What a rule makes of a question: the new one, and how answers are turned back. */
interface Rewritten {
  readonly request: DnsRequest;
  readonly records: readonly RecordRule[];
  readonly rcode?: (rcode: number) => number;
}

export interface RewriteRule {
  readonly continues: boolean;
  readonly rewrite: (request: DnsRequest) => Rewritten | undefined;
}

const renamed =
  (rewriter: TextRewriter): RecordRule =>
  (record) => ({ ...record, name: undotted(rewriter(dotted(record.name))) });

/** The name inside a record (reverter.go:getRecordValueForRewrite()). */
function revalued(rewriter: TextRewriter): RecordRule {
  const change = (name: string): string => undotted(rewriter(dotted(name)));
  return (record) => {
    switch (record.type) {
      case 'CNAME':
      case 'NS':
      case 'PTR':
      case 'DNAME':
      case 'SRV':
        return { ...record, target: change(record.target) };
      case 'MX':
        return { ...record, exchange: change(record.exchange) };
      case 'SOA':
        return { ...record, mname: change(record.mname) };
      default:
        return record;
    }
  };
}

/** A name, and names below it, back to what was asked (remapStringRewriter). */
const remap =
  (from: string, to: string): TextRewriter =>
  (text) =>
    text === from ? to : text.endsWith(`.${from}`) ? text.slice(0, text.length - from.length) + to : text;

interface AnswerRules {
  readonly auto: boolean;
  readonly rules: readonly RecordRule[];
}

/** `answer name FROM TO`, `answer value FROM TO`, `answer auto`, several after one another. */
function answerRules(words: readonly string[], line: number): AnswerRules {
  const rules: RecordRule[] = [];
  let auto = false;
  let named = false;
  let at = 0;
  while (at < words.length) {
    if (words[at] === 'answer') at += 1;
    else if (at === 0) throw new CorefileError(line, 'exceeded the number of arguments for a non-answer rule');
    const kind = words[at];
    if (kind === 'auto') {
      auto = true;
      at += 1;
      continue;
    }
    const [from, to] = [words[at + 1], words[at + 2]];
    if ((kind !== 'name' && kind !== 'value') || from === undefined || to === undefined)
      throw new CorefileError(line, `invalid answer rule '${kind ?? ''}' in rewrite`);
    const rewriter = withGroups(regularExpression(from, line), dotted(to.toLowerCase()));
    named ||= kind === 'name';
    rules.push(kind === 'name' ? renamed(rewriter) : revalued(rewriter));
    at += 3;
  }
  if (auto && named)
    throw new CorefileError(line, 'auto name answer rule cannot be combined with explicit name answer rules');
  return { auto, rules };
}

/** rewrite/name.go:newNameRule(). */
function nameRule(words: readonly string[], line: number): RewriteRule['rewrite'] {
  const [first = '', second, third, ...rest] = words;
  if (second === undefined) throw new CorefileError(line, 'too few arguments for a name rule');
  const kind = third === undefined ? 'exact' : first.toLowerCase();
  const match = nameMatch(kind, third === undefined ? [first, second] : [second, third], line);
  const { auto, rules } = rest.length > 0 ? answerRules(rest, line) : { auto: false, rules: [] };
  return (request) => {
    const question = questionOf(request);
    const asked = dotted(canonical(question.name));
    const replaced = match.replace(asked);
    if (replaced === undefined) return undefined;
    const back = match.back ?? remap(replaced, asked);
    const turned = kind === 'exact' || auto ? [renamed(back), revalued(back), ...rules] : rules;
    return { request: withQuestion(request, { ...question, name: undotted(replaced) }), records: turned };
  };
}

function typeRule([from = '', to = '']: readonly string[], line: number): RewriteRule['rewrite'] {
  for (const type of [from, to])
    if (dnsTypeNumber(type.toUpperCase()) === 0) throw new CorefileError(line, `invalid type "${type.toUpperCase()}"`);
  return (request) => {
    const question = questionOf(request);
    if (question.type !== from.toUpperCase()) return undefined;
    return { request: withQuestion(request, { ...question, type: to.toUpperCase() }), records: [] };
  };
}

const CLASSES: Readonly<Record<string, number>> = {
  IN: DNS_CLASS.in,
  CH: DNS_CLASS.chaos,
  HS: DNS_CLASS.hesiod,
  NONE: DNS_CLASS.none,
  ANY: DNS_CLASS.any,
};

function classRule([from = '', to = '']: readonly string[], line: number): RewriteRule['rewrite'] {
  const wanted = CLASSES[from.toUpperCase()];
  const given = CLASSES[to.toUpperCase()];
  if (wanted === undefined || given === undefined) throw new CorefileError(line, `invalid class "${from}" or "${to}"`);
  return (request) => {
    const question = questionOf(request);
    if ((question.class ?? DNS_CLASS.in) !== wanted) return undefined;
    return { request: withQuestion(request, { ...question, class: given }), records: [] };
  };
}

const LARGEST_TTL = 2_147_483_647;

/** `30`, `10-60`, `-60`, `10-`. */
function ttlLimits(text: string | undefined, line: number): readonly [number, number] {
  const [, only, from, to] = /^(?:(\d+)|(\d*)-(\d*))$/.exec(text ?? '') ?? [];
  const least = Number(only ?? (from === '' ? 0 : from));
  const most = Number(only ?? (to === '' ? LARGEST_TTL : to));
  if ((only === undefined && from === to && from === '') || !(least <= most))
    throw new CorefileError(line, `invalid TTL '${text ?? ''}' for a ttl rule`);
  return [least, most];
}

/** The words `[KIND] NAME`, with the rest: which questions a ttl or rcode rule is for. */
function condition(
  words: readonly string[],
  [count, line]: readonly [number, number],
): { match: NameMatch; rest: readonly string[] } {
  const hasKind = words.length > count;
  const [kind = 'exact', ...others] = hasKind ? words : ['exact', ...words];
  const [name = '', ...rest] = others;
  return { match: nameMatch(kind.toLowerCase(), [name, ''], line), rest };
}

function ttlRule(words: readonly string[], line: number): RewriteRule['rewrite'] {
  const { match, rest } = condition(words, [2, line]);
  const [least, most] = ttlLimits(rest[0], line);
  const clamp: RecordRule = (record) => ({ ...record, ttl: Math.min(Math.max(record.ttl, least), most) });
  return (request) => {
    const fits = match.replace(dotted(canonical(questionOf(request).name))) !== undefined;
    return fits ? { request, records: [clamp] } : undefined;
  };
}

const codeOf = (text: string | undefined, line: number): number => {
  const number = rcodeNumber(text ?? '') ?? Number(text);
  if (!Number.isInteger(number)) throw new CorefileError(line, `invalid rcode "${text ?? ''}"`);
  return number;
};

function rcodeRule(words: readonly string[], line: number): RewriteRule['rewrite'] {
  const { match, rest } = condition(words, [3, line]);
  const [from, to] = [codeOf(rest[0], line), codeOf(rest[1], line)];
  return (request) => {
    const fits = match.replace(dotted(canonical(questionOf(request).name))) !== undefined;
    return fits ? { request, records: [], rcode: (rcode) => (rcode === from ? to : rcode) } : undefined;
  };
}

const RULES: Readonly<Record<string, (words: readonly string[], line: number) => RewriteRule['rewrite']>> = {
  name: nameRule,
  type: typeRule,
  class: classRule,
  ttl: ttlRule,
  rcode: rcodeRule,
};
const UNMODELLED = new Set(['edns0', 'cname']);

/**
 * The rule of a directive: its words stand behind it or, a word or more a line, in its block.
 * @throws CorefileError
 */
export function rewriteRule(directive: Directive, unmodelled: (line: CorefileLine) => void): RewriteRule | undefined {
  const { args, block, line } = directive;
  const words = args.length < 2 ? [...args, ...block.flatMap(({ name, args: more }) => [name, ...more])] : [...args];
  const mode = words[0]?.toLowerCase();
  const continues = mode === 'continue';
  const [type = '', ...rest] = continues || mode === 'stop' ? words.slice(1) : words;
  const make = Object.hasOwn(RULES, type.toLowerCase()) ? RULES[type.toLowerCase()] : undefined;
  if (make !== undefined) return { continues, rewrite: make(rest, line) };
  if (!UNMODELLED.has(type.toLowerCase())) throw new CorefileError(line, `invalid rule type "${type}"`);
  unmodelled({ name: `rewrite ${type}`, args: rest, line });
  return undefined;
}

/** In reverse: what was done last is undone first. */
function turnBack(message: DnsMessage, original: DnsRequest, done: readonly Rewritten[]): DnsMessage {
  const rules = done.flatMap(({ records }) => records).toReversed();
  const change = (records: readonly DnsRecord[]): readonly DnsRecord[] =>
    records.map((record) =>
      record.type === 'OPT' ? record : rules.reduce<DnsRecord>((changed, rule) => rule(changed), record),
    );
  const rcode = done.toReversed().reduce((code, { rcode: turn }) => turn?.(code) ?? code, message.rcode);
  return {
    ...message,
    rcode,
    questions: original.message.questions.slice(0, 1),
    answers: change(message.answers),
    authorities: change(message.authorities),
    additionals: change(message.additionals),
  };
}

export const rewritePlugin =
  (rules: readonly RewriteRule[]): Plugin =>
  (next) =>
  (request, reply) => {
    const done: Rewritten[] = [];
    let current = request;
    for (const rule of rules) {
      const rewritten = rule.rewrite(current);
      if (rewritten === undefined) continue;
      current = rewritten.request;
      if (!isDnsName(questionOf(current).name)) {
        reply({ rcode: DNS_RCODE.servFail });
        return;
      }
      done.push(rewritten);
      if (!rule.continues) break;
    }
    if (done.length === 0) next(request, reply);
    else next(current, (outcome) => reply({ message: turnBack(asMessage(outcome, request), request, done) }));
  };

const asMessage = (outcome: DnsReply, request: DnsRequest): DnsMessage =>
  'message' in outcome ? outcome.message : replyTo(request.message, { rcode: outcome.rcode });
