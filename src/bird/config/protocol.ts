/** `protocol KIND [NAME] [from TEMPLATE] { … }` and `template …` (nest/config.Y). */

import type { Family } from '../address.js';
import { parseBgpOption } from './bgp-options.js';
import { finishProtocol, type Tables } from './check.js';
import { parseCommonOption } from './common-options.js';
import {
  type ChannelDraft,
  copyDraft,
  type DraftContext,
  newBfd,
  newBgp,
  newBgpChannel,
  newChannel,
  newDevice,
  newDirect,
  newKernel,
  newPipe,
  newStatic,
  NO_TABLE,
  type ProtocolDraft,
} from './draft.js';
import { parseOtherOption } from './other-options.js';
import type { Parsing } from './parsing.js';
import type { ProtocolConfig } from './types.js';

export interface ProtocolContext {
  readonly family: Family;
  /** How many protocols of a kind have taken a name by number. */
  readonly counters: Map<string, number>;
  readonly tables: Tables;
  /** The kernel protocol of each table that has one. */
  readonly kernels: Map<string, string>;
  /** Kinds of which there may be one, as far as there is one. */
  readonly single: Set<string>;
}

const KINDS: ReadonlySet<string> = new Set(['device', 'bfd', 'direct', 'kernel', 'static', 'pipe', 'bgp']);
const NOT_MODELLED: ReadonlySet<string> = new Set(['ospf', 'rip', 'babel', 'radv', 'mrt', 'rpki', 'perf']);

/** BIRD 2's kernel protocol writes with this metric unless told otherwise. */
const KERNEL_METRIC_2 = 32;

function newDraft(p: Parsing, kind: string, context: DraftContext): ProtocolDraft {
  switch (kind) {
    case 'device':
      return newDevice(context);
    case 'bfd':
      return newBfd(context);
    case 'direct':
      return newDirect(context);
    case 'kernel':
      return newKernel(context, p.isBird2 ? KERNEL_METRIC_2 : 0);
    case 'static':
      return newStatic(context);
    case 'pipe':
      return newPipe(context);
    default:
      return newBgp(context);
  }
}

function channelsOf(p: Parsing, kind: string, family: Family): ChannelDraft[] {
  if (p.isBird2) return kind === 'pipe' ? [{ ...newChannel(family, NO_TABLE), exportFilter: 'all' }] : [];
  return [{ ...newChannel(family, 'master'), bgp: kind === 'bgp' ? newBgpChannel() : undefined }];
}

/** cf_default_name(): `static1`, or the next number that nobody has. */
function defaultName(p: Parsing, kind: string, { counters }: ProtocolContext): string {
  for (;;) {
    const count = (counters.get(kind) ?? 0) + 1;
    counters.set(kind, count);
    const name = `${kind}${count}`;
    if (p.scope.lookup(name) === undefined) return name;
  }
}

function parseName(
  p: Parsing,
  draft: ProtocolDraft,
  of: { readonly as: 'protocol' | 'template'; readonly context: ProtocolContext },
): void {
  const given = p.isName() ? p.next() : undefined;
  draft.name = given?.text ?? defaultName(p, draft.kind, of.context);
  if (!p.scope.define(draft.name, { kind: of.as, draft })) p.fail('Symbol already defined', given ?? p.peek());
  if (!p.takeKeyword('from')) return;
  const template = p.name();
  const symbol = p.scope.lookup(template.text);
  if (symbol?.kind !== 'template' && symbol?.kind !== 'protocol') {
    return p.fail('Template or protocol name expected', template);
  }
  if (symbol.draft.kind !== draft.kind) p.fail("Can't copy configuration from a different protocol type", template);
  copyDraft(draft, symbol.draft);
}

function parseOption(p: Parsing, draft: ProtocolDraft, seen: Set<ChannelDraft>): boolean {
  const own = draft.kind === 'bgp' ? parseBgpOption(p, draft, seen) : parseOtherOption(p, draft);
  return own || parseCommonOption(p, draft);
}

/** The protocol; nothing for a template, whose name stays. */
export function parseProtocol(
  p: Parsing,
  as: 'protocol' | 'template',
  context: ProtocolContext,
): ProtocolConfig | undefined {
  const position = p.previous;
  const kind = p.expectKind('keyword').text;
  const absent = NOT_MODELLED.has(kind) || (kind === 'bfd' && !p.isBird2);
  if (absent) p.notModelled(`protocol ${kind}`, p.previous);
  if (kind === 'bfd' && as === 'protocol')
    p.finding('BFD is not modelled: nobody looks after neighbours by it', p.previous);
  if (!KINDS.has(kind)) p.unexpected(p.previous);
  if (kind === 'device') onlyOne(p, kind, context);
  const { file, line, column } = position;
  const channels = channelsOf(p, kind, context.family);
  const draft = newDraft(p, kind, { position: { file, line, column }, channels });
  parseName(p, draft, { as, context });
  p.expect('{');
  const seen = new Set<ChannelDraft>();
  while (!p.take('}')) {
    if (!parseOption(p, draft, seen)) p.unexpected();
    p.expect(';');
  }
  if (as === 'template') {
    // BIRD 2 looks at templates of these as at protocols.
    if (p.isBird2 && (draft.kind === 'pipe' || draft.kind === 'static')) finishProtocol(p, draft, context.tables);
    return undefined;
  }
  if (draft.kind === 'kernel') attachKernel(p, draft, context);
  return finishProtocol(p, draft, context.tables);
}

/** kif_init_config(): templates count as well. */
function onlyOne(p: Parsing, kind: string, { single }: ProtocolContext): void {
  if (single.has(kind)) p.fail('Kernel device protocol already defined', p.previous);
  single.add(kind);
}

/** krt_init(): a table goes into one table of the kernel. */
function attachKernel(p: Parsing, { name, channels }: ProtocolDraft, { kernels }: ProtocolContext): void {
  for (const { table } of channels) {
    const attached = kernels.get(table);
    if (attached !== undefined) p.fail(`Kernel syncer (${attached}) already attached to table ${table}`, p.previous);
    kernels.set(table, name);
  }
}
