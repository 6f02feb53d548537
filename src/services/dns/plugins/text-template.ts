/** What of Go's text/template the answers of `template` use: fields, groups, elements of the match. */

export interface Values {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  readonly class: string;
  readonly remote: string;
  readonly match: readonly (string | undefined)[];
  readonly groups: Readonly<Record<string, string | undefined>>;
}

export type TextTemplate = (values: Values) => string;

const FIELDS: Readonly<Record<string, TextTemplate>> = {
  '.Zone': ({ zone }) => zone,
  '.Name': ({ name }) => name,
  '.Type': ({ type }) => type,
  '.Class': ({ class: name }) => name,
  '.Remote': ({ remote }) => remote,
};

function action(text: string): TextTemplate | undefined {
  if (Object.hasOwn(FIELDS, text)) return FIELDS[text];
  const [, plain, quoted] = /^(?:\.Group\.(\w+)|index \.Group "(\w+)")$/.exec(text) ?? [];
  const group = plain ?? quoted;
  if (group !== undefined)
    return ({ groups, match }) => (/^\d+$/.test(group) ? match[Number(group)] : groups[group]) ?? '';
  const [, element] = /^index \.Match (\d+)$/.exec(text) ?? [];
  return element === undefined ? undefined : ({ match }) => match[Number(element)] ?? '';
}

/** Undefined where the text does more than this. */
export function compileText(text: string): TextTemplate | undefined {
  const parts: TextTemplate[] = [];
  let at = 0;
  for (const { index, 0: whole, 1: inner = '' } of text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)) {
    const before = text.slice(at, index);
    const made = action(inner);
    if (made === undefined) return undefined;
    parts.push(() => before, made);
    at = index + whole.length;
  }
  const rest = text.slice(at);
  return (values) => parts.map((part) => part(values)).join('') + rest;
}
