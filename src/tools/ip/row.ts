/**
 * What `ip` and `bridge` print, as text and as JSON at once (iproute2's lib/json_print.c, lib/json_writer.c): each
 * field is said once, with its name for `-j` and its words for people.
 */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export class Row {
  readonly json: Record<string, JsonValue> = {};
  text = '';

  /** PRINT_ANY. */
  add(key: string, value: JsonValue, text: string): this {
    this.json[key] = value;
    this.text += text;
    return this;
  }

  /** PRINT_FP. */
  say(text: string): this {
    this.text += text;
    return this;
  }

  /** PRINT_JSON. */
  note(key: string, value: JsonValue): this {
    this.json[key] = value;
    return this;
  }
}

export interface OutputForm {
  readonly json: boolean;
  /** `-p`: JSON for people. */
  readonly pretty: boolean;
  /** `-o`: a record a line. */
  readonly oneLine: boolean;
}

/** The records of one command. */
export function printRows(rows: readonly Row[], { json, pretty, oneLine }: OutputForm): string {
  if (json)
    return `${formatJson(
      rows.map((row) => row.json),
      pretty,
    )}\n`;
  return rows.map(({ text }) => `${oneLine ? text.replaceAll('\n', '\\') : text}\n`).join('');
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

/** Compact, or as jsonw_pretty() has it: a field a line, lists in one line around their elements. */
export function formatJson(value: JsonValue, pretty: boolean, depth = 0): string {
  if (!pretty || value === null || typeof value !== 'object') return JSON.stringify(value);
  const inside = (element: JsonValue): string => formatJson(element, true, depth + 1);
  if (isList(value)) return value.length === 0 ? '[ ]' : `[ ${value.map(inside).join(',')} ]`;
  const indent = '    '.repeat(depth + 1);
  const fields = Object.entries(value).map(([key, field]) => `\n${indent}${JSON.stringify(key)}: ${inside(field)}`);
  return fields.length === 0 ? '{}' : `{${fields.join(',')}\n${'    '.repeat(depth)}}`;
}
