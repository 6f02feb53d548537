/** The plugin `template`: answers made of the question's own words (plugin/template). */

import { DNS_FLAG, DNS_RCODE, type DnsRecord, dnsTypeNumber, formatIpv4 } from '../../../packet/index.js';
import { CorefileError, type CorefileLine, type Directive, type ServerBlock } from '../corefile/parse.js';
import { fallthroughZones, originsOf, regularExpression, unknownProperty, wrongArguments } from '../corefile/values.js';
import {
  type DnsRequest,
  type Handler,
  type Plugin,
  questionOf,
  type Reply,
  replyTo,
  withQuestion,
} from '../exchange.js';
import { canonical, dotted, matchZone } from '../name.js';
import { rcodeNumber } from '../rcode.js';
import { parseRecord } from '../record-text.js';
import { compileText, type TextTemplate, type Values } from './text-template.js';

export interface TemplateSettings {
  /** Undefined: any. */
  readonly type: string | undefined;
  /** Only questions of the class IN come this far. */
  readonly forInternet: boolean;
  readonly zones: readonly string[];
  readonly patterns: readonly RegExp[];
  readonly answers: readonly TextTemplate[];
  readonly additionals: readonly TextTemplate[];
  readonly authorities: readonly TextTemplate[];
  readonly rcode: number;
  readonly fallthrough: readonly string[];
}

const CLASSES = new Set(['IN', 'CH', 'HS', 'NONE', 'ANY']);
const UNMODELLED = new Set(['ederror', 'var', 'expr']);

interface Draft {
  patterns: RegExp[];
  answer: TextTemplate[];
  additional: TextTemplate[];
  authority: TextTemplate[];
  rcode: number;
  fallthrough: readonly string[];
}

function readProperty(draft: Draft, line: CorefileLine, unmodelled: (line: CorefileLine) => void): void {
  const { name, args } = line;
  switch (name) {
    case 'match':
      if (args.length === 0) throw wrongArguments(line);
      draft.patterns.push(...args.map((text) => regularExpression(text, line.line)));
      return;
    case 'answer':
    case 'additional':
    case 'authority':
      if (args.length === 0) throw wrongArguments(line);
      for (const text of args) {
        const template = compileText(text);
        if (template === undefined) unmodelled({ ...line, name: `template ${name} ${text}` });
        else draft[name].push(template);
      }
      return;
    case 'rcode': {
      const rcode = rcodeNumber(args[0] ?? '');
      if (rcode === undefined) throw new CorefileError(line.line, `unknown rcode ${args[0] ?? ''}`);
      draft.rcode = rcode;
      return;
    }
    case 'fallthrough':
      draft.fallthrough = fallthroughZones(args);
      return;
    case 'upstream':
      return;
    default:
      if (!UNMODELLED.has(name)) throw unknownProperty(line);
      unmodelled(line);
  }
}

/** @throws CorefileError */
export function templateSettings(
  directive: Directive,
  block: ServerBlock,
  unmodelled: (line: CorefileLine) => void,
): TemplateSettings {
  const [className = '', type = '', ...zones] = directive.args;
  if (!CLASSES.has(className)) throw new CorefileError(directive.line, `invalid query class ${className}`);
  if (type !== 'ANY' && dnsTypeNumber(type) === 0) throw new CorefileError(directive.line, `invalid RR class ${type}`);
  const draft: Draft = { patterns: [], answer: [], additional: [], authority: [], rcode: 0, fallthrough: [] };
  for (const line of directive.block) readProperty(draft, line, unmodelled);
  return {
    type: type === 'ANY' ? undefined : type,
    forInternet: className === 'IN' || className === 'ANY',
    zones: originsOf(zones, block),
    patterns: draft.patterns.length === 0 ? [/.*/] : draft.patterns,
    answers: draft.answer,
    additionals: draft.additional,
    authorities: draft.authority,
    rcode: draft.rcode,
    fallthrough: draft.fallthrough,
  };
}

type Match =
  | { readonly kind: 'fits'; readonly values: Values }
  | { readonly kind: 'passes' }
  | { readonly kind: 'fails' };

function matches(template: TemplateSettings, request: DnsRequest): Match {
  const { name: asked, type } = questionOf(request);
  const name = dotted(canonical(asked));
  const zone = matchZone(template.zones, asked);
  if (zone === undefined || !template.forInternet) return { kind: 'passes' };
  if (template.type !== undefined && type !== 'ANY' && type !== template.type) return { kind: 'passes' };
  for (const pattern of template.patterns) {
    const groups = pattern.exec(name);
    if (groups === null) continue;
    const remote = formatIpv4(request.client.address);
    return {
      kind: 'fits',
      values: { zone: dotted(zone), name, type, class: 'IN', remote, match: [...groups], groups: groups.groups ?? {} },
    };
  }
  return { kind: matchZone(template.fallthrough, asked) === undefined ? 'fails' : 'passes' };
}

/** Records of the templates, or undefined where one makes none. */
function recordsOf(templates: readonly TextTemplate[], values: Values): readonly DnsRecord[] | undefined {
  const records = templates.map((template) => parseRecord(template(values)));
  const known = records.filter((record) => record !== undefined);
  return known.length === records.length ? known : undefined;
}

export const templatePlugin =
  (templates: readonly TemplateSettings[], lookup: Handler): Plugin =>
  (next) =>
  (request, reply) => {
    for (const template of templates) {
      const match = matches(template, request);
      if (match.kind === 'passes') continue;
      if (match.kind === 'fails') reply({ rcode: DNS_RCODE.servFail });
      else answer(request, { template, values: match.values, lookup }, reply);
      return;
    }
    next(request, reply);
  };

interface Making {
  readonly template: TemplateSettings;
  readonly values: Values;
  readonly lookup: Handler;
}

function answer(request: DnsRequest, { template, values, lookup }: Making, reply: Reply): void {
  const { rcode } = template;
  const answers = recordsOf(template.answers, values);
  const additionals = recordsOf(template.additionals, values);
  const authorities = recordsOf(template.authorities, values);
  if (rcode === DNS_RCODE.servFail || answers === undefined || additionals === undefined || authorities === undefined) {
    reply({ rcode: DNS_RCODE.servFail });
    return;
  }
  const finish = (all: readonly DnsRecord[]): void =>
    reply({
      message: replyTo(request.message, {
        rcode,
        flags: DNS_FLAG.authoritative,
        answers: all,
        authorities,
        additionals,
      }),
    });
  const { type } = questionOf(request);
  const alias = type === 'A' || type === 'AAAA' ? answers.find((record) => record.type === 'CNAME') : undefined;
  if (alias?.type !== 'CNAME') {
    finish(answers);
    return;
  }
  // What the name is another name for is looked up here again.
  lookup(withQuestion(request, { name: alias.target, type }), (outcome) =>
    finish([...answers, ...('message' in outcome ? outcome.message.answers : [])]),
  );
}
