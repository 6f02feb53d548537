/** A Corefile as server blocks and directives (caddyfile/parse.go): keys, `{`, a directive a line, blocks of its own. */

import { type Token, tokensOf } from './tokens.js';

/** A line of a directive's block: a property and its arguments. */
export interface CorefileLine {
  readonly name: string;
  readonly args: readonly string[];
  readonly line: number;
}

export interface Directive extends CorefileLine {
  readonly block: readonly CorefileLine[];
}

export interface ServerBlock {
  /** `.:53`, `cluster.local`, as they are written. */
  readonly keys: readonly string[];
  readonly line: number;
  readonly directives: readonly Directive[];
}

/** What CoreDNS does not start with. */
export class CorefileError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'CorefileError';
    this.line = line;
  }
}

/** No snippet leads further (caddyfile's maxSnippetExpansions). */
const MAX_IMPORTS = 10_000;

const isSnippet = (keys: readonly string[]): boolean =>
  keys.length === 1 && keys[0]?.startsWith('(') === true && keys[0].endsWith(')');

class Parser {
  #tokens: readonly Token[];
  #at = 0;
  #imports = 0;
  readonly #snippets = new Map<string, readonly Token[]>();

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  blocks(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#at < this.#tokens.length) {
      const line = this.#line;
      const keys = this.#keys();
      if (isSnippet(keys)) this.#defineSnippet(keys[0] ?? '');
      else if (keys.length > 0) blocks.push({ keys, line, directives: this.#directives() });
      else if (this.#peek !== undefined) this.#fail(`unexpected '${this.#peek.text}'`);
    }
    return blocks;
  }

  get #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  get #line(): number {
    return (this.#peek ?? this.#tokens.at(-1))?.line ?? 1;
  }

  #fail(message: string): never {
    throw new CorefileError(this.#line, message);
  }

  /** A trailing comma leads on to the next line. */
  #keys(): string[] {
    const keys: string[] = [];
    let more = true;
    while (this.#peek !== undefined && (more || !this.#peek.begins)) {
      const { text, begins } = this.#peek;
      if (text === '{') break;
      if (text === 'import' && begins) {
        this.#import();
        continue;
      }
      this.#at += 1;
      more = text.endsWith(',');
      const key = more ? text.slice(0, -1) : text;
      if (key !== '') keys.push(key);
    }
    return keys;
  }

  /** The directives of a block, or of the rest where only one server is described and it has no braces. */
  #directives(): Directive[] {
    const braced = this.#peek?.text === '{';
    if (braced) this.#at += 1;
    const directives: Directive[] = [];
    for (;;) {
      const next = this.#peek;
      if (next === undefined) {
        if (braced) this.#fail("expected '}', got the end of the file");
        return directives;
      }
      if (next.text === '}') {
        if (!braced) this.#fail("unexpected '}'");
        this.#at += 1;
        return directives;
      }
      if (next.text === 'import') this.#import();
      else directives.push(this.#directive(next));
    }
  }

  #directive(first: Token): Directive {
    this.#at += 1;
    const args = this.#args();
    return { name: first.text, args, line: first.line, block: this.#peekOpens() ? this.#block() : [] };
  }

  #peekOpens(): boolean {
    return this.#peek?.text === '{' && !this.#peek.begins;
  }

  /** The words up to the end of the line, or to a brace. */
  #args(): string[] {
    const args: string[] = [];
    while (this.#peek !== undefined && !this.#peek.begins && this.#peek.text !== '{' && this.#peek.text !== '}') {
      args.push(this.#peek.text);
      this.#at += 1;
    }
    return args;
  }

  #block(): CorefileLine[] {
    this.#at += 1;
    const lines: CorefileLine[] = [];
    for (;;) {
      const next = this.#peek;
      if (next === undefined) return this.#fail("expected '}', got the end of the file");
      if (next.text === 'import' && next.begins) {
        this.#import();
        continue;
      }
      this.#at += 1;
      if (next.text === '}') return lines;
      lines.push({ name: next.text, args: this.#args(), line: next.line });
      if (this.#peekOpens()) this.#fail("unexpected '{'");
    }
  }

  #defineSnippet(key: string): void {
    const name = key.slice(1, -1);
    if (this.#snippets.has(name)) this.#fail(`redeclaration of previously declared snippet ${name}`);
    if (this.#peek?.text !== '{') this.#fail("expected '{'");
    const start = this.#at + 1;
    let depth = 0;
    do {
      const token = this.#peek;
      if (token === undefined) return this.#fail("expected '}', got the end of the file");
      if (token.text === '{') depth += 1;
      if (token.text === '}') depth -= 1;
      this.#at += 1;
    } while (depth > 0);
    this.#snippets.set(name, this.#tokens.slice(start, this.#at - 1));
  }

  /** The snippet's words take the place of `import NAME`. Files to import are those of a container, which nobody has. */
  #import(): void {
    const start = this.#at;
    const line = this.#line;
    this.#at += 1;
    const [name, ...others] = this.#args();
    if (name === undefined || others.length > 0) throw new CorefileError(line, 'import takes one argument');
    const words = this.#snippets.get(name);
    if (words === undefined) throw new CorefileError(line, `file to import not found: ${name}`);
    this.#imports += 1;
    if (this.#imports > MAX_IMPORTS) throw new CorefileError(line, 'snippets import one another without an end');
    this.#tokens = [...this.#tokens.slice(0, start), ...words, ...this.#tokens.slice(this.#at)];
    this.#at = start;
  }
}

/** @throws CorefileError */
export const parseCorefile = (text: string): readonly ServerBlock[] => new Parser(text).blocks();
