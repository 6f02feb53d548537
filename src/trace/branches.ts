/** The ways that a connection can take by chance, as a tree of choices: who answers for an address, one after the other. */

import { formatIpv4 } from '../packet/index.js';
import type { ConnectionTrace } from './connection.js';
import type { FlowTuple } from './step.js';
import { lastOf, type PacketStory, stepsOfKind } from './story.js';
import { type JsonValue, traceJson } from './to-json.js';
import { formatTrace, PLAIN_STYLE, type TextOptions, type TextStyle } from './format-text.js';

export interface TraceBranch {
  /** Of this way, from 0 to 1. */
  readonly probability: number;
  readonly trace: ConnectionTrace;
}

export interface TraceBranches {
  readonly branches: readonly TraceBranch[];
  /** False where there are more than were followed: the probabilities then do not add up to 1. */
  readonly complete: boolean;
}

/** An address that was translated, and into what. */
export interface Choice {
  /** Of a question for the destination's name, or of the connection itself. */
  readonly of: 'resolution' | 'connection';
  /** `10.96.0.20:80`. */
  readonly asked: string;
  /** `10.244.1.5:8080`. */
  readonly went: string;
  /** Where the packet arrived, `pod/shop/web-1`. */
  readonly reached?: string;
}

interface BranchNode {
  /** What was chosen last; undefined for a way without a choice. */
  readonly choice: Choice | undefined;
  readonly probability: number;
  readonly children: readonly BranchNode[];
  /** Numbers of the branches that end here. */
  readonly branches: readonly number[];
}

const destination = ({ destination: address, destinationPort }: FlowTuple): string =>
  `${formatIpv4(address)}:${destinationPort}`;

function choicesOfStory(story: PacketStory, of: Choice['of'], nameOf: ConnectionTrace['nameOf']): Choice[] {
  const choices: Choice[] = [];
  for (const { type, before, after } of stepsOfKind(story, 'nat'))
    if (type === 'dnat') choices.push({ of, asked: destination(before), went: destination(after) });
  const last = choices.pop();
  const arrival = lastOf(story, 'deliver')?.recorded.place;
  if (last === undefined) return [];
  return [...choices, arrival === undefined ? last : { ...last, reached: nameOf(arrival) }];
}

const sameChoice = (a: Choice, b: Choice): boolean => a.of === b.of && a.asked === b.asked && a.went === b.went;

/** What was chosen on the way, questions for the name first; the same again counts once. */
export function choicesOf({ packets, resolution, nameOf }: ConnectionTrace): readonly Choice[] {
  const choices: Choice[] = [];
  const take = (of: Choice['of'], sent: ConnectionTrace['packets']): void => {
    for (const { role, story } of sent) {
      if (role !== 'request') continue;
      for (const choice of choicesOfStory(story, of, nameOf))
        if (!choices.some((one) => sameChoice(one, choice))) choices.push(choice);
    }
  };
  take('resolution', resolution?.packets ?? []);
  take('connection', packets);
  return choices;
}

interface Way {
  readonly number: number;
  readonly probability: number;
  readonly choices: readonly Choice[];
}

function grow(ways: readonly Way[], depth: number): BranchNode[] {
  const groups: Way[][] = [];
  for (const way of ways) {
    const choice = way.choices[depth];
    const group = groups.find(([first]) => {
      const other = first?.choices[depth];
      return choice === undefined || other === undefined ? choice === other : sameChoice(choice, other);
    });
    if (group === undefined) groups.push([way]);
    else group.push(way);
  }
  return groups.map((group) => {
    const choice = group[0]?.choices[depth];
    const further = choice === undefined ? [] : group.filter(({ choices }) => choices.length > depth + 1);
    return {
      choice,
      probability: group.reduce((sum, { probability }) => sum + probability, 0),
      children: grow(further, depth + 1),
      branches: group.filter((way) => !further.includes(way)).map(({ number }) => number),
    };
  });
}

const treeOf = ({ branches }: TraceBranches): BranchNode[] =>
  grow(
    branches.map(({ probability, trace }, number) => ({ number, probability, choices: choicesOf(trace) })),
    0,
  );

/** `33.3 %`. */
const percent = (probability: number): string => `${Number((probability * 100).toPrecision(3))} %`;

/** `branch 0, 50 %`: its number is that of the tree. */
export const branchTitle = ({ probability }: TraceBranch, number: number): string =>
  `branch ${number}, ${percent(probability)}`;

const describeChoice = ({ of, asked, went, reached }: Choice): string =>
  `${of === 'resolution' ? 'DNS: ' : ''}${asked} → ${went}${reached === undefined ? '' : `, ${reached}`}`;

/** The tree as lines, each way with its verdict and why. */
export function formatBranches(told: TraceBranches, style: TextStyle = PLAIN_STYLE): string {
  const [first] = told.branches;
  if (first === undefined) return '';
  const { from, to, protocol } = first.trace;
  const port = to.port === undefined ? '' : `:${to.port}`;
  const count = `${told.branches.length} ${told.branches.length === 1 ? 'way' : 'ways'}${told.complete ? '' : ', and more'}`;
  const lines = [style.heading(`${from.label} → ${to.label}${port}, ${protocol}: ${count}`)];
  const leaf = (number: number, indent: string): void => {
    const trace = told.branches[number]?.trace;
    if (trace === undefined) return;
    const shade = trace.verdict === 'answered' ? style.good : style.bad;
    lines.push(`${indent}${shade(trace.verdict)}`, ...trace.explanation.map((sentence) => `${indent}  ${sentence}`));
  };
  const draw = (nodes: readonly BranchNode[], indent: string): void => {
    nodes.forEach(({ choice, probability, children, branches }, i) => {
      const last = i === nodes.length - 1;
      const inner = `${indent}${last ? '   ' : '│  '}`;
      const what = choice === undefined ? '' : `  ${describeChoice(choice)}`;
      lines.push(`${indent}${last ? '└─ ' : '├─ '}${style.heading(percent(probability))}${what}`);
      for (const number of branches) leaf(number, inner);
      draw(children, inner);
    });
  };
  draw(treeOf(told), '');
  return lines.join('\n');
}

/** The tree, and below it each branch as a trace of its own. */
export function formatWholeBranches(told: TraceBranches, options: TextOptions = {}): string {
  const style = options.style ?? PLAIN_STYLE;
  const traces = told.branches.map(
    (branch, number) => `${style.heading(branchTitle(branch, number))}\n${formatTrace(branch.trace, options)}`,
  );
  return [formatBranches(told, style), ...traces].join('\n\n');
}

const choiceJson = ({ of, asked, went, reached }: Choice): JsonValue => ({
  of,
  asked,
  went,
  ...(reached === undefined ? {} : { reached }),
});

const nodeJson = ({ choice, probability, children, branches }: BranchNode): JsonValue => ({
  ...(choice === undefined ? {} : { choice: choiceJson(choice) }),
  probability,
  branches,
  children: children.map(nodeJson),
});

/** schemas/trace-branches.schema.json: the tree, whose `branches` count the traces from 0. */
export const branchesJson = (told: TraceBranches): JsonValue => ({
  format: 'podwire-branches',
  version: 1,
  complete: told.complete,
  tree: treeOf(told).map(nodeJson),
  branches: told.branches.map(({ probability, trace }) => ({ probability, trace: traceJson(trace) })),
});
