/** Terms as closures (filter/filter.c: interpret()), and calls of functions. */

import { asPathFirst, asPathLast, asPathLastNonAggregated, asPathLength } from '../../packet/index.js';
import { type Family, maskIp, maxLength } from '../address.js';
import { netTypeNumber } from '../config/keywords.js';
import { evaluateBinary } from './operators.js';
import { changeList } from './lists.js';
import { type Evaluate, FilterError, type FilterRun, HALT, STEP } from './run.js';
import { readAttribute, readStatic } from './route-access.js';
import type { FunctionDefinition, Method, PathMaskTerm, Term } from './syntax.js';
import {
  asQuad,
  bool,
  formatValue,
  int,
  NULL_LIST,
  NULL_LISTS,
  type PathMaskItem,
  sameValue,
  type Value,
  VOID,
} from './value.js';

export const fail = (message: string, line: number): never => {
  throw new FilterError(message, line);
};

function lengthOf(value: Value, line: number): number {
  switch (value.type) {
    case 'prefix':
      return value.value.length;
    case 'path':
      return asPathLength(value.value);
    case 'clist':
    case 'eclist':
    case 'lclist':
      return value.value.length;
    default:
      return fail('Prefix, path, clist or eclist expected', line);
  }
}

/** BIRD 2's `.min` and `.max` of lists. */
function extreme(value: Value, which: 'min' | 'max', line: number): Value {
  const pick = (list: readonly number[]): number => (which === 'min' ? Math.min(...list) : Math.max(...list));
  if (value.type === 'clist') {
    return value.value.length === 0 ? VOID : { type: 'pair', value: pick(value.value.map((item) => item >>> 0)) };
  }
  return fail('Minimum or maximum of that type is not modelled', line);
}

const netType = (family: Family): Value => ({
  type: 'enum',
  kind: 'nettype',
  value: netTypeNumber(family === 'ipv4' ? 'IP4' : 'IP6'),
});

function applyMethod(method: Method, value: Value, line: number): Value {
  switch (method) {
    case 'len':
      return int(lengthOf(value, line));
    case 'ip':
      return value.type === 'prefix' ? { type: 'ip', value: value.value.addr } : fail('Prefix expected', line);
    case 'is_v4':
      return value.type === 'ip' ? bool(typeof value.value === 'number') : fail('IP address expected', line);
    case 'type':
      return value.type === 'prefix' ? netType(value.value.family) : fail("Can't determine type of this item", line);
    case 'first':
    case 'last':
    case 'last_nonaggregated': {
      if (value.type !== 'path') return fail('AS path expected', line);
      const read = { first: asPathFirst, last: asPathLast, last_nonaggregated: asPathLastNonAggregated }[method];
      return int(read(value.value) ?? 0);
    }
    case 'asn':
    case 'data':
    case 'data1':
    case 'data2':
      return partOf(method, value, line);
    case 'min':
    case 'max':
      return extreme(value, method, line);
  }
}

function partOf(part: 'asn' | 'data' | 'data1' | 'data2', value: Value, line: number): Value {
  if (value.type === 'pair') {
    if (part === 'asn') return int(value.value >>> 16);
    if (part === 'data') return int(value.value & 0xffff);
  }
  if (value.type === 'lc') {
    const index = { asn: 0, data: -1, data1: 1, data2: 2 }[part];
    if (index >= 0) return int((value.value[index] ?? 0) >>> 0);
  }
  return fail('Community or route origin expected', line);
}

function pairOf(first: Value, second: Value, line: number): Value {
  if (first.type !== 'int' || second.type !== 'int') {
    return fail("Can't operate with value of non-integer type in pair constructor", line);
  }
  if (first.value > 0xffff || second.value > 0xffff) {
    return fail("Can't operate with value out of bounds in pair constructor", line);
  }
  return { type: 'pair', value: ((first.value << 16) | second.value) >>> 0 };
}

/** nest/attrs.h: ec_as2(), ec_as4(), ec_ip4(), ec_generic(). */
function extendedOf(kind: number | 'generic', of: { key: Value; number: Value }, line: number): Value {
  const { key, number } = of;
  const quad = asQuad(key);
  const wide = key.type === 'int' ? key.value : quad;
  if (wide === undefined) return fail("Can't operate with key of non-integer/IPv4 type in EC constructor", line);
  if (number.type !== 'int') return fail("Can't operate with value of non-integer type in EC constructor", line);
  if (kind === 'generic') return { type: 'ec', value: [wide, number.value] };
  if (quad === undefined && wide < 0x10000) {
    return { type: 'ec', value: [((kind << 16) | wide) >>> 0, number.value] };
  }
  if (number.value > 0xffff) return fail("Can't operate with value out of bounds in EC constructor", line);
  const type = kind | (quad === undefined ? 0x0200 : 0x0100);
  return {
    type: 'ec',
    value: [((type << 16) | (wide >>> 16)) >>> 0, (((wide & 0xffff) << 16) | number.value) >>> 0],
  };
}

function compileMask(items: readonly PathMaskTerm[], line: number): Evaluate {
  const parts = items.map((item): PathMaskItem | Evaluate => (item.kind === 'term' ? compileTerm(item.term) : item));
  return (run) => ({
    type: 'mask',
    value: parts.flatMap((part): readonly PathMaskItem[] => {
      if (typeof part !== 'function') return [part];
      const value = part(run);
      if (value.type === 'int') return [{ kind: 'as', from: value.value, to: value.value }];
      const isBird2 = run.environment.dialect === 'bird-2';
      if (value.type === 'mask' && !isBird2) return value.value;
      if (value.type === 'set' && isBird2) {
        const isOfNumbers = ['int', 'void'].includes(value.value.itemType);
        return isOfNumbers ? [{ kind: 'set', set: value.value }] : fail('Only integer sets allowed in path mask', line);
      }
      return fail('Error resolving path mask template: value not an integer', line);
    }),
  });
}

function compileCall(callee: FunctionDefinition, values: readonly Term[], line: number): Evaluate {
  const evaluated = values.map(compileTerm);
  return (run) => {
    const step = callFunction(run, callee, evaluated, line);
    if (step > STEP.return) {
      run.verdict = step;
      throw HALT;
    }
    return run.result;
  };
}

/** So many calls inside each other are run. Differs: a BIRD 2.0.12 whose stack (F_VAL_STACK_MAX) is full dies. */
const MAX_CALLS = 1000;

/** The function's outcome: continue or return, with `run.result`, or a verdict. */
export function callFunction(
  run: FilterRun,
  callee: FunctionDefinition,
  values: readonly Evaluate[],
  line: number,
): number {
  const frame: Value[] = Array.from({ length: callee.slots }, () => VOID);
  callee.parameters.forEach(({ slot, type }, i) => {
    const value = values[i]?.(run) ?? VOID;
    frame[slot] = convert(value, type) ?? fail('Assigning to variable of incompatible type', line);
  });
  if (run.calls === MAX_CALLS) return fail('Filter execution stack overflow', line);
  const outer = run.frame;
  run.frame = frame;
  run.result = VOID;
  run.calls += 1;
  const step = run.program.body(callee)(run);
  run.calls -= 1;
  run.frame = outer;
  if (step > STEP.return) run.endedIn ??= callee.name;
  return step;
}

/** The value as a variable of that type takes it; undefined where it does not. */
export const convert = (value: Value, type: string): Value | undefined => {
  if (value.type === type || value.type === 'void') return value;
  if (type === 'set' && value.type === 'prefix set') return value;
  const quad = type === 'quad' ? asQuad(value) : undefined;
  return quad === undefined ? undefined : { type: 'quad', value: quad };
};

/** FI_DEFINED: 1.6 knows only values that are void; in 2 a list that nobody made is not defined either. */
const isDefined = (value: Value, { environment }: FilterRun): boolean =>
  value.type !== 'void' && !(environment.dialect === 'bird-2' && 'value' in value && value.value === NULL_LIST);

export function compileTerm(term: Term): Evaluate {
  switch (term.kind) {
    case 'constant': {
      const { value } = term;
      return () => value;
    }
    case 'variable': {
      const { slot } = term.variable;
      return (run) => run.frame[slot] ?? VOID;
    }
    case 'binary':
      return compileBinary(term);
    case 'not': {
      const inner = compileTerm(term.term);
      return (run) => {
        const value = inner(run);
        return value.type === 'bool' ? bool(!value.value) : fail('Not applied to non-boolean', term.line);
      };
    }
    case 'defined': {
      const inner = compileTerm(term.term);
      return (run) => bool(isDefined(inner(run), run));
    }
    case 'static':
      return (run) => readStatic(run, term.attribute, term.line);
    case 'attribute':
      return (run) => readAttribute(run, term.attribute, term.line);
    case 'preference':
      return (run) => int(run.require(term.line).preference);
    case 'empty':
      return () => NULL_LISTS[term.of];
    case 'call':
      return compileCall(term.callee, term.values, term.line);
    default:
      return compileConstructor(term);
  }
}

type Constructor = Exclude<
  Term,
  {
    kind:
      | 'constant'
      | 'variable'
      | 'binary'
      | 'not'
      | 'defined'
      | 'static'
      | 'attribute'
      | 'preference'
      | 'empty'
      | 'call';
  }
>;

function compileConstructor(term: Constructor): Evaluate {
  switch (term.kind) {
    case 'pair': {
      const [first, second] = [compileTerm(term.first), compileTerm(term.second)];
      return (run) => pairOf(first(run), second(run), term.line);
    }
    case 'ec': {
      const [key, number] = [compileTerm(term.key), compileTerm(term.number)];
      return (run) => extendedOf(term.community, { key: key(run), number: number(run) }, term.line);
    }
    case 'lc': {
      const parts = term.parts.map(compileTerm);
      return (run) => {
        const [a, b, c] = parts.map((part) => part(run));
        return a?.type === 'int' && b?.type === 'int' && c?.type === 'int'
          ? { type: 'lc', value: [a.value, b.value, c.value] }
          : fail("Can't operate with value of non-integer type in LC constructor", term.line);
      };
    }
    case 'mask':
      return compileMask(term.items, term.line);
    case 'method': {
      const inner = compileTerm(term.term);
      return (run) => applyMethod(term.method, inner(run), term.line);
    }
    case 'ip-mask': {
      const [inner, length] = [compileTerm(term.term), compileTerm(term.length)];
      return (run) => {
        const ip = inner(run);
        const bits = length(run);
        if (bits.type !== 'int') return fail('Integer expected', term.line);
        if (ip.type !== 'ip') return fail('You can mask only IP addresses', term.line);
        return { type: 'ip', value: maskIp(ip.value, Math.min(bits.value, maxLength(ip.value))) };
      };
    }
    case 'list': {
      const [inner, argument] = [compileTerm(term.term), compileTerm(term.argument)];
      return (run) => {
        const outcome = changeList(inner(run), term.operation, argument(run));
        return typeof outcome === 'string' ? fail(outcome, term.line) : outcome;
      };
    }
    case 'format': {
      const inner = compileTerm(term.term);
      return (run) => ({ type: 'string', value: formatValue(inner(run)) });
    }
  }
}

function compileBinary(term: Extract<Term, { kind: 'binary' }>): Evaluate {
  const [left, right] = [compileTerm(term.left), compileTerm(term.right)];
  const { operator, line } = term;
  if (operator === '&&' || operator === '||') {
    const shortcut = operator === '||';
    return (run) => {
      const first = left(run);
      if (first.type !== 'bool') return fail("Can't do boolean operation on non-booleans", line);
      if (first.value === shortcut) return first;
      const second = right(run);
      return second.type === 'bool' ? second : fail("Can't do boolean operation on non-booleans", line);
    };
  }
  if (operator === '=') return (run) => bool(sameValue(left(run), right(run)));
  if (operator === '!=') return (run) => bool(!sameValue(left(run), right(run)));
  return (run) => {
    const outcome = evaluateBinary(operator, left(run), right(run));
    return typeof outcome === 'string' ? fail(outcome, line) : outcome;
  };
}
