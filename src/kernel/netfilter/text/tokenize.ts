/** Words of a command line as iptables-restore and ipset restore split them, and the quoting that goes back. */

/** What a line came apart into; `unclosed` where a quote was left open. */
export interface Words {
  readonly words: readonly string[];
  readonly unclosed: boolean;
}

const isBlank = (char: string): boolean => char === ' ' || char === '\t' || char === '\n' || char === '\r';

/**
 * libxtables' add_param_to_argv(): blanks separate, double quotes hold together, and inside them a backslash
 * takes the next character as it is. Single quotes and backslashes outside mean nothing.
 */
export function splitWords(line: string): Words {
  if (!line.includes('"')) return { words: line.split(/[ \t\r\n]+/).filter((word) => word !== ''), unclosed: false };
  const words: string[] = [];
  let word = '';
  let started = false;
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (quoted && char === '\\' && i + 1 < line.length) {
      i += 1;
      word += line.charAt(i);
    } else if (char === '"') {
      quoted = !quoted;
      started = true;
    } else if (!quoted && isBlank(char)) {
      if (started) words.push(word);
      word = '';
      started = false;
    } else {
      word += char;
      started = true;
    }
  }
  if (started) words.push(word);
  return { words, unclosed: quoted };
}

const PLAIN = /^[\w-]+$/;

/** libxtables' xtables_save_string(): quotes around anything but letters, digits, `_` and `-`. */
export const quoteWord = (text: string): string =>
  PLAIN.test(text) ? text : `"${text.replace(/["'\\]/g, (char) => `\\${char}`)}"`;
