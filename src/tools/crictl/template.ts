/** `-o go-template`: texts with `{{.info.pid}}` in them. What else templates of Go can do is not offered. */

import type { Json } from './status.js';

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/g;
const FIELDS = /^(?:\.[A-Za-z_]\w*)+$/;

function fieldOf(value: Json | undefined, name: string): Json | undefined {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMap ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}

/** The text, or what is wrong with the template. */
export function filledTemplate(
  template: string,
  value: Json,
): { readonly text: string } | { readonly problem: string } {
  const wrong: string[] = [];
  const text = template.replaceAll(ACTION, (_, action: string) => {
    if (!FIELDS.test(action)) {
      wrong.push(`only fields such as {{.info.pid}} are offered in templates here, and not {{${action}}}`);
      return '';
    }
    let found: Json | undefined = value;
    for (const name of action.slice(1).split('.')) {
      found = fieldOf(found, name);
      if (found === undefined) {
        wrong.push(`execute template: failed to template data: map has no entry for key "${name}"`);
        return '';
      }
    }
    return typeof found === 'object' ? JSON.stringify(found) : String(found);
  });
  const [problem] = wrong;
  return problem === undefined ? { text } : { problem };
}
