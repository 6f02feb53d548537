/**
 * POSIX regular expressions with GNU's additions (regex(7), grep(1)) as those of JavaScript. Differs: of alternatives the first that
 * matches is taken, not the longest, which shows with `grep -o` and `sed` alone.
 */

export type RegExpKind = 'basic' | 'extended' | 'fixed' | 'perl';

export interface BadPattern {
  readonly problem: string;
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

const TOKEN = /\[\^?\]?(?:\[:\w+:\]|[^\]])*(\]?)|\\[^]|[^]/g;
const BRACKET = /\[:(\w+):\]|[\\[]|[^]/g;

/** What is between brackets: a backslash is one, and a class has a name. */
export function bracketSource(token: string): string {
  const [, open = '', inside = ''] = /^(\[\^?)([^]*)\]$/.exec(token) ?? [];
  return `${open}${inside.replaceAll(BRACKET, (one, name?: string) => {
    if (name !== undefined) return CLASSES[name] ?? '';
    return one === '\\' || one === '[' || one === ']' ? `\\${one}` : one;
  })}]`;
}

const ESCAPED: Readonly<Record<string, string>> = { '<': '\\b(?=\\w)', '>': '\\b(?<=\\w)' };

/** Characters that a basic expression means by themselves, and by what they are for behind a backslash. */
const SWAPPED = '(){}|+?';

export const escapeRegExp = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);

function tokenSource(token: string, kind: 'basic' | 'extended', neighbours: readonly [string, string]): string {
  const [before, after] = neighbours;
  const begins = before === '' || before === '(' || before === '|';
  if (token.length > 1 && token.startsWith('[')) return bracketSource(token);
  if (token.startsWith('\\')) {
    const letter = token.slice(1);
    if (SWAPPED.includes(letter)) return kind === 'basic' ? letter : token;
    return ESCAPED[letter] ?? (/[\wbBsSW]/.test(letter) ? token : escapeRegExp(letter));
  }
  if (token === '*' && (begins || before === '^')) return '\\*';
  if (kind === 'extended') return token === '{' && !/^\d/.test(after) ? '\\{' : token;
  if (token === '^' && !begins) return '\\^';
  if (token === '$' && after !== '' && after !== '\\)' && after !== '\\|') return '\\$';
  return SWAPPED.includes(token) ? `\\${token}` : token;
}

function posixSource(pattern: string, kind: 'basic' | 'extended'): string | BadPattern {
  const tokens: string[] = [];
  for (const [token, closing] of pattern.matchAll(TOKEN)) {
    if (token.startsWith('[') && closing !== ']') return { problem: 'Unmatched [, [^, [:, [., or [=' };
    tokens.push(token);
  }
  const meaning = (token = ''): string => (kind === 'basic' && /^\\[(|]$/.test(token) ? token.slice(1) : token);
  let depth = 0;
  const sources = tokens.map((token, i) => {
    // Of an extended expression a parenthesis that closes none is one.
    if (kind === 'extended' && token === ')' && depth === 0) return '\\)';
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
    return tokenSource(token, kind, [meaning(tokens[i - 1]), tokens[i + 1] ?? '']);
  });
  return sources.join('');
}

export interface PatternForm {
  readonly kind: RegExpKind;
  readonly ignoreCase: boolean;
  /** `-w`, `-x`. */
  readonly whole: 'word' | 'line' | undefined;
}

/** One that finds any of the patterns; each is a line of its own, as grep takes them. */
export function posixRegExp(
  patterns: readonly string[],
  { kind, ignoreCase, whole }: PatternForm,
): RegExp | BadPattern {
  const sources: string[] = [];
  for (const pattern of patterns.flatMap((one) => one.split('\n'))) {
    const source = kind === 'fixed' ? escapeRegExp(pattern) : kind === 'perl' ? pattern : posixSource(pattern, kind);
    if (typeof source !== 'string') return source;
    sources.push(`(?:${source})`);
  }
  const any = sources.join('|');
  const bounded = { word: `(?<!\\w)(?:${any})(?!\\w)`, line: `^(?:${any})$`, any }[whole ?? 'any'];
  return compiled(bounded, ignoreCase ? 'gi' : 'g');
}

/** One pattern for texts of several lines (sed(1)): a newline in it is one, and `.` finds one. */
export function posixTextRegExp(
  pattern: string,
  { kind, flags }: { readonly kind: 'basic' | 'extended'; readonly flags: string },
): RegExp | BadPattern {
  const source = posixSource(pattern, kind);
  return typeof source === 'string' ? compiled(source, `gs${flags}`) : source;
}

function compiled(source: string, flags: string): RegExp | BadPattern {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    if (/Unterminated group/.test(error.message)) return { problem: 'Unmatched ( or \\(' };
    return { problem: /Unmatched/.test(error.message) ? 'Unmatched ) or \\)' : 'Invalid regular expression' };
  }
}
