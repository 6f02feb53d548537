/** Findings about the objects in the editor, at their lines. */

import { isMap, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { ChangeAnswer, Finding, ListedObject } from '../api-types.js';
import type { Remark } from './editor.js';

interface Named {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

/** As findings name an object; without a namespace it may be of the cluster or of `default`. */
function describe({ kind, metadata: { name, namespace } = {} }: Named): readonly string[] {
  return namespace === undefined ? [`${kind} ${name}`, `${kind} default/${name}`] : [`${kind} ${namespace}/${name}`];
}

/** Those that the answer has, or those of the cluster that are about its objects. */
export function findingsOf({ objects, findings }: ChangeAnswer, all: readonly Finding[]): readonly Finding[] {
  const names = new Set(objects.flatMap(describe));
  return findings ?? all.filter(({ object }) => names.has(object));
}

/** Of an object that lies in the cluster. */
export function findingsAbout({ kind, namespace, name }: ListedObject, all: readonly Finding[]): readonly Finding[] {
  const object = `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
  return all.filter((finding) => finding.object === object);
}

/** `spec.ports[0].name` → its parts. */
const pathOf = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) => (index === undefined ? part : Number(index)));

/** The line where a field stands, from 1; of the nearest that is there around it. */
function lineOfField(text: string, field: string): number | undefined {
  const lines = new LineCounter();
  const [document] = parseAllDocuments(text, { lineCounter: lines });
  if (document === undefined || !('getIn' in document)) return undefined;
  for (let path = pathOf(field); path.length > 0; path = path.slice(0, -1)) {
    const around = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const name = isMap(around)
      ? around.items.map(({ key }) => key).find((key) => String(key) === path.at(-1))
      : undefined;
    const found = name ?? document.getIn(path, true);
    if (isNode(found) && found.range) return lines.linePos(found.range[0]).line;
  }
  return undefined;
}

/** `byField`: the text is not the one that the findings' lines count in. */
export const remarksOf = (findings: readonly Finding[], byField?: string): readonly Remark[] =>
  findings.map(({ message, severity, line, field }) => {
    const at = byField === undefined ? line : lineOfField(byField, field);
    const remark = { message, severity: severity === 'warning' ? ('warning' as const) : ('info' as const) };
    return at === undefined ? remark : { ...remark, line: at };
  });
