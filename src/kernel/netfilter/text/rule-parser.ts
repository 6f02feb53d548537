/** A rule from its words: `-s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT`, as iptables-restore reads it. */

import { parseIpv4 } from '../../../packet/index.js';
import type { TableName } from '../../../trace/index.js';
import { type RuleContext, RuleError } from '../extension.js';
import { parseInterfaceName } from '../interface-name.js';
import { matchKind } from '../match/index.js';
import { Options } from '../options.js';
import type { AddressTest, BasicTests, Counters, InterfaceTest, RuleAction, RuleMatch, RuleParts } from '../rule.js';
import { targetKind } from '../target/index.js';
import { isUnmodelledTarget, UnknownExtension, unknownMatch } from '../unknown.js';
import { parseProtocol } from './protocol-names.js';
import { type ExtensionWords, RuleReader, type RuleWords } from './rule-words.js';

export interface ParsedRule {
  /** More than one where `-s` or `-d` list addresses. */
  readonly rules: readonly RuleParts[];
  readonly counters: Counters | undefined;
  /** What is kept without being understood: `-m foo`, `-j BAR`. */
  readonly unmodelled: readonly string[];
}

/** Missing parts of an address are zero: `10/8`, `0/0`. */
function parseAddress(text: string): number {
  const parts = text.split('.');
  const padded = [...parts, '0', '0', '0'].slice(0, Math.max(4, parts.length)).join('.');
  const addr = /^\d/.test(text) ? parseIpv4(padded) : undefined;
  if (addr === undefined) throw new RuleError(`host/network \`${text}' not found`);
  return addr;
}

/** `8` or `255.0.0.0`. */
function parseMask(text: string | undefined): number {
  if (text === undefined) return -1;
  if (/^\d+$/.test(text) && Number(text) <= 32) return text === '0' ? 0 : -1 << (32 - Number(text));
  const mask = text.includes('.') ? parseIpv4(text) : undefined;
  if (mask === undefined) throw new RuleError(`invalid mask \`${text}' specified`);
  return mask;
}

/** The addresses of `-s` or `-d`; undefined stands for any. */
function addressTests(words: RuleWords, option: '-s' | '-d'): (AddressTest | undefined)[] {
  const given = words.basic.get(option);
  if (given === undefined) return [undefined];
  const texts = given.value.split(',');
  if (texts.length > 1 && given.inverted) {
    throw new RuleError('! not allowed with multiple source or destination IP addresses');
  }
  return texts.map((text) => {
    const [address = '', bits, extra] = text.split('/');
    const mask = parseMask(extra === undefined ? bits : text);
    const addr = parseAddress(address) & mask;
    return mask === 0 && !given.inverted ? undefined : { addr, mask, inverted: given.inverted };
  });
}

function interfaceTest(words: RuleWords, option: '-i' | '-o'): InterfaceTest | undefined {
  const given = words.basic.get(option);
  if (given === undefined) return undefined;
  const name = parseInterfaceName(given.value);
  if (name.wildcard && name.name === '' && !given.inverted) return undefined;
  return { name: name.name, wildcard: name.wildcard, inverted: given.inverted };
}

function protocolTest(words: RuleWords): BasicTests['protocol'] {
  const given = words.basic.get('-p');
  if (given === undefined) return undefined;
  const protocol = parseProtocol(given.value);
  if (protocol === undefined) throw new RuleError(`unknown protocol "${given.value}" specified`);
  if (protocol !== 0) return { number: protocol, inverted: given.inverted };
  if (given.inverted) throw new RuleError('rule would never match protocol');
  return undefined;
}

/** Matches of one text that rules may share, since they hold nothing and change nothing by being asked. */
export type MatchPool = Map<string, RuleMatch>;

/** `-m tcp --dport 80` and a Service's comment stand in many rules: one object for all of them. */
function pooledMatch(words: ExtensionWords, context: RuleContext, pool: MatchPool): RuleMatch {
  const { name, verbatim } = words;
  if (words.unmodelled || matchKind(name)?.pure !== true) return buildMatch(words, context);
  const key = `${context.table} ${context.protocol} ${name} ${verbatim.join('\n')}`;
  const held = pool.get(key);
  if (held !== undefined) return held;
  const built = buildMatch(words, context);
  if (built.match.attach === undefined && built.match.detach === undefined) pool.set(key, built);
  return built;
}

function buildMatch(words: ExtensionWords, context: RuleContext): RuleMatch {
  const { name } = words;
  const kind = words.unmodelled ? undefined : matchKind(name);
  if (kind === undefined) {
    // A module's name is a word: what is none is refused, as iptables refuses every module that it cannot load.
    if (!/^[\w-]+$/.test(name)) throw new RuleError(`Couldn't load match \`${name}'`);
    return { name, kind: undefined, match: unknownMatch(new UnknownExtension(name, words.verbatim)) };
  }
  return { name, kind, match: kind.parse(new Options(name, words.given), context) };
}

/** Matches that iptables-nft says in expressions of its own, and so reads back as one, however often they are said. */
const ONE_WHEN_READ_BACK: ReadonlySet<string> = new Set(['tcp', 'udp']);

function mergeRepeated(matches: readonly ExtensionWords[]): readonly ExtensionWords[] {
  const merged: ExtensionWords[] = [];
  for (const words of matches) {
    const first = ONE_WHEN_READ_BACK.has(words.name) ? merged.findIndex(({ name }) => name === words.name) : -1;
    const into = merged[first];
    const disjoint =
      into !== undefined && words.given.every(({ name }) => into.given.every((one) => one.name !== name));
    if (into === undefined || !disjoint || into.unmodelled || words.unmodelled) merged.push(words);
    else
      merged[first] = {
        ...into,
        given: [...into.given, ...words.given],
        verbatim: [...into.verbatim, ...words.verbatim],
      };
  }
  return merged;
}

/** chain_name_valid() and the verdicts that are targets without a module. */
function buildAction(words: RuleWords, context: RuleContext): RuleAction {
  const { target } = words;
  if (target === undefined) return { kind: 'none' };
  const { name } = target;
  if (words.goto) return { kind: 'goto', chain: name };
  if (name === 'ACCEPT' || name === 'DROP' || name === 'RETURN' || name === 'QUEUE') {
    if (target.unmodelled)
      throw new RuleError(`unknown option "${target.verbatim.find((word) => word !== '!') ?? ''}"`);
    if (name === 'DROP' && context.table === 'nat') {
      throw new RuleError('The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.');
    }
    const verdicts = { ACCEPT: 'accept', DROP: 'drop', RETURN: 'return', QUEUE: 'queue' } as const;
    return { kind: verdicts[name] };
  }
  const kind = target.unmodelled ? undefined : targetKind(name);
  if (kind !== undefined) {
    return { kind: 'target', name, targetKind: kind, target: kind.parse(new Options(name, target.given), context) };
  }
  if (target.unmodelled || isUnmodelledTarget(name)) {
    return { kind: 'unknown', unknown: new UnknownExtension(name, target.verbatim) };
  }
  return { kind: 'jump', chain: name };
}

/** `-i` has no meaning where packets leave, nor `-o` where they come in. */
function checkDevices(chain: string, words: RuleWords): void {
  const refuse = (option: string): never => {
    throw new RuleError(`Can't use ${option} with ${chain}`);
  };
  if (words.basic.has('-o') && (chain === 'PREROUTING' || chain === 'INPUT')) refuse('-o');
  if (words.basic.has('-i') && (chain === 'POSTROUTING' || chain === 'OUTPUT')) refuse('-i');
}

/** The words of a line from `from` on. @throws RuleError */
export function parseRule(
  words: readonly string[],
  from: number,
  place: { readonly table: TableName; readonly chain: string; readonly pool?: MatchPool },
): ParsedRule {
  const read = new RuleReader(words, from).read();
  checkDevices(place.chain, read);
  const inDev = interfaceTest(read, '-i');
  const out = interfaceTest(read, '-o');
  const protocol = protocolTest(read);
  const fragment = read.basic.get('-f');
  const context: RuleContext = { table: place.table, protocol: protocol?.inverted === false ? protocol.number : 0 };
  const { pool = new Map<string, RuleMatch>() } = place;
  const rules: RuleParts[] = [];
  for (const source of addressTests(read, '-s')) {
    for (const destination of addressTests(read, '-d')) {
      const tests: BasicTests = { source, destination, in: inDev, out, protocol, fragment };
      // Matches that have state of their own are each rule's own.
      const matches = mergeRepeated(read.matches)
        .map((match) => pooledMatch(match, context, pool))
        .filter(({ match }) => match.absent !== true);
      rules.push({ tests, matches, action: buildAction(read, context) });
    }
  }
  return { rules, counters: read.counters, unmodelled: unmodelledNames(rules[0]) };
}

function unmodelledNames(parts: RuleParts | undefined): string[] {
  if (parts === undefined) return [];
  const names = parts.matches.filter(({ kind }) => kind === undefined).map(({ name }) => `-m ${name}`);
  return parts.action.kind === 'unknown' ? [...names, `-j ${parts.action.unknown.name}`] : names;
}
