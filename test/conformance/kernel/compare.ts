/** Two runs of a case side by side: what is different, and how much was the same. */

import { type DissectedNode, dissect, fromHex, LINKTYPE, summarize, toHex } from '../../../src/packet/index.js';
import type { StateName } from './describe.js';
import type { EmulatedFrame } from './emulated.js';
import { injectedStamps } from './injected.js';
import { drawnTags } from './sctp-fields.js';
import type { Frame, KernelCase, Round, RuleRow, RunRecord } from './record.js';
import { Renaming } from './renaming.js';

export interface Difference {
  /** Number of the order, from 0; -1 for the state when all is over. */
  readonly order: number;
  readonly where: string;
  readonly what: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** How much was compared. */
  readonly frames: number;
  readonly octets: number;
  readonly rules: number;
  /** Ports of the real kernel by those that the emulator has drawn in their place. */
  readonly ports: ReadonlyMap<number, number>;
}

const MAX_TOLD = 12;

/** Ports that NAT has put in the place of others, out of the emulator's table. */
function drawnPorts(record: RunRecord): Set<number> {
  const drawn = new Set<number>();
  for (const { conntrack = '' } of record.states.values()) {
    for (const line of conntrack.split('\n')) {
      const sources = [...line.matchAll(/\b(?:sport|id)=(\d+)/g)].map(([, value]) => Number(value));
      const destinations = [...line.matchAll(/\b(?:dport|id)=(\d+)/g)].map(([, value]) => Number(value));
      const [source] = sources;
      const reply = destinations[1];
      if (source !== undefined && reply !== undefined && source !== reply) drawn.add(reply);
    }
  }
  return drawn;
}

/** Ethernet's type and ARP's operation: a question. */
const ARP_REQUEST = /^.{24}0806.{12}0001/;
const senderOf = ({ hex }: Frame): string => hex.slice(12, 24);

/** Machines repeat their questions by clocks of their own: of those that follow each other, each sender's by itself. */
function byAsker(frames: readonly Frame[]): readonly Frame[] {
  const sorted: Frame[] = [];
  for (let i = 0; i < frames.length; ) {
    const end = frames.findIndex(({ hex }, at) => at >= i && !ARP_REQUEST.test(hex));
    const questions = frames.slice(i, end < 0 ? frames.length : end);
    sorted.push(...questions.sort((a, b) => (senderOf(a) < senderOf(b) ? -1 : senderOf(a) > senderOf(b) ? 1 : 0)));
    i += questions.length;
    const other = frames[i++];
    if (other !== undefined) sorted.push(other);
  }
  return sorted;
}

class Comparer {
  readonly #differences: Difference[] = [];
  readonly #renaming: Renaming;
  #frames = 0;
  #octets = 0;
  #rules = 0;

  constructor(case_: KernelCase, emulated: RunRecord) {
    this.#renaming = new Renaming({
      drawnIds: emulated.drawnIds ?? new Set(),
      drawnSequences: emulated.drawnSequences ?? new Set(),
      injectedStamps: injectedStamps(case_),
      drawnTags: drawnTags(case_, emulated),
      drawnPorts: new Set([...drawnPorts(emulated), ...(emulated.drawn ?? [])]),
    });
  }

  run(emulated: RunRecord, real: RunRecord): Comparison {
    emulated.rounds.forEach((round, order) => {
      const other = real.rounds[order];
      if (other === undefined) this.#tell(order, 'order', 'the referee has not run it');
      else this.#round(order, round, other);
    });
    for (const [place, state] of emulated.states) this.#state(place, state, real.states.get(place) ?? {});
    const { ports } = this.#renaming;
    return { differences: this.#differences, frames: this.#frames, octets: this.#octets, rules: this.#rules, ports };
  }

  #tell(order: number, where: string, what: string): void {
    if (this.#differences.length < MAX_TOLD) this.#differences.push({ order, where, what });
  }

  #round(order: number, emulated: Round, real: Round): void {
    if (!sameOutcome(emulated.outcome, real.outcome))
      this.#tell(order, 'socket', `emulated ${emulated.outcome || 'sent'}, real ${real.outcome || 'sent'}`);
    for (const place of new Set([...emulated.rules.keys(), ...real.rules.keys()]))
      this.#path(order, place, [emulated.rules.get(place) ?? [], real.rules.get(place) ?? []]);
    for (const capture of new Set([...emulated.frames.keys(), ...real.frames.keys()]))
      this.#capture(capture, order, [emulated.frames.get(capture), real.frames.get(capture)]);
  }

  #capture(
    where: string,
    order: number,
    frames: readonly [readonly Frame[] | undefined, readonly Frame[] | undefined],
  ): void {
    const [emulated, real] = frames.map((each = []) => byAsker(each)) as [readonly Frame[], readonly Frame[]];
    for (let i = 0; i < Math.max(emulated.length, real.length); i += 1) {
      const ours = emulated[i];
      const theirs = real[i];
      const loopback = where.endsWith(' lo');
      if (ours !== undefined && theirs !== undefined && this.#sameFrame(ours, theirs, loopback)) continue;
      const bare = (ours as EmulatedFrame | undefined)?.bare ?? false;
      const which = `frame ${i} of ${emulated.length} emulated, ${real.length} real`;
      const fields =
        ours !== undefined && theirs !== undefined ? `\n  differ in ${this.#differing(ours, theirs, loopback)}` : '';
      this.#tell(
        order,
        where,
        `${which}\n  emulated ${showFrame(ours, bare)}\n  real     ${showFrame(theirs, bare)}${fields}`,
      );
      return;
    }
  }

  /** The fields that are still different when what is drawn at random has been renamed. */
  #differing(ours: Frame, theirs: Frame, loopback: boolean): string {
    const emulated = fromHex(ours.hex) ?? new Uint8Array();
    const { bare } = ours as EmulatedFrame;
    const real = this.#renaming.apply(fromHex(theirs.hex) ?? new Uint8Array(), emulated, {
      packet: (ours as EmulatedFrame).packet,
      loopback,
      bare,
    });
    if (emulated.length !== real.length) return `length: ${emulated.length} and ${real.length}`;
    const names = new Set<string>();
    emulated.forEach((octet, i) => {
      if (octet !== real[i]) names.add(fieldAt(dissect(emulated, linkType(bare)), i));
    });
    return [...names].join(', ');
  }

  #sameFrame(ours: Frame, theirs: Frame, loopback: boolean): boolean {
    this.#frames += 1;
    this.#octets += ours.hex.length / 2;
    if (ours.direction !== theirs.direction) return false;
    if (ours.hex === theirs.hex) return true;
    const real = fromHex(theirs.hex);
    const emulated = fromHex(ours.hex);
    if (real === undefined || emulated === undefined) return false;
    const { packet, bare } = ours as EmulatedFrame;
    return toHex(this.#renaming.apply(real, emulated, { packet, loopback, bare })) === ours.hex;
  }

  #path(order: number, place: string, [emulated, real]: readonly [readonly RuleRow[], readonly RuleRow[]]): void {
    const ours = emulated.map(showRow);
    const theirs = real.map(showRow);
    this.#rules += ours.length;
    const at = Math.max(ours.length, theirs.length);
    for (let i = 0; i < at; i += 1) {
      if (ours[i] === theirs[i]) continue;
      const from = Math.max(0, i - 2);
      this.#tell(
        order,
        `rules of ${place}`,
        `from ${i}\n  emulated ${ours.slice(from, i + 4).join(' | ')}\n  real     ${theirs.slice(from, i + 4).join(' | ')}`,
      );
      return;
    }
  }

  #state(place: string, emulated: Readonly<Record<string, string>>, real: Readonly<Record<string, string>>): void {
    for (const name of Object.keys(emulated) as StateName[]) {
      if (name === 'counters' && real[name] === undefined) continue;
      const ours = (emulated[name] ?? '').split('\n');
      const theirs = this.#renamed(name, ours, (real[name] ?? '').split('\n'));
      if (DRAWN_IN.has(name)) {
        ours.sort();
        theirs.sort();
      }
      const only = (some: readonly string[], others: readonly string[]): string[] =>
        some.filter((line) => !others.includes(line));
      if (ours.join('\n') === theirs.join('\n')) continue;
      const told = [
        ...only(ours, theirs).map((line) => `  emulated ${line}`),
        ...only(theirs, ours).map((line) => `  real     ${line}`),
      ];
      this.#tell(-1, `${name} of ${place}`, `\n${told.slice(0, 12).join('\n') || '  in another order'}`);
    }
  }

  /** Lines with the emulator's ports in place of those drawn at random, but where a port is what it is. */
  #renamed(name: StateName, ours: readonly string[], theirs: readonly string[]): string[] {
    if (!DRAWN_IN.has(name)) return [...theirs];
    const left = ours.filter((line) => !theirs.includes(line));
    return theirs.map((line) => {
      if (ours.includes(line)) return line;
      const at = left.findIndex((other) => this.#sameButDrawn(other, line));
      return left.splice(at, at < 0 ? 0 : 1)[0] ?? line;
    });
  }

  /** Whether two lines differ in nothing but drawn ports, and in each as in all frames. */
  #sameButDrawn(emulated: string, real: string): boolean {
    const ours = emulated.split(' ');
    const theirs = real.split(' ');
    if (ours.length !== theirs.length) return false;
    const pairs = ours.flatMap((word, i) => (word === theirs[i] ? [] : [[word, theirs[i] ?? '', i] as const]));
    const drawn = pairs.map(([one, other, i]) => [drawnValue(one), drawnValue(other), ours[i + 1]] as const);
    const alike = drawn.every(([one, other, next]) => {
      if (one === undefined || other === undefined || one.key !== other.key) return false;
      return (
        this.#renaming.isVxlanPort(one.value, other.value) ||
        this.#renaming.couldRenamePort(one.value, other.value) ||
        (next === VXLAN_DESTINATION && this.#renaming.mayBeUnseenVxlanPort(one.value))
      );
    });
    if (!alike) return false;
    for (const [one, other] of drawn) this.#renaming.mayRenamePort(one?.value ?? 0, other?.value ?? 0);
    return true;
  }
}

/** In a line of a connection, behind the source port. */
const VXLAN_DESTINATION = 'dport=4789';

/** Where ports stand that NAT has drawn: connections, and sets that a rule puts packets into. */
const DRAWN_IN: ReadonlySet<StateName> = new Set<StateName>(['conntrack', 'ipsets']);

/** `sport=40000`, `10.0.0.1,udp:40000,10.0.0.2`, `40000`: what NAT may have drawn. */
function drawnValue(word: string): { readonly key: string; readonly value: number } | undefined {
  const [, before, value, after] = /^((?:sport|dport|id)=|.*,(?:tcp|udp|sctp):|)(\d+)(,.*|)$/.exec(word) ?? [];
  return value === undefined ? undefined : { key: `${before} ${after}`, value: Number(value) };
}

/** The innermost field that holds an octet: `ipv4.id`. */
function fieldAt(node: DissectedNode, octet: number): string {
  const child = node.children.findLast(({ offset, length }) => octet >= offset && octet < offset + length);
  return child === undefined ? node.name : fieldAt(child, octet);
}

/** Python says it in words, the emulator by the errno's name. */
const ERRNO_WORDS: Readonly<Record<string, string>> = {
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ECONNREFUSED: 'Connection refused',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EINVAL: 'Invalid argument',
  ETIMEDOUT: 'Connection timed out',
  EMSGSIZE: 'Message too long',
  ENOPROTOOPT: 'Protocol not available',
};

const sameOutcome = (emulated: string, real: string): boolean => emulated === real || ERRNO_WORDS[emulated] === real;

const showRow = ({ table, chain, position, verdict, target }: RuleRow): string =>
  `${table} ${chain} ${position === 0 ? 'policy' : `#${position}`} ${verdict}${target === '' ? '' : ` ${target}`}`;

const linkType = (bare: boolean): number => (bare ? LINKTYPE.raw : LINKTYPE.ethernet);

function showFrame(frame: Frame | undefined, bare: boolean): string {
  if (frame === undefined) return 'nothing';
  const bytes = fromHex(frame.hex);
  if (bytes === undefined) return frame.hex;
  return `${frame.direction} ${summarize(bytes, { showLink: true, linkType: linkType(bare) })} ${frame.hex}`;
}

export const compare = (case_: KernelCase, emulated: RunRecord, real: RunRecord): Comparison =>
  new Comparer(case_, emulated).run(emulated, real);

export const formatDifference = (case_: KernelCase, { order, where, what }: Difference): string => {
  const about = case_.orders[order];
  return `${order < 0 ? 'at the end' : `order ${order} (${about?.note ?? ''}${about ? `, ${about.kind} at ${about.place}` : ''})`}, ${where}: ${what}`;
};
