/**
 * Filters at work (filter/filter.c: interpret()). The syntax tree becomes closures once; a run works on a copy of
 * the route, made when something is first set. A runtime error ends the run with verdict `error`, which every caller
 * takes as a refusal.
 */

import { type AttributeDefinition, withoutAttributes } from '../rib/attributes.js';
import { callFunction, compileTerm, convert, fail } from './compile-term.js';
import { storableValue, writeStatic } from './route-access.js';
import { type Execute, type FilterRun, STEP } from './run.js';
import { inRange } from './sets.js';
import type { Command, Term } from './syntax.js';
import { formatValue, int, type Value } from './value.js';

function setAttribute(run: FilterRun, attribute: AttributeDefinition, value: Value, line: number): void {
  const route = run.require(line);
  const stored = storableValue(attribute, value, route.attributes);
  if (stored.error !== undefined) fail(stored.error, line);
  else if (stored.value !== undefined) {
    run.setAttribute(attribute.id, stored.value);
    run.touch(attribute.id);
  }
}

function compileIf(command: Extract<Command, { kind: 'if' }>): Execute {
  const condition = compileTerm(command.condition);
  const [whenTrue, whenFalse] = [compileCommands(command.whenTrue), compileCommands(command.whenFalse)];
  return (run) => {
    const value = condition(run);
    if (value.type !== 'bool') return fail('If requires boolean expression', command.line);
    return value.value ? whenTrue(run) : whenFalse(run);
  };
}

function compileCase(command: Extract<Command, { kind: 'case' }>): Execute {
  const term = compileTerm(command.term);
  const branches = command.branches.map(({ ranges, body }) => ({ ranges, body: compileCommands(body) }));
  const otherwise = command.otherwise === undefined ? undefined : compileCommands(command.otherwise);
  return (run) => {
    const value = term(run);
    const branch = branches.find(({ ranges }) => ranges.some(({ from, to }) => inRange(value, from, to)));
    return (branch?.body ?? otherwise)?.(run) ?? STEP.next;
  };
}

/** Elements that BIRD 2's `for` goes through. */
function elementsOf(value: Value, line: number): readonly Value[] {
  switch (value.type) {
    case 'path':
      return value.value.flatMap(({ asns }) => asns.map(int));
    case 'clist':
      return value.value.map((item) => ({ type: 'pair', value: item }));
    case 'eclist':
      return value.value.map((item) => ({ type: 'ec', value: item }));
    case 'lclist':
      return value.value.map((item) => ({ type: 'lc', value: item }));
    default:
      return fail('Type is not iterable', line);
  }
}

function compileFor(command: Extract<Command, { kind: 'for' }>): Execute {
  const term = compileTerm(command.term);
  const body = compileCommands(command.body);
  const { slot } = command.variable;
  return (run) => {
    for (const element of elementsOf(term(run), command.line)) {
      run.frame[slot] = element;
      const step = body(run);
      if (step !== STEP.next) return step;
    }
    return STEP.next;
  };
}

function compilePrint(terms: readonly Term[], newline: boolean): Execute {
  const parts = terms.map(compileTerm);
  return (run) => {
    run.print(parts.map((part) => formatValue(part(run))).join(''), newline);
    return STEP.next;
  };
}

function compileAssignments(command: Command): Execute | undefined {
  switch (command.kind) {
    case 'assign': {
      const term = compileTerm(command.term);
      const { slot, type } = command.variable;
      return (run) => {
        run.frame[slot] = convert(term(run), type) ?? fail('Assigning to variable of incompatible type', command.line);
        return STEP.next;
      };
    }
    case 'set-attribute': {
      const term = compileTerm(command.term);
      return (run) => {
        setAttribute(run, command.attribute, term(run), command.line);
        return STEP.next;
      };
    }
    case 'unset':
      return (run) => {
        run.settings += 1;
        run.edit({ attributes: withoutAttributes(run.require(command.line).attributes, command.attribute.id) });
        return STEP.next;
      };
    case 'set-static': {
      const term = compileTerm(command.term);
      return (run) => {
        writeStatic(run, command.attribute, term(run), command.line);
        return STEP.next;
      };
    }
    case 'set-preference': {
      const term = compileTerm(command.term);
      return (run) => {
        run.require(command.line);
        const value = term(run);
        if (value.type !== 'int') return fail("Can't set preference to non-integer", command.line);
        if (value.value > 0xffff) return fail('Setting preference value out of bounds', command.line);
        run.edit({ preference: value.value });
        return STEP.next;
      };
    }
    default:
      return undefined;
  }
}

function compileCommand(command: Command): Execute {
  switch (command.kind) {
    case 'if':
      return compileIf(command);
    case 'case':
      return compileCase(command);
    case 'for':
      return compileFor(command);
    case 'block':
      return compileCommands(command.body);
    case 'print':
      return compilePrint(command.print, command.newline);
    case 'verdict': {
      const print = command.print.length === 0 ? undefined : compilePrint(command.print, true);
      const step = STEP[command.verdict];
      return (run) => {
        print?.(run);
        return step;
      };
    }
    case 'return': {
      const term = compileTerm(command.term);
      return (run) => {
        run.result = term(run);
        return STEP.return;
      };
    }
    case 'evaluate':
      return compileEvaluate(command.term);
    default:
      return compileAssignments(command) ?? (() => STEP.next);
  }
}

/** A call whose value nobody wants: its verdict is handed on without an exception. */
function compileEvaluate(term: Term): Execute {
  if (term.kind !== 'call') {
    const evaluate = compileTerm(term);
    return (run) => {
      evaluate(run);
      return STEP.next;
    };
  }
  const values = term.values.map(compileTerm);
  return (run) => {
    const step = callFunction(run, term.callee, values, term.line);
    return step > STEP.return ? step : STEP.next;
  };
}

export function compileCommands(commands: readonly Command[]): Execute {
  const steps = commands.map(compileCommand);
  const [only] = steps;
  if (steps.length === 0) return () => STEP.next;
  if (steps.length === 1 && only !== undefined) return only;
  return (run) => {
    for (const step of steps) {
      const next = step(run);
      if (next !== STEP.next) return next;
    }
    return STEP.next;
  };
}
