/** Words of a command line as iptables-restore and ipset restore split them, and the quoting that goes back. */

/** What a line came apart into; `unclosed` where a quote was left open. */
export interface Words {
  readonly words: readonly string[];
  readonly unclosed: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const isBlank = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;

/**
 * libxtables' add_param_to_argv(): blanks separate, double quotes hold together, and inside them a backslash
 * takes the next character as it is. Single quotes and backslashes outside mean nothing.
 */
export function splitWords(line: string): Words {
  if (!line.includes('"')) return { words: line.split(/[ \t\r\n]+/).filter((word) => word !== ''), unclosed: false };
  return splitQuoted(line);
}

/** By slices: a restore of many rules is mostly this. */
function splitQuoted(line: string): Words {
  const words: string[] = [];
  /** What is there of a word before `from`; undefined where none has begun. */
  let word: string | undefined;
  let from = 0;
  let quoted = false;
  const take = (to: number): void => {
    if (word !== undefined || to > from) word = (word ?? '') + line.slice(from, to);
  };
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code === QUOTE) {
      word = (word ?? '') + line.slice(from, i);
      quoted = !quoted;
      from = i + 1;
    } else if (quoted && code === BACKSLASH && i + 1 < line.length) {
      word = (word ?? '') + line.slice(from, i);
      from = i + 1;
      i += 1;
    } else if (!quoted && isBlank(code)) {
      take(i);
      if (word !== undefined) words.push(word);
      word = undefined;
      from = i + 1;
    }
  }
  take(line.length);
  if (word !== undefined) words.push(word);
  return { words, unclosed: quoted };
}

const PLAIN = /^[\w-]+$/;

/** libxtables' xtables_save_string(): quotes around anything but letters, digits, `_` and `-`. */
export const quoteWord = (text: string): string =>
  PLAIN.test(text) ? text : `"${text.replace(/["'\\]/g, (char) => `\\${char}`)}"`;
