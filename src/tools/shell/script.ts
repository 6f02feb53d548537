/**
 * What `sh -c` reads (POSIX, Shell Command Language): commands with `;`, `&&`, `||` and `|` between them, quotes, `$(…)`, `$?`,
 * patterns of file names, and what leads output away. The rest of a shell is refused by name.
 */

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  /** `*`, `?` or `[…]` that nobody has quoted. */
  | { readonly kind: 'pattern'; readonly text: string }
  /** `$?` */
  | { readonly kind: 'status' }
  /** `$(…)`: outside of double quotes what it prints is taken apart into words. */
  | { readonly kind: 'output'; readonly script: Script; readonly quoted: boolean };

export type Word = readonly Part[];

/** Standard output, standard error, /dev/null. */
export type Sink = 'out' | 'err' | 'nowhere';

/** `2>&1`: what goes to a descriptor goes where another does, or nowhere. `<FILE`: what a command reads. */
export type Redirection =
  | { readonly from: 1 | 2; readonly to: 1 | 2 | 'nowhere' }
  | { readonly from: 0; readonly file: Word };

export interface Command {
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
}

export interface Pipeline {
  readonly commands: readonly Command[];
  /** What stands before it. */
  readonly after: ';' | '&&' | '||';
}

export type Script = readonly Pipeline[];

export interface Unread {
  readonly problem: string;
}

export const isUnread = (read: Script | Unread): read is Unread => 'problem' in read;

const OUTPUT = String.raw`\$\((?:[^()'"]|'[^']*'|"[^"]*")*\)`;
/** A dollar sign with no name behind it stands for itself. */
const REFUSED = String.raw`\$(?=[\w{(@*#!$-])|\x60`;
const WORD = String.raw`(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|${OUTPUT}|[^\s;&|<>'"\\])+`;
const TOKEN = new RegExp(
  String.raw`[ \t\r]*(?:(&&|\|\||;;?|[|\n])|(\d?)(>>|>&|>|<)[ \t]*(${WORD})?|(${WORD})|(.))`,
  'gsy',
);

const PART = new RegExp(
  String.raw`'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|${OUTPUT}|\$\?|[*?]|\[[^\]]+\]|(${REFUSED}|[(){}])|([^'"\\])`,
  'gs',
);
const IN_QUOTES = new RegExp(String.raw`\\([$\x60"\\\n])|${OUTPUT}|\$\?|(${REFUSED})|([^])`, 'gs');

/** Words that mean something where a command begins. */
const RESERVED = new Set([
  '!',
  'case',
  'do',
  'done',
  'elif',
  'else',
  'esac',
  'fi',
  'for',
  'if',
  'then',
  'until',
  'while',
]);

/** Thrown within this module alone. */
class NotOffered extends Error {}

const notOffered = (what: string): never => {
  throw new NotOffered(`"${what}" is not offered here, but quoted`);
};

/** `$(…)` or `$?`. */
function substitution(text: string, quoted: boolean): Part {
  if (text === '$?') return { kind: 'status' };
  return { kind: 'output', script: scriptOf(text.slice(2, -1)), quoted };
}

function quotedParts(text: string): readonly Part[] {
  return [...text.matchAll(IN_QUOTES)].map(([whole, escaped, refused, plain]): Part => {
    if (refused !== undefined) notOffered(refused);
    const literal = escaped ?? plain;
    return literal === undefined ? substitution(whole, true) : { kind: 'text', text: literal };
  });
}

/** A word without its quotes (2.2). */
function wordOf(token: string): Word {
  const comment = /^[#~]/.exec(token);
  if (comment !== null) notOffered(comment[0]);
  return [...token.matchAll(PART)].flatMap(([whole, single, double, escaped, refused, plain]): readonly Part[] => {
    if (double !== undefined) return [{ kind: 'text', text: '' }, ...quotedParts(double)];
    if (refused !== undefined) notOffered(refused);
    const text = single ?? escaped ?? plain;
    if (text !== undefined) return [{ kind: 'text', text }];
    return whole.startsWith('$') ? [substitution(whole, false)] : [{ kind: 'pattern', text: whole }];
  });
}

function redirectionOf(descriptor: string, operator: string, target: string): Redirection {
  if (operator === '<' && (descriptor === '' || descriptor === '0') && target !== '')
    return { from: 0, file: wordOf(target) };
  const from = descriptor === '' || descriptor === '1' ? 1 : descriptor === '2' ? 2 : notOffered(descriptor + operator);
  if (operator === '>&' && (target === '1' || target === '2')) return { from, to: target === '1' ? 1 : 2 };
  if (operator !== '>&' && target === '/dev/null') return { from, to: 'nowhere' };
  throw new NotOffered(`"${operator}" is not offered here, but for /dev/null, 1 and 2: no file is written`);
}

/** @throws NotOffered */
function scriptOf(text: string): Script {
  const script: Pipeline[] = [];
  let commands: Command[] = [];
  let words: Word[] = [];
  let redirections: Redirection[] = [];
  let after: Pipeline['after'] = ';';
  const hasCommand = (): boolean => words.length > 0 || redirections.length > 0;
  const endCommand = (by: string): void => {
    if (!hasCommand()) throw new NotOffered(`Syntax error: ${by} unexpected`);
    commands.push({ words, redirections });
    words = [];
    redirections = [];
  };
  const endPipeline = (by: string, next: Pipeline['after']): void => {
    endCommand(by);
    script.push({ commands, after });
    commands = [];
    after = next;
  };
  for (const [, separator, descriptor = '', operator, target = '', word, stray] of text.trim().matchAll(TOKEN)) {
    if (stray !== undefined) notOffered(stray);
    else if (word !== undefined) {
      if (words.length === 0 && RESERVED.has(word)) notOffered(word);
      words.push(wordOf(word));
    } else if (operator !== undefined) redirections.push(redirectionOf(descriptor, operator, target));
    else if (separator === ';;') throw new NotOffered('Syntax error: ";;" unexpected');
    else if (separator === '|') endCommand('"|"');
    else if (separator === '&&' || separator === '||') endPipeline(`"${separator}"`, separator);
    // A line may end behind an operator, and there may be nothing in it.
    else if (separator === ';' || hasCommand()) endPipeline('";"', ';');
  }
  if (hasCommand() || commands.length > 0 || after !== ';') endPipeline('end of file', ';');
  return script;
}

export function readScript(text: string): Script | Unread {
  try {
    return scriptOf(text);
  } catch (error) {
    if (error instanceof NotOffered) return { problem: error.message };
    throw error;
  }
}
