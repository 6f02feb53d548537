/** The sets of a namespace (net/netfilter/ipset/ip_set_core.c) and the commands of ipset(8). */

import { type Cause, NO_CAUSE } from '../../../trace/index.js';
import { Clock } from '../../clock.js';
import type { IpsetState } from '../../host-state.js';
import { type IpsetCommand, ipsetLines, parseIpsetCommand } from './commands.js';
import { formatSetOptions, parseSetOptions, type SetOptions } from './create-options.js';
import { testedElement } from './element-text.js';
import { fail, IpsetError, IpsetKernelError, syntax } from './errors.js';
import { ListSet } from './list-set.js';
import { MemberSet } from './member-set.js';
import type { ElementArgument, Ipset, SetSlot } from './set.js';
import { TextSet } from './text-set.js';
import { type SetType, setType } from './types.js';

export interface IpsetProblem {
  readonly line: number;
  readonly severity: 'error' | 'unmodelled';
  /** What follows `ipset v7.17: Error in line N: `. */
  readonly message: string;
}

export interface IpsetRestoreOptions {
  /** `-exist`: what is there already, or is missing already, is no error. */
  readonly exist?: boolean;
  readonly because?: readonly Cause[];
}

/** Types that Linux has and this kernel only keeps. */
const UNMODELLED: ReadonlySet<string> = new Set([
  'bitmap:ip,mac',
  'hash:ip,mac',
  'hash:ip,mark',
  'hash:net,iface',
  'hash:net,port,net',
]);

const textOnly = (name: string): SetType => ({
  name,
  revision: 0,
  storage: 'hash',
  dimensions: [],
  nomatch: true,
  features: name,
});

/** FNV-1a of the name: the kernel draws it; ours is the same in every run and for every set of that name. */
function initvalOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

export class IpsetTable implements Iterable<SetSlot> {
  readonly #slots = new Map<string, SetSlot>();
  #clock: Clock;

  /** The clock is for timeouts; without one time stands still. */
  constructor(clock: Clock = new Clock()) {
    this.#clock = clock;
  }

  /** Before any set exists: the clock of the emulation. */
  useClock(clock: Clock): void {
    if (this.#slots.size === 0) this.#clock = clock;
  }

  [Symbol.iterator](): IterableIterator<SetSlot> {
    return this.#slots.values();
  }

  get(name: string): Ipset | undefined {
    return this.#slots.get(name)?.set;
  }

  /** The place that rules hold on to (ip_set_get_byname()), counted as used until `release`. */
  acquire(name: string): SetSlot | undefined {
    const slot = this.#slots.get(name);
    if (slot !== undefined) slot.references += 1;
    return slot;
  }

  release(slot: SetSlot): void {
    slot.references -= 1;
  }

  /** Runs one command line, split into words. @throws IpsetError */
  execute(words: readonly string[], options: IpsetRestoreOptions = {}): string {
    return this.#run(parseIpsetCommand(words, options), options.because ?? NO_CAUSE);
  }

  /** `ipset restore`: stops at the first error; what came before it stays. */
  restore(text: string, options: IpsetRestoreOptions = {}): readonly IpsetProblem[] {
    const problems: IpsetProblem[] = [];
    for (const { line, words } of ipsetLines(text)) {
      try {
        const command = parseIpsetCommand(words, options);
        this.#run(command, options.because ?? NO_CAUSE);
        if (command.kind === 'create' && this.get(command.set)?.modelled === false) {
          problems.push({ line, severity: 'unmodelled', message: `set type ${command.type} is not modelled` });
        }
      } catch (error) {
        if (!(error instanceof IpsetError)) throw error;
        problems.push({ line, severity: 'error', message: error.message });
        return problems;
      }
    }
    return problems;
  }

  #run(command: IpsetCommand, because: readonly Cause[]): string {
    switch (command.kind) {
      case 'create':
        this.#create(command, because);
        return '';
      case 'add':
        this.require(command.set).add(command.element);
        return '';
      case 'del':
        this.require(command.set).delete(command.element);
        return '';
      case 'test':
        return this.#test(command.set, command.element);
      case 'destroy':
        this.destroy(command.set);
        return '';
      case 'flush':
        this.flush(command.set);
        return '';
      case 'swap':
        this.swap(command.set, command.other);
        return '';
      case 'rename':
        this.rename(command.set, command.other);
        return '';
      case 'save':
        return this.save(command.set);
      case 'list':
        return this.list(command.set);
      case 'nothing':
        return '';
    }
  }

  /** What the kernel refuses is not in the set: out of its range, null, a set that is not there. */
  #test(name: string, element: ElementArgument): string {
    const set = this.require(name);
    const { shown, asked } = testedElement(element.text, set.type);
    try {
      if (set.test({ ...element, text: asked })) return `Warning: ${shown} is in set ${name}.\n`;
    } catch (error) {
      if (!(error instanceof IpsetKernelError)) throw error;
    }
    return `${shown} is NOT in set ${name}.\n`;
  }

  /** @throws IpsetError */
  require(name: string): Ipset {
    return this.get(name) ?? fail('noSet');
  }

  /** `ipset create NAME TYPE OPTIONS`. @throws IpsetError */
  create(name: string, type: string, options: { text?: string; because?: readonly Cause[] } = {}): Ipset {
    const words = (options.text ?? '').split(' ').filter((word) => word !== '');
    return this.#create({ kind: 'create', set: name, type, options: words, exist: false }, options.because ?? NO_CAUSE);
  }

  #create(command: IpsetCommand & { kind: 'create' }, because: readonly Cause[]): Ipset {
    const known = setType(command.type);
    const keptOnly = known === undefined && UNMODELLED.has(command.type);
    const type = known ?? (keptOnly ? textOnly(command.type) : syntax(`typename '${command.type}' is unknown`));
    const initval = initvalOf(command.set);
    const options: SetOptions = keptOnly
      ? parseSetOptions([], type, initval)
      : parseSetOptions(command.options, type, initval);
    const present = this.get(command.set);
    if (present !== undefined) {
      if (command.exist && sameKind(present, type, options)) return present;
      return fail('exists');
    }
    const set = this.#make(type, options, { because, keptOnly, words: command.options });
    this.#slots.set(command.set, { name: command.set, set, references: 0 });
    return set;
  }

  #make(
    type: SetType,
    options: SetOptions,
    more: { because: readonly Cause[]; keptOnly: boolean; words: readonly string[] },
  ): Ipset {
    const { because, keptOnly } = more;
    if (keptOnly || options.family === 'inet6') {
      const header = keptOnly ? more.words.join(' ') : formatSetOptions(options, type);
      return new TextSet(type, options, { header, modelled: !keptOnly, because });
    }
    if (type.storage !== 'list') return new MemberSet(type, options, { clock: this.#clock, because });
    return new ListSet(type, options, { clock: this.#clock, because, slotOf: (name) => this.#slots.get(name) });
  }

  /** All sets, or the one. @throws IpsetError where it is in use; none is destroyed then */
  destroy(name?: string): void {
    const slots = this.#chosen(name);
    if (name === undefined) for (const { set } of slots) if (set.type.storage === 'list') set.flush();
    if (slots.some((slot) => slot.references > 0)) fail('inUse');
    for (const slot of slots) {
      slot.set.flush();
      this.#slots.delete(slot.name);
    }
  }

  /** Empties all sets, or the one. @throws IpsetError */
  flush(name?: string): void {
    for (const { set } of this.#chosen(name)) set.flush();
  }

  /** @throws IpsetError */
  rename(from: string, to: string): void {
    const slot = this.#slots.get(from) ?? fail('noSet');
    if (slot.references > 0) fail('renameInUse');
    if (this.#slots.has(to)) fail('renameExists');
    this.#slots.delete(from);
    slot.name = to;
    this.#slots.set(to, slot);
  }

  /** The contents change places; rules follow the names (ip_set_swap()). @throws IpsetError */
  swap(from: string, to: string): void {
    const a = this.#slots.get(from) ?? fail('noSet');
    const b = this.#slots.get(to) ?? fail('swapNoSecond');
    if (a.set.type.features !== b.set.type.features || a.set.options.family !== b.set.options.family) fail('swapType');
    const { set } = a;
    a.set = b.set;
    b.set = set;
  }

  #chosen(name: string | undefined): SetSlot[] {
    if (name === undefined) return [...this.#slots.values()];
    const slot = this.#slots.get(name) ?? fail('noSet');
    return [slot];
  }

  /** In order of creation, list:set after what it may refer to. */
  #ordered(name: string | undefined): SetSlot[] {
    const slots = this.#chosen(name);
    const isList = (slot: SetSlot): boolean => slot.set.type.storage === 'list';
    return [...slots.filter((slot) => !isList(slot)), ...slots.filter(isList)];
  }

  /** `ipset save`. Differs: elements in numeric order, where the kernel prints them in the order of its hash. */
  save(name?: string): string {
    let text = '';
    for (const slot of this.#ordered(name)) {
      text += `create ${slot.name} ${slot.set.type.name} ${slot.set.header}\n`;
      for (const member of slot.set.members()) text += `add ${slot.name} ${member}\n`;
    }
    return text;
  }

  /** As `ipset list` shows them: all, or the one. @throws IpsetError */
  listed(name?: string): readonly SetSlot[] {
    return this.#ordered(name);
  }

  /** `ipset list`. */
  list(name?: string): string {
    return this.#ordered(name)
      .map((slot) => formatListing(slot))
      .join('\n');
  }

  state(): IpsetState[] {
    return this.#ordered(undefined).map((slot) => ({
      name: slot.name,
      type: slot.set.type.name,
      options: slot.set.header,
      members: slot.set.members(),
      because: slot.set.because,
    }));
  }

  /**
   * The sets of `state`: new ones made, present ones filled anew, others destroyed. One that goes but is still
   * used by a rule stays until it is not; one that changes its kind must not be in use. @throws IpsetError
   */
  apply(state: readonly IpsetState[]): void {
    const wanted = new Map(state.map((set) => [set.name, set]));
    // Lists are filled again below; until then they hold on to nothing.
    for (const { set } of this.#slots.values()) if (set.type.storage === 'list') set.flush();
    for (const slot of this.#ordered(undefined)) {
      const to = wanted.get(slot.name);
      const goes =
        to === undefined ? slot.references === 0 : headerOf(to) !== `${slot.set.type.name} ${slot.set.header}`;
      if (goes) this.destroy(slot.name);
    }
    for (const { name, type, options, because } of state) {
      const present = this.get(name);
      if (present === undefined) this.create(name, type, { text: options, because });
      else present.because = because;
    }
    for (const { name, members } of state) {
      const set = this.require(name);
      set.flush();
      for (const member of members) this.execute([...ADD, name, ...memberWords(member)]);
    }
  }
}

/** Type and options of a wanted set, as they would be printed. */
function headerOf({ name, type, options }: IpsetState): string {
  const known = setType(type);
  const words = options.split(' ').filter((word) => word !== '');
  if (known === undefined) return `${type} ${words.join(' ')}`;
  return `${known.name} ${formatSetOptions(parseSetOptions(words, known, initvalOf(name)), known)}`;
}

const ADD = ['add'] as const;

/** Members are words but for comments, which are quoted. */
function memberWords(member: string): string[] {
  const quote = member.indexOf(' comment "');
  if (quote < 0) return member.split(' ');
  const end = member.indexOf('"', quote + 10);
  const rest = member
    .slice(end + 1)
    .split(' ')
    .filter((word) => word !== '');
  return [...member.slice(0, quote).split(' '), 'comment', member.slice(quote + 10, end), ...rest];
}

/** `create … -exist` of a set that is there already must ask for the same (ip_set_create()). */
const sameKind = (set: Ipset, type: SetType, options: SetOptions): boolean =>
  set.type.name === type.name &&
  set.options.family === options.family &&
  set.options.netmask === options.netmask &&
  set.options.timeout === options.timeout &&
  set.options.range?.first === options.range?.first &&
  set.options.range?.last === options.range?.last;

/** `Name: …` and so on; without members with `-t`. */
export function formatListing(slot: SetSlot, form: { readonly terse: boolean } = { terse: false }): string {
  const { set } = slot;
  const head =
    `Name: ${slot.name}\nType: ${set.type.name}\nRevision: ${set.type.revision}\n` +
    `Header: ${set.header}\nSize in memory: ${set.memory}\n` +
    `References: ${slot.references}\nNumber of entries: ${set.size}\n`;
  if (form.terse) return head;
  return `${head}Members:\n${set
    .members()
    .map((member) => `${member}\n`)
    .join('')}`;
}
