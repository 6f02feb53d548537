/** The words of a Corefile (caddyfile/lexer.go): parted by blanks, `"…"` is one, `#` begins a comment. */

export interface Token {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** The first on its line. */
  readonly begins: boolean;
}

const isBlank = (char: string): boolean => /\s/.test(char);

/** Inside quotes only a quote is escaped; a `#` anywhere outside them ends the line, as in Caddy. */
function quoted(text: string, start: number): { readonly word: string; readonly end: number; readonly lines: number } {
  let word = '';
  let lines = 0;
  let at = start;
  while (at < text.length && text[at] !== '"') {
    const char = text[at] ?? '';
    const escaped = char === '\\' && text[at + 1] === '"';
    if (char === '\n') lines += 1;
    word += escaped ? '"' : char;
    at += escaped ? 2 : 1;
  }
  return { word, end: at + 1, lines };
}

export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let last = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '\n') line += 1;
    if (isBlank(char)) {
      at += 1;
    } else if (char === '#') {
      while (at < text.length && text[at] !== '\n') at += 1;
    } else if (char === '"') {
      const { word, end, lines } = quoted(text, at + 1);
      tokens.push({ text: word, line, begins: line !== last });
      line += lines;
      last = line;
      at = end;
    } else {
      let end = at;
      while (end < text.length && !isBlank(text[end] ?? '') && text[end] !== '#') end += 1;
      tokens.push({ text: text.slice(at, end), line, begins: line !== last });
      last = line;
      at = end;
    }
  }
  return tokens;
}
