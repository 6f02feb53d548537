/** Whether two filters say the same (filter/filter.c: filter_same()): compared as text, wherever they stand. */

import type { FilterChoice, FunctionDefinition } from './syntax.js';

const isCallee = (key: string, value: unknown): value is FunctionDefinition =>
  key === 'callee' && typeof value === 'object' && value !== null && 'body' in value;

/** A filter with all functions that it reaches, each once; positions do not count. */
export function filterSignature(filter: FilterChoice): string {
  if (typeof filter === 'string') return filter;
  const functions = new Map<string, FunctionDefinition>();
  const text = (of: unknown): string =>
    JSON.stringify(of, (key, value: unknown) => {
      if (key === 'line') return undefined;
      if (!isCallee(key, value)) return value;
      functions.set(value.name, value);
      return value.name;
    });
  const parts = [text({ name: filter.name, body: filter.body })];
  const done = new Set<string>();
  for (const [name, definition] of functions) {
    if (done.has(name)) continue;
    done.add(name);
    parts.push(text({ name, parameters: definition.parameters, body: definition.body }));
  }
  return parts.join('\n');
}
